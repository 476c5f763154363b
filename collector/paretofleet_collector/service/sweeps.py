"""What the command asks for about sweeps: plan, submit, list, show, watch, cancel, retry, delete."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace

import sqlalchemy as sa

from paretofleet_collector.errors import Refused
from paretofleet_collector.lifecycle import notes, transitions
from paretofleet_collector.lifecycle.notes import ConfigurationState, RunningNow
from paretofleet_collector.model.entities import SWEEP_FINAL, Refusal, Sweep
from paretofleet_collector.models import variants, zoo
from paretofleet_collector.planning.expansion import Plan, plan
from paretofleet_collector.planning.specification import Spec
from paretofleet_collector.service import catalogue
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import chunks, devices, models, runs, sealed, sweeps

#: A watched sweep is looked at no more often than this, and at least so often.
WATCH_MIN_S = 0.2
WATCH_MAX_S = 2.0
#: Of a large sweep, where looking takes time, no more than one part in so many goes into looking.
WATCH_SHARE = 5.0
#: More lines than this in one look are summed up.
EVENTS_MAX = 100


@dataclass(frozen=True)
class SweepProgress:
    """One message to who watches. `seconds_left` is None until there is something to estimate it from."""

    sweep: Sweep
    running: tuple[RunningNow, ...]
    seconds_left: float | None
    event: str = ""


async def plan_sweep(context: Context, spec_json: str) -> Plan:
    """What a specification would run; raises Refused or NotFound."""
    return (await _planned(context, spec_json))[1]


async def submit(context: Context, request_id: str, spec_json: str) -> tuple[Sweep, tuple[Refusal, ...]]:
    """Stores a sweep with its first blocks; the same request id again returns the sweep that it made."""
    if not request_id or len(request_id) > 64:
        raise Refused("A submission carries a request id of 1 to 64 characters; upgrade the command.")
    known = await context.store.read(lambda connection: sweeps.by_request(connection, request_id))
    if known is not None:
        return known, ()
    spec, planned = await _planned(context, spec_json)
    context.check_room()
    await _build_missing(context, planned)

    def work(connection: sa.Connection) -> Sweep:
        again = sweeps.by_request(connection, request_id)
        if again is not None:
            return again
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
        return sweeps.find(connection, sweep_id)

    return await context.store.write(work), planned.refusals


async def list_sweeps(context: Context) -> list[Sweep]:
    """Every sweep, the oldest first."""
    return await context.store.read(sweeps.listing)


async def show(context: Context, name: str) -> tuple[Sweep, list[ConfigurationState]]:
    """A sweep with the states of its configurations."""

    def work(connection: sa.Connection) -> tuple[Sweep, list[ConfigurationState]]:
        sweep = sweeps.find(connection, name)
        sweep = replace(sweep, notes=notes.notes(connection, sweep, context.now()))
        return sweep, notes.configuration_states(connection, sweep.sweep_id)

    return await context.store.read(work)


async def watch(context: Context, name: str) -> AsyncIterator[SweepProgress]:
    """The state at once, then a message for each run that ended and for what else changed, to the end."""
    announced: set[str] = set()
    changed = context.changes.subscribe()
    first, before = True, None
    sweep_id = ""

    def look(connection: sa.Connection) -> tuple[SweepProgress, list[str]]:
        sweep = sweeps.find(connection, sweep_id or name)
        sweep = replace(sweep, notes=notes.notes(connection, sweep, context.now()))
        running = notes.running_now(connection, sweep.sweep_id)
        left = None if sweep.state in SWEEP_FINAL else notes.seconds_left(connection, sweep)
        lines = notes.just_ended(connection, sweep.sweep_id, announced)
        return SweepProgress(sweep, tuple(running.values()), left), lines

    try:
        while True:
            changed.clear()
            started = time.monotonic()
            now, lines = await context.store.read(look)
            sweep_id = now.sweep.sweep_id
            for line in [] if first else _shortened(lines):
                yield SweepProgress(now.sweep, now.running, now.seconds_left, line)
            if first or (not lines and now != before):
                yield now
            if now.sweep.state in SWEEP_FINAL:
                return
            first, before = False, now
            await asyncio.sleep(max(WATCH_MIN_S, WATCH_SHARE * (time.monotonic() - started)))
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), WATCH_MAX_S)
    finally:
        context.changes.unsubscribe(changed)


async def cancel(context: Context, name: str) -> Sweep:
    """Cancels what has not ended; what is uploaded is still sealed. Agents hear of it at their next word."""

    def work(connection: sa.Connection) -> Sweep:
        sweep, now = sweeps.find(connection, name), context.now()
        if sweep.state in SWEEP_FINAL:
            if sweep.state == "cancelled":
                return sweep
            raise Refused(
                f"Sweep '{sweep.name}' is {sweep.state.replace('_', ' ')}; there is nothing to cancel."
            )
        values = {"reason": "cancelled", "ended_unix_s": now, "lease_until_unix_s": None}
        for run_id in runs.ids(connection, sweep.sweep_id, ("pending", *runs.UNDER_WAY)):
            runs.move(connection, run_id, "cancelled", come_from=("pending", *runs.UNDER_WAY), values=values)
            runs.supersede(connection, run_id)
            chunks.drop(connection, run_id)
        sweeps.set_state(connection, sweep.sweep_id, "cancelled", now)
        return sweeps.find(connection, sweep.sweep_id)

    return await context.store.write(work)


async def retry(context: Context, name: str) -> Sweep:
    """Makes failed, skipped and cancelled runs pending again, with fresh attempts; not of removed devices."""

    def work(connection: sa.Connection) -> Sweep:
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
        there = [one for one, _ in sweeps.devices_of(connection, sweep.sweep_id)]
        there = [one for one in there if not devices.is_removed(connection, one)]
        again = [run_id for one in there for run_id in runs.ids(connection, sweep.sweep_id, over, one)]
        if not again:
            raise Refused(
                f"Sweep '{sweep.name}' has no failed, skipped or cancelled run to try again on a device that "
                "was not removed."
            )
        for run_id in again:
            runs.move(connection, run_id, "pending", come_from=over, values=values)
        sweeps.reopen(connection, sweep.sweep_id)
        return sweeps.find(connection, sweep.sweep_id)

    return await context.store.write(work)


async def delete(context: Context, name: str) -> tuple[int, int]:
    """Deletes a sweep that is over, with its runs and samples; returns how many runs and files."""

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
    return count, len(paths)


async def _planned(context: Context, spec_json: str) -> tuple[Spec, Plan]:
    spec = Spec.from_json(spec_json)

    def work(connection: sa.Connection) -> Plan:
        known = devices.listing(connection, context.now(), context.offline_after_s)
        return plan(spec, known, variants.with_zoo(models.listing(connection)))

    return spec, await context.store.read(work)


async def _build_missing(context: Context, planned: Plan) -> None:
    stored = {variant.sha256 for variant in await context.store.read(models.listing)}
    wanted = {item.model: item.configuration.variant_sha256 for item in planned.everything}
    for model, sha256 in wanted.items():
        if sha256 not in stored or (model in zoo.NAMES and not context.lake.model_path(sha256).exists()):
            await catalogue.add_zoo_model(context, model)


def _shortened(lines: list[str]) -> list[str]:
    if len(lines) <= EVENTS_MAX:
        return lines
    return [*lines[:EVENTS_MAX], f"and {len(lines) - EVENTS_MAX} more runs ended"]
