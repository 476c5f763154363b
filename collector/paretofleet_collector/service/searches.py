"""What the command and the drivers of searches ask for: make one, record its trials, list, show, change it.

A search is driven beside the command, by a process that may be killed; its truth is here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa

from paretofleet_collector.errors import Refused
from paretofleet_collector.identity import peers
from paretofleet_collector.identity.peers import Peer
from paretofleet_collector.model.searches import (
    SEARCH_STATES,
    SPLITS,
    TRIAL_KINDS,
    NewSearch,
    SearchDetail,
    SearchRecord,
    SearchTraining,
    SearchView,
)
from paretofleet_collector.planning.values import checked_name
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import searches
from paretofleet_collector.suggest import did_you_mean

T = TypeVar("T")


async def create(context: Context, request_id: str, new: NewSearch, person: str) -> SearchView:
    """Stores a `new` search of a `person` in `context`; the same `request_id` again returns the one it made.

    Raises Refused for a name that is none, Taken for one that is taken.
    """
    if not request_id:
        raise Refused("A search is made with a request id of 1 to 64 characters; upgrade the command.")
    if not checked_name(new.name):
        raise Refused("A search needs a name: give --name, or `name` in its specification.")
    context.check_room()
    now = context.now()
    return await context.store.write(
        lambda connection: searches.create(connection, request_id, new, person, now)
    )


async def list_searches(context: Context) -> list[SearchView]:
    """Every search in `context`, the oldest first."""
    return await context.store.read(searches.listing)


async def show(context: Context, name: str) -> SearchDetail:
    """The search in `context` with a `name` or an id, with all that was recorded of it; raises NotFound."""
    return await context.store.read(lambda connection: searches.detail(connection, name))


async def change(context: Context, peer: Peer, name: str, state: str, reason: str) -> SearchView:
    """Puts the search in `context` with a `name` or an id in a `state` for a `reason`, as `peer` asks.

    Its driver hears of it at its next look. Raises NotFound, Refused and SessionRefused.
    """
    if state not in SEARCH_STATES:
        raise Refused(f"'{state}' is no state of a search; {did_you_mean(state, SEARCH_STATES)}")
    now = context.now()
    return await _changed(
        context,
        (peer, name),
        lambda connection, search_id: searches.change(connection, search_id, state, reason, now),
    )


async def record(context: Context, peer: Peer, name: str, new: SearchRecord) -> SearchView:
    """Appends a `new` record to the search with a `name` or an id in `context`, all or nothing, for `peer`.

    Raises NotFound, Refused, Taken where something else is there, and SessionRefused for another's search.
    """
    for trial in new.trials:
        if trial.kind not in TRIAL_KINDS or not trial.graph:
            raise Refused(f"Trial {trial.number} is of kind '{trial.kind}'; upgrade the older side.")
    for training in new.trainings:
        _check_training(training)
    context.check_room()
    now = context.now()
    return await _changed(
        context,
        (peer, name),
        lambda connection, search_id: searches.append(connection, search_id, new, now),
    )


async def delete(context: Context, peer: Peer, name: str) -> SearchView:
    """Deletes the search in `context` with a `name` or an id, as `peer` asks; its sweeps stay.

    Returns it as it was. Raises NotFound and SessionRefused.
    """

    def work(connection: sa.Connection, search_id: str) -> SearchView:
        view = searches.find(connection, search_id)
        searches.delete(connection, search_id)
        return view

    return await _changed(context, (peer, name), work)


async def _changed(context: Context, target: tuple[Peer, str], work: Callable[[sa.Connection, str], T]) -> T:
    """What `work` does to the search that a peer names, if that one may."""
    peer, name = target

    def checked(connection: sa.Connection) -> T:
        search_id, person = searches.submitted_by(connection, name)
        peers.check_submitter(peer, person, name, "search")
        return work(connection, search_id)

    return await context.store.write(checked)


def _check_training(training: SearchTraining) -> None:
    """An accuracy comes with its items; what failed has none, but a reason."""
    if training.split not in SPLITS:
        raise Refused(f"'{training.split}' is no split of a set; {did_you_mean(training.split, SPLITS)}")
    if training.reason:
        is_whole = training.top1 is None
    else:
        is_whole = training.top1 is not None and bool(training.top1_n)
    if not is_whole:
        raise Refused(
            f"The training of trial {training.trial} has neither an accuracy of its items nor a reason."
        )
