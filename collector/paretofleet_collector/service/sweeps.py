"""What the command asks for about sweeps: plan, submit, list, show, cancel, retry, delete."""

from __future__ import annotations

import sqlalchemy as sa

from paretofleet_collector.errors import Refused
from paretofleet_collector.lifecycle import transitions
from paretofleet_collector.lifecycle.notes import notes
from paretofleet_collector.model.entities import SWEEP_FINAL, Plan, Refusal
from paretofleet_collector.model.views import Deleted, PlanView, SweepDetail, SweepView
from paretofleet_collector.models import variants, zoo
from paretofleet_collector.planning.expansion import plan
from paretofleet_collector.planning.parsing import parse_json
from paretofleet_collector.planning.specification import Spec
from paretofleet_collector.service import catalogue
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import (
    attempts,
    chunks,
    configurations,
    devices,
    models,
    progress,
    runs,
    sealed,
    sweeps,
)


async def plan_sweep(context: Context, spec_json: str) -> PlanView:
    """What the specification `spec_json` would run in `context`; raises Refused or NotFound."""
    return PlanView.of((await _planned(context, spec_json))[1])


async def submit(context: Context, request_id: str, spec_json: str) -> tuple[SweepView, tuple[Refusal, ...]]:
    """Stores a sweep of the specification `spec_json` with its first blocks in `context`.

    The same `request_id` again returns the sweep that it made. Returns also what is left out. Raises Refused,
    NotFound or StorageFull.
    """
    if not request_id or len(request_id) > 64:
        raise Refused("A submission carries a request id of 1 to 64 characters; upgrade the command.")
    existing = await context.store.read(lambda connection: sweeps.by_request(connection, request_id))
    if existing is not None:
        return SweepView.of(existing), ()
    spec, planned = await _planned(context, spec_json)
    context.check_room()
    await _build_missing(context, planned)

    def work(connection: sa.Connection) -> SweepView:
        again = sweeps.by_request(connection, request_id)
        if again is not None:
            return SweepView.of(again)
        sweep_id = sweeps.insert(
            connection,
            request_id=request_id,
            name=spec.name,
            spec_json=spec.to_json(),
            repeats=spec.repeats,
            planned=planned.everything,
            now=context.now(),
        )
        transitions.submit_blocks(connection, sweep_id, spec.repeats, planned.missing, context.now())
        return SweepView.of(sweeps.find(connection, sweep_id))

    return await context.store.write(work), planned.refusals


async def list_sweeps(context: Context) -> list[SweepView]:
    """Every sweep in `context`, the oldest first."""
    return [SweepView.of(sweep) for sweep in await context.store.read(sweeps.listing)]


async def show(context: Context, name: str) -> SweepDetail:
    """The sweep in `context` with a `name` or an id, with its configurations; raises NotFound."""

    def work(connection: sa.Connection) -> SweepDetail:
        sweep = sweeps.find(connection, name)
        view = SweepView.of(sweep, notes(connection, sweep, context.now()))
        states = progress.configuration_states(connection, sweep.sweep_id)
        return SweepDetail(view, states, sweep.spec_json)

    return await context.store.read(work)


async def cancel(context: Context, name: str) -> SweepView:
    """Cancels what has not ended of the sweep in `context` with a `name` or an id.

    What is uploaded is still sealed. Agents hear of it at their next word. Raises NotFound, and Refused for a
    sweep that is over in another way.
    """

    def work(connection: sa.Connection) -> SweepView:
        sweep, now = sweeps.find(connection, name), context.now()
        if sweep.state in SWEEP_FINAL:
            if sweep.state == "cancelled":
                return SweepView.of(sweep)
            raise Refused(
                f"Sweep '{sweep.name}' is {sweep.state.replace('_', ' ')}; there is nothing to cancel."
            )
        values = {"reason": "cancelled", "ended_unix_s": now, "lease_until_unix_s": None}
        for run_id in runs.ids(connection, sweep.sweep_id, ("pending", *runs.UNDER_WAY)):
            runs.transition(
                connection, run_id, "cancelled", come_from=("pending", *runs.UNDER_WAY), values=values
            )
            attempts.supersede(connection, run_id)
            chunks.drop(connection, run_id)
        sweeps.set_state(connection, sweep.sweep_id, "cancelled", now)
        return SweepView.of(sweeps.find(connection, sweep.sweep_id))

    return await context.store.write(work)


async def retry(context: Context, name: str) -> SweepView:
    """Makes failed, skipped and cancelled runs pending again, with fresh attempts; not of removed devices.

    Of the sweep in `context` with a `name` or an id; raises NotFound, and Refused where there is no such run.
    """

    def work(connection: sa.Connection) -> SweepView:
        sweep = sweeps.find(connection, name)
        values = {
            "reason": None,
            "message": "",
            "tries": 0,
            "lease_until_unix_s": None,
            "started_unix_s": None,
            "ended_unix_s": None,
        }
        over = ("failed", "skipped", "cancelled")
        again = [
            run_id
            for device_id, _ in configurations.devices_of(connection, sweep.sweep_id)
            if not devices.is_removed(connection, device_id)
            for run_id in runs.ids(connection, sweep.sweep_id, over, device_id)
        ]
        if not again:
            raise Refused(
                f"Sweep '{sweep.name}' has no failed, skipped or cancelled run to try again on a device that "
                "was not removed."
            )
        for run_id in again:
            runs.transition(connection, run_id, "pending", come_from=over, values=values)
        sweeps.reopen(connection, sweep.sweep_id)
        return SweepView.of(sweeps.find(connection, sweep.sweep_id))

    return await context.store.write(work)


async def delete(context: Context, name: str) -> Deleted:
    """Deletes the sweep in `context` with a `name` or an id, with its runs and samples.

    Raises NotFound, and Refused for a sweep that is not over.
    """

    def work(connection: sa.Connection) -> tuple[int, list[str]]:
        sweep = sweeps.find(connection, name)
        if sweep.state not in SWEEP_FINAL:
            raise Refused(
                f"Sweep '{sweep.name}' is still {sweep.state}; cancel it first with "
                f"`paretofleet sweep cancel {sweep.name}`."
            )
        paths = [file.path for file in sealed.files(connection, sweep.sweep_id)]
        sweeps.delete(connection, sweep.sweep_id)
        return sweep.runs, paths

    count, paths = await context.store.write(work)
    for path in paths:
        context.lake.remove(path)
    return Deleted(count, len(paths))


async def _planned(context: Context, spec_json: str) -> tuple[Spec, Plan]:
    spec = parse_json(spec_json)

    def work(connection: sa.Connection) -> Plan:
        joined = devices.listing(connection, context.now(), context.offline_after_s)
        return plan(spec, joined, variants.with_zoo(models.listing(connection)))

    return spec, await context.store.read(work)


async def _build_missing(context: Context, planned: Plan) -> None:
    stored = {variant.sha256 for variant in await context.store.read(models.listing)}
    needed = {item.model: item.configuration.variant_sha256 for item in planned.everything}
    for model, sha256 in needed.items():
        if sha256 not in stored or (model in zoo.NAMES and not context.lake.model_path(sha256).exists()):
            await catalogue.add_zoo_model(context, model)
