"""From a specification to a sweep: planned, or stored with its first blocks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from itertools import islice
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.errors import CollectorError, Refused
from paretofleet_collector.identity import peers
from paretofleet_collector.identity.peers import Peer
from paretofleet_collector.lifecycle import transitions
from paretofleet_collector.model.entities import Plan, Refusal
from paretofleet_collector.model.views import PlanView, SweepView
from paretofleet_collector.models import variants, zoo
from paretofleet_collector.planning.data import check_data_sent, sent_files
from paretofleet_collector.planning.expansion import Feed, feed_of, plan
from paretofleet_collector.planning.inputs import check_sent
from paretofleet_collector.planning.parsing import parse_json
from paretofleet_collector.planning.specification import Spec
from paretofleet_collector.service import catalogue, inputs, recipes, unfinished
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import (
    assignments,
    configurations,
    devices,
    input_files,
    models,
    progress,
    runs,
    sweeps,
)

#: Sizes of one file that are tried against its own shapes when a sweep is planned.
FEEDS_TRIED = 64


async def plan_sweep(context: Context, spec_json: str) -> PlanView:
    """What the specification `spec_json` would run in `context`; raises Refused or NotFound."""
    return PlanView.of((await _planned(context, spec_json))[1])


async def check_submitter(context: Context, peer: Peer, name: str) -> str:
    """The id of the sweep of `context` with a `name` or an id, which `peer` may change.

    What is done to it goes by the id: meanwhile the name may be that of another's sweep. Raises
    SessionRefused where `peer` may not, and NotFound.
    """

    def work(connection: sa.Connection) -> str:
        sweep_id = sweeps.find(connection, name).sweep_id
        peers.check_submitter(peer, sweeps.submitted_by(connection, sweep_id), name)
        return sweep_id

    return await context.store.read(work)


async def submit(
    context: Context, request_id: str, spec_json: str, submitted_by: str = "", *, keep_name: bool = False
) -> tuple[SweepView, tuple[Refusal, ...]]:
    """Stores a sweep of the specification `spec_json` with its first blocks in `context`.

    It is `submitted_by` a person, or the local command where that is empty. The same `request_id` again
    returns the sweep that it made. A name that is taken gets a number, or the sweep is refused: `keep_name`.
    Returns also what is left out. Raises Refused, NotFound, Taken or StorageUnavailable.
    """
    if not request_id or len(request_id) > 64:
        raise Refused("A submission carries a request id of 1 to 64 characters; upgrade the command.")
    existing = await context.store.read(lambda connection: sweeps.by_request(connection, request_id))
    if existing is not None:
        return SweepView.of(existing), ()
    spec, planned = await _planned(context, spec_json)
    if keep_name:
        async with _without_samples_of_refused(context, spec):
            await context.store.read(lambda connection: sweeps.check_name_free(connection, spec.name))
    context.check_room()
    if planned.unmade:
        await recipes.make_missing(context, planned.unmade)
        spec, planned = await _planned(context, spec_json)
    await _build_missing(context, planned)

    def begin(connection: sa.Connection) -> str:
        sweep_id = sweeps.begin(connection, spec.to_json(), spec.repeats, spec.remarks, context.now())
        context.neighbours.claim(connection, unfinished.work_of(sweep_id))
        return sweep_id

    sweep_id = await context.store.write(begin)
    context.submitting.add(sweep_id)
    try:
        await _store_parts(context, sweep_id, spec, planned)
        view = await context.store.write(
            lambda connection: _publish(
                connection, sweep_id, (request_id, submitted_by), spec.name, keep_name=keep_name
            )
        )
        await context.neighbours.give_back(unfinished.work_of(sweep_id))
        context.notices.announce({item.configuration.device_id for item in planned.configurations})
        return view, planned.refusals
    finally:
        context.submitting.discard(sweep_id)
        context.wake_unfinished()


async def _store_parts(context: Context, sweep_id: str, spec: Spec, planned: Plan) -> None:
    """Stores configurations and runs of a sweep that nobody sees yet, slice by slice."""
    everything = planned.everything
    device_ids = dict.fromkeys(item.configuration.device_id for item in everything)

    def add_rows(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
        _check_submitted(connection, sweep_id)
        configurations.insert(connection, rows)

    def add_runs(connection: sa.Connection, new: list[runs.NewRun]) -> None:
        _check_submitted(connection, sweep_id)
        runs.append(connection, sweep_id, new, now)

    await context.store.write(
        lambda connection: assignments.insert(connection, sweep_id, device_ids, spec.repeats.runs_min)
    )
    for start in range(0, len(everything), runs.SLICE_RUNS):
        rows = configurations.rows_of(sweep_id, everything[start : start + runs.SLICE_RUNS], start)
        await context.store.write(partial(add_rows, rows=rows))
    further, now = transitions.first_blocks(planned, spec.repeats), context.now()
    while part := list(islice(further, runs.SLICE_RUNS)):
        await context.store.write(partial(add_runs, new=part))


def _check_submitted(connection: sa.Connection, sweep_id: str) -> None:
    """Raises CollectorError where another collector has given the submission up: this one stood still."""
    if not sweeps.is_submitted(connection, sweep_id):
        raise CollectorError("The sweep was taken away while it was stored; submit it again.")


def _publish(
    connection: sa.Connection, sweep_id: str, request: tuple[str, str], name: str, *, keep_name: bool
) -> SweepView:
    """Shows the sweep, or the one that the same request has made meanwhile.

    `request` is its id, and the person who made it or nothing.
    """
    request_id, person = request
    again = sweeps.by_request(connection, request_id)
    if again is not None:
        return SweepView.of(again)
    _check_submitted(connection, sweep_id)
    if person:
        sweeps.note_submitter(connection, sweep_id, person)
    sweeps.publish(connection, sweep_id, request_id, name, keep_name=keep_name)
    return SweepView.of(sweeps.find(connection, sweep_id))


async def _planned(context: Context, spec_json: str) -> tuple[Spec, Plan]:
    """What the specification means; raises Refused or NotFound."""
    spec = parse_json(spec_json)
    async with _without_samples_of_refused(context, spec):
        planned = await context.store.read(_plan_of(context, spec, {}))
        broken = await _broken(context, planned[1])
        return await context.store.read(_plan_of(context, spec, broken)) if broken else planned


@asynccontextmanager
async def _without_samples_of_refused(context: Context, spec: Spec) -> AsyncIterator[None]:
    """Removes the files of samples of `spec` that nothing else needs where the block refuses it."""
    try:
        yield
    except Refused:
        fed = [each.get("sha256", "") for each in spec.inputs.values()]
        await inputs.drop_unused(context, (*fed, *sent_files(spec.data)))
        raise


async def _broken(context: Context, planned: Plan) -> dict[Feed, str]:
    """Which sizes the files of a plan cannot take by their own shapes, and why.

    Files whose configurations give no sizes are not read.
    """
    feeds: dict[str, dict[Feed, str]] = {}
    for item in planned.everything:
        if item.configuration.sizes:
            feeds.setdefault(item.configuration.variant_sha256, {})[feed_of(item.configuration)] = item.model
    broken = {}
    for sha256, by_feed in feeds.items():
        path = await asyncio.to_thread(context.lake.model_path, sha256)
        if not path.exists():
            continue
        tried = list(by_feed)[:FEEDS_TRIED]
        why = await context.worker.run(
            "broken_shapes",
            path=str(path),
            called=by_feed[tried[0]],
            feeds=[{"batch_size": each.batch_size, "sizes": dict(each.sizes)} for each in tried],
        )
        broken.update({tried[at]: sentence for at, sentence in why})
    return broken


def _plan_of(
    context: Context, spec: Spec, broken: Mapping[Feed, str]
) -> Callable[[sa.Connection], tuple[Spec, Plan]]:
    def work(connection: sa.Connection) -> tuple[Spec, Plan]:
        joined = devices.listing(connection, context.now(), context.offline_after_s)
        stored = models.listing(connection)
        files = {file.sha256: file for file in input_files.listing(connection)}
        check_sent(spec.inputs, files)
        check_data_sent(spec.data, files)
        past = progress.past_times(connection, [device.device_id for device in joined])
        return spec, plan(spec, joined, variants.with_zoo(stored), files, broken, past)

    return work


async def _build_missing(context: Context, planned: Plan) -> None:
    stored = {variant.sha256 for variant in await context.store.read(models.listing)}
    needed = {item.model: item.configuration.variant_sha256 for item in planned.everything}
    for model, sha256 in needed.items():
        path = await asyncio.to_thread(context.lake.model_path, sha256)
        if sha256 not in stored or (model in zoo.NAMES and not path.exists()):
            await catalogue.add_zoo_model(context, model)
