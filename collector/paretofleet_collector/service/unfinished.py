"""Goes on with what a lost call or a crash left half done: submissions, cancellations, skips, removals and
deletions.

What was asked for stands in the store; this finds it there, at the start and whenever it is woken.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

import sqlalchemy as sa

from paretofleet_collector.errors import CollectorError
from paretofleet_collector.lake.files import samples_file
from paretofleet_collector.lifecycle import cancelling, transitions
from paretofleet_collector.service import blocks
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import assignments, devices, discarded, runs, sealed, sweeps

#: After an error, as of a full disk, it tries again.
AGAIN_S = 10.0
_log = logging.getLogger(__name__)


async def cancel_runs(context: Context, sweep_id: str) -> None:
    """Cancels in `context` the runs of the cancelled sweep `sweep_id`, slice by slice."""
    await context.store.write_slices(
        lambda connection: cancelling.cancel_sweep_runs(connection, sweep_id, context.now())
    )


async def cancel_runs_of_device(context: Context, device_id: str) -> None:
    """Cancels in `context` the runs of the removed device `device_id`, slice by slice."""
    await context.store.write_slices(
        lambda connection: cancelling.cancel_device_runs(connection, device_id, context.now())
    )


async def skip_runs(context: Context, sweep_id: str, device_id: str) -> None:
    """Skips in `context` the runs of the device `device_id` in `sweep_id`, slice by slice."""
    await context.store.write_slices(
        lambda connection: cancelling.skip_part_runs(connection, sweep_id, device_id, context.now())
    )


async def delete_sweep(context: Context, sweep_id: str) -> int:
    """Deletes in `context` the hidden sweep `sweep_id`, slice by slice; returns how many files that were."""
    await _set_leftovers_aside(context, sweep_id)
    await context.store.write(lambda connection: _discard_new_files(connection, sweep_id, context.now()))
    files, are_left = 0, True
    while are_left:
        paths, are_left = await context.store.write(
            lambda connection: cancelling.delete_runs(connection, sweep_id, context.now())
        )
        files += len(paths)
        for path in paths:
            await asyncio.to_thread(context.lake.remove, path)
    return files


def _discard_new_files(connection: sa.Connection, sweep_id: str, now: float) -> None:
    """Notes for each run of the sweep that is being sealed that nothing needs its file.

    It may appear after the run is gone, and after a kill nobody else could tell where it comes from.
    """
    discarded.add(
        connection, [samples_file(*place) for place in runs.being_sealed(connection, sweep_id)], now
    )


async def _set_leftovers_aside(context: Context, sweep_id: str) -> None:
    """Moves the merged files of a sweep away that nothing lists, as after a merge that could not be listed.

    Once its runs are deleted, nobody could tell them from those of a lost store.
    """
    paths = await asyncio.to_thread(context.lake.merged_files, sweep_id)

    def listed(connection: sa.Connection) -> set[str]:
        return sealed.listed_paths(connection, paths) | set(discarded.before(connection))

    kept = await context.store.read(listed)
    await asyncio.to_thread(context.lake.set_aside, [path for path in paths if path not in kept])


async def finish_all(context: Context) -> None:
    """Finishes in `context` all that is half done and that no call is busy with."""
    for sweep_id in await context.store.read(sweeps.hidden):
        if sweep_id not in context.submitting and await _take_away(context, sweep_id):
            await delete_sweep(context, sweep_id)
    for sweep_id in await context.store.read(_half_cancelled):
        await cancel_runs(context, sweep_id)
    for part in await context.store.read(assignments.half_skipped):
        await skip_runs(context, *part)
    for device_id in await context.store.read(devices.removed_ids):
        await cancel_runs_of_device(context, device_id)
    for sweep_id, device_id in await context.store.read(_without_open_run):
        await blocks.settle(context, sweep_id, device_id)


def work_of(sweep_id: str) -> str:
    """What a collector claims that submits the sweep `sweep_id`."""
    return f"submit {sweep_id}"


async def _take_away(context: Context, sweep_id: str) -> bool:
    """Marks a hidden sweep as one to be deleted; not where it is published now, or another submits it."""

    def work(connection: sa.Connection) -> bool:
        is_anothers = context.neighbours.is_anothers(connection, work_of(sweep_id))
        if is_anothers or sweep_id not in sweeps.hidden(connection):
            return False
        sweeps.hide(connection, sweep_id)
        return True

    return await context.store.write(work)


def _half_cancelled(connection: sa.Connection) -> list[str]:
    return [
        sweep_id
        for sweep_id in sweeps.in_state(connection, "cancelled")
        if runs.has_any(connection, sweep_id, runs.CANCELLABLE)
    ]


def _without_open_run(connection: sa.Connection) -> list[tuple[str, str]]:
    return [part for part in assignments.unended(connection) if transitions.is_idle(connection, *part)]


class Unfinished:
    """Finishes what is half done in `context`, at the start and when woken."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._awake = asyncio.Event()

    def wake(self) -> None:
        """Says that a call broke off; call it in the event loop."""
        self._awake.set()

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            self._awake.clear()
            try:
                await finish_all(self._context)
            except CollectorError as error:
                _log.warning("what was left half done waits: %s", error)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._awake.wait(), AGAIN_S)
                continue
            await self._awake.wait()
