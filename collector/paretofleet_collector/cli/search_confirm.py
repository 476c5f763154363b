"""`paretofleet search confirm`: what a search selected, trained on the test split and measured anew."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paretofleet_collector.cli.search_kept import SearchName
from paretofleet_collector.cli.search_run import checked_origin
from paretofleet_collector.cli.search_show import ReadSearch, read_from
from paretofleet_collector.cli.session import notify, search_client
from paretofleet_collector.cli.sweep_follow import follow_sweep, submit_spec, write_name
from paretofleet_collector.cli.units import counted
from paretofleet_collector.errors import Refused, Taken
from paretofleet_collector.model.searches import RUNNING

if TYPE_CHECKING:
    from paretofleet_collector.rpc.search_client import SearchClient
    from paretofleet_collector.searches.confirming import Confirming

EXAMPLE = "Example: paretofleet search confirm edge1 --seeds 3 --protocol standard"


@dataclass(frozen=True)
class Anew:
    """How a front is confirmed: from how many `seeds`, by which `protocol`, at most `members_max` of it."""

    seeds: int
    protocol: str
    members_max: int | None


def confirm(
    context: typer.Context,
    search: SearchName,
    *,
    seeds: Annotated[int, typer.Option(min=1, max=20, metavar="N", help="Trainings of each member.")] = 3,
    protocol: Annotated[str, typer.Option(metavar="NAME", help="How long each run is.")] = "standard",
    members: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="At most so many, the surest of a front.", show_default="whole fronts"
        ),
    ] = None,
) -> None:
    """Train what a search selected on the test split, and measure it anew, as a sweep NAME-confirmed.

    Again, it goes on where it was: nothing is trained or measured twice. The sweep's name goes to standard
    output.
    """
    from paretofleet_collector.searches import process

    with search_client(context) as client:
        view = client.show_search(search).search
        if view.state == RUNNING:
            raise Refused(
                f"'{view.name}' is running, so its fronts may still change; wait, or stop it with "
                f"`paretofleet search stop {view.name}`."
            )
        folder = process.search_folder(view.search_id)
        origin = process.origin(folder)
        if origin is None:
            raise Refused(f"'{view.name}' was not started on this machine: confirm it there.")
        checked_origin(view, origin)
        with process.driving(folder):
            code = _confirm(client, view.search_id, folder, Anew(seeds, protocol, members))
    if code:
        raise typer.Exit(code)


def _confirm(client: SearchClient, search_id: str, folder: Path, anew: Anew) -> int:
    """Trains, measures and says who is confirmed; returns the exit code."""
    from paretofleet_collector.searches import process
    from paretofleet_collector.searches.confirming import Confirming, selected_members

    read = read_from(client, search_id)
    detail, table = read.detail, read.table
    numbers = selected_members(table, detail.search.seed, anew.members_max)
    notify(
        f"{counted(len(numbers), 'member')} of {detail.search.name} selected: each is trained from "
        f"{counted(anew.seeds, 'seed')} on the test split, while this host measures nothing"
    )
    lock = os.environ.get(process.LOCK_FOLDER)
    confirming = Confirming(
        client, detail, table.specification, folder, Path(lock) if lock else None, note=notify
    )
    models = _trained(confirming, numbers, anew.seeds)
    spec = confirming.sweep(models, tuple(table.by_device), anew.protocol)
    try:
        sweep, _ = submit_spec(client, spec, confirming.request_id(spec), keep_name=True)
    except Taken:
        raise Taken(
            f"There is a sweep '{spec.name}' of other members, or by another protocol: delete it with "
            f"`paretofleet sweep delete {spec.name}`, and run this again; trainings are kept."
        ) from None
    write_name(sweep, is_followed=True)
    code = follow_sweep(client, sweep.name)
    _conclude(read_from(client, search_id))
    return code


def _trained(confirming: Confirming, numbers: Sequence[int], seeds: int) -> dict[int, str]:
    """The trained networks of those trials that could be trained, by trial, as the collector calls them."""
    models = {}
    for number in numbers:
        trainings = confirming.train(number, seeds)
        if not any(each.reason for each in trainings):
            models[number] = confirming.send(trainings)
    if not models:
        raise Refused(f"None of {counted(len(numbers), 'member')} could be trained; the reasons stand above.")
    return models


def _conclude(read: ReadSearch) -> None:
    """Says of each device who is confirmed, and what can be done next."""
    from paretofleet_collector.searches.confirmed import confirmed_name
    from paretofleet_collector.searches.fronts import CONFIRMED, FAILED
    from paretofleet_collector.searches.second_seeds import seed_sentences

    name = read.detail.search.name
    for device, verdicts in read.confirmations().items():
        sure = [str(number) for number, each in sorted(verdicts.items()) if each.verdict == CONFIRMED]
        who = f"trials {', '.join(sure)}" if len(sure) > 1 else f"trial {sure[0]}" if sure else "none"
        notify(
            f"{device}: confirmed {'are' if len(sure) > 1 else 'is'} {who} of {len(verdicts)} trained anew"
        )
        for number, each in sorted(verdicts.items()):
            if each.verdict == FAILED:
                notify(f"{device}: trial {number} failed anew: {each.reason}")
    for sentence in seed_sentences(read.table, read.anew, name):
        notify(sentence)
    notify(f"see `paretofleet search show {name}`, and `paretofleet rank {confirmed_name(name)}`")
