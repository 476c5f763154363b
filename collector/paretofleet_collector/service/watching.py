"""A sweep as it goes on, for who watches it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import sqlalchemy as sa

from paretofleet_collector.model.entities import SWEEP_FINAL
from paretofleet_collector.model.run_time import Span
from paretofleet_collector.model.views import SweepProgress, SweepView
from paretofleet_collector.planning.time_left import time_left
from paretofleet_collector.service.context import Context
from paretofleet_collector.service.sweeps import view_of
from paretofleet_collector.store import progress, sweeps
from paretofleet_collector.store.progress import EndedRun

#: By sweep: of its configurations the seconds that their runs took in other sweeps.
Earlier = dict[str, dict[str, float]]
#: A watched sweep is looked at no more often than this, and at least so often.
WATCH_MIN_S = 0.2
WATCH_MAX_S = 2.0
#: Of a large sweep, where looking takes time, no more than one part in so many goes into looking.
WATCH_SHARE = 5.0
#: More lines than this in one look are summed up.
EVENTS_MAX = 100


async def watch(context: Context, name: str) -> AsyncIterator[SweepProgress]:
    """The state of the sweep in `context` with a `name` or an id, at once and after every change, to its end.

    Each run that ended meanwhile is one message, with a line as its event. Raises NotFound.
    """
    announced: set[str] = set()
    changed = context.changes.subscribe()
    first, before = True, None
    sweep_id = ""
    earlier: Earlier = {}

    def look(connection: sa.Connection) -> tuple[SweepProgress, list[EndedRun]]:
        sweep = sweeps.find(connection, sweep_id or name)
        view = view_of(context, connection, sweep)
        running = progress.running_now(connection, sweep.sweep_id)
        left = left_of(connection, sweep.sweep_id, sweep.state, earlier, context.now())
        ended = progress.just_ended(connection, sweep.sweep_id, announced)
        return SweepProgress(view, tuple(running.values()), left), ended

    try:
        while True:
            changed.clear()
            started = time.monotonic()
            now, ended = await context.store.read(look)
            announced.update(run.run_id for run in ended)
            lines = [run.line for run in ended]
            sweep_id = now.sweep.sweep_id
            for line in [] if first else _shortened(lines):
                yield SweepProgress(now.sweep, now.running, now.left, line)
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


async def now(context: Context, name: str, earlier: Earlier) -> SweepProgress:
    """What the sweep in `context` with a `name` or an id does at this moment, without an event.

    Keeps in `earlier` what other sweeps showed, read once. Raises NotFound.
    """

    def look(connection: sa.Connection) -> SweepProgress:
        sweep = sweeps.find(connection, name)
        running = progress.running_now(connection, sweep.sweep_id)
        left = left_of(connection, sweep.sweep_id, sweep.state, earlier, context.now())
        return SweepProgress(SweepView.of(sweep), tuple(running.values()), left)

    return await context.store.read(look)


def left_of(
    connection: sa.Connection, sweep_id: str, state: str, earlier: Earlier, now_s: float
) -> Span | None:
    """How long the sweep `sweep_id` still takes at `now_s`, seconds since 1970, by what `connection` sees.

    None while nothing shows it, and in a `state` in which it does not go on. Keeps in `earlier` what other
    sweeps showed, read once.
    """
    if state == sweeps.PAUSED or state in SWEEP_FINAL:
        return None
    times = progress.run_times(connection, sweep_id)
    if sweep_id not in earlier:
        past = progress.past_times(connection, {run.device_id for run in times})
        earlier[sweep_id] = {each.configuration_id: each.seconds for each in past}
    return time_left(times, now_s, earlier[sweep_id])


def _shortened(lines: list[str]) -> list[str]:
    if len(lines) <= EVENTS_MAX:
        return lines
    return [*lines[:EVENTS_MAX], f"and {len(lines) - EVENTS_MAX} more runs ended"]
