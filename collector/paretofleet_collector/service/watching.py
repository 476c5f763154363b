"""A sweep as it goes on, for who watches it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import sqlalchemy as sa

from paretofleet_collector.lifecycle.notes import notes
from paretofleet_collector.model.entities import SWEEP_FINAL
from paretofleet_collector.model.views import SweepProgress, SweepView
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import progress, sweeps
from paretofleet_collector.store.progress import EndedRun

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

    def look(connection: sa.Connection) -> tuple[SweepProgress, list[EndedRun]]:
        sweep = sweeps.find(connection, sweep_id or name)
        view = SweepView.of(sweep, notes(connection, sweep, context.now(), context.offline_after_s))
        running = progress.running_now(connection, sweep.sweep_id)
        is_over = sweep.state in SWEEP_FINAL
        left_s = None if is_over else progress.seconds_left(connection, sweep.sweep_id)
        ended = progress.just_ended(connection, sweep.sweep_id, announced)
        return SweepProgress(view, tuple(running.values()), left_s), ended

    try:
        while True:
            changed.clear()
            started = time.monotonic()
            now, ended = await context.store.read(look)
            announced.update(run.run_id for run in ended)
            lines = [run.line for run in ended]
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


def _shortened(lines: list[str]) -> list[str]:
    if len(lines) <= EVENTS_MAX:
        return lines
    return [*lines[:EVENTS_MAX], f"and {len(lines) - EVENTS_MAX} more runs ended"]
