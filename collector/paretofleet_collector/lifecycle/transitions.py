"""Applies the schedule to the store. Everything here runs in the writer, inside one transaction."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import sqlalchemy as sa

from paretofleet_collector.model.entities import Plan, Repeats
from paretofleet_collector.planning import schedule
from paretofleet_collector.store import (
    assignments,
    attempts,
    choices,
    devices,
    history,
    reboots,
    runs,
    sweeps,
)
from paretofleet_collector.store.runs import ENDED_BADLY, OPEN, UNDER_WAY

#: The next block of a device with more runs than this in a sweep is worked out outside the writer.
HISTORY_MAX = 500
_log = logging.getLogger(__name__)


def first_blocks(planned: Plan, repeats: Repeats) -> Iterator[runs.NewRun]:
    """The runs of the first blocks of a new sweep of what is `planned`, as many blocks as `repeats` asks for.

    Each block holds every configuration once; what is missing its runtime has a single run, which failed.
    Tried again, it gets what it lacks of the others.
    """
    lacking = {item.planned.configuration_id: item.why for item in planned.missing}
    for item in planned.everything:  # the runs of a configuration together, as an index keeps them
        why = lacking.get(item.configuration_id)
        for block in range(1, 2 if why is not None else repeats.runs_min + 1):
            yield runs.NewRun(
                item.configuration_id,
                item.configuration.device_id,
                block,
                schedule.turn(repeats.seed, block, item.configuration_id),
                reason=None if why is None else "runtime_missing",
                message=why or "",
            )


def further_runs(step: schedule.AddBlock, device_id: str, seed: int) -> list[runs.NewRun]:
    """The runs of the block that `step` adds for the device `device_id`, in the order that `seed` gives."""
    return [
        runs.NewRun(each, device_id, step.block, schedule.turn(seed, step.block, each))
        for each in step.configuration_ids
    ]


def apply_schedule(connection: sa.Connection, sweep_id: str, device_id: str, now: float) -> schedule.Step:
    """Applies through `connection` what is next for the device `device_id` in the sweep `sweep_id`.

    Returns the step that is left; ends the sweep when that was the last of it. `now`: seconds since 1970.
    It costs the same however long the history is: a block that follows from a long one is left as BlockDue.
    """
    repeats = sweeps.repeats(connection, sweep_id)
    while True:
        step = _open_step(connection, sweep_id, device_id, repeats, now)
        if step is None and runs.are_more(connection, sweep_id, device_id, HISTORY_MAX):
            return schedule.BlockDue()
        if step is None:
            step = next_step(connection, sweep_id, device_id, repeats, now)
        if isinstance(step, schedule.SkipRuns):
            _skip(connection, step, now)
        elif isinstance(step, schedule.FailRun):
            fail_lost(connection, step.run_id, now)
        elif isinstance(step, schedule.AddBlock | schedule.ChooseBlock) and gets_no_more(
            connection, sweep_id, device_id
        ):
            end_assignment(connection, sweep_id, device_id, now)
            return schedule.Done()
        elif isinstance(step, schedule.AddBlock):
            runs.append(connection, sweep_id, further_runs(step, device_id, repeats.seed), now)
            assignments.add_block(connection, sweep_id, device_id, step.block)
            skip_after_block(connection, sweep_id, device_id, now)
        else:
            if isinstance(step, schedule.Done):
                end_assignment(connection, sweep_id, device_id, now)
            return step


def _open_step(
    connection: sa.Connection, sweep_id: str, device_id: str, repeats: Repeats, now: float
) -> schedule.Step | None:
    """What the schedule says to the open runs alone; None where there is none and the history decides."""
    blocks = assignments.blocks(connection, sweep_id, device_id)
    if blocks is None:
        return schedule.Done()
    boot, ended = _boot(connection, sweep_id, device_id, repeats), set[tuple[str, int]]()
    if boot is not None and boot.may_reboot:
        ended = history.ended_within_boots(connection, sweep_id, device_id)
    under_way = history.under_way(connection, sweep_id, device_id)
    first = history.first_pending(connection, sweep_id, device_id, blocks)
    begun = history.blocks_begun(connection, sweep_id, device_id) if repeats.days > 1 else {}
    step = schedule.next_open_run(under_way, first, repeats, now, boot, ended, begun)
    if step is None and runs.has_open(connection, sweep_id, device_id, blocks):
        return schedule.Wait()
    return step


def is_idle(connection: sa.Connection, sweep_id: str, device_id: str) -> bool:
    """Whether `connection` shows no open run of the device `device_id` in `sweep_id`, whose part goes on."""
    blocks = assignments.blocks(connection, sweep_id, device_id)
    return blocks is not None and not runs.has_open(connection, sweep_id, device_id, blocks)


def is_block_due(connection: sa.Connection, sweep_id: str, device_id: str) -> bool:
    """Whether `apply_schedule` has left the next block of `device_id` in `sweep_id` as BlockDue.

    By what `connection` shows.
    """
    return is_idle(connection, sweep_id, device_id) and runs.are_more(
        connection, sweep_id, device_id, HISTORY_MAX
    )


def skip_resembling(connection: sa.Connection, run_id: str, now: float) -> None:
    """Skips through `connection` the runs that would fail as the failed run `run_id` did.

    `now` is in seconds since 1970.
    """
    step = schedule.hopeless_runs(history.resembling(connection, run_id))
    if step is not None:
        _skip(connection, step, now)


def skip_after_block(connection: sa.Connection, sweep_id: str, device_id: str, now: float) -> None:
    """Skips through `connection` what a new block of `device_id` in `sweep_id` has of hopeless runs, `now`.

    Only a smaller batch that had no memory tells them: what failed otherwise is not repeated.
    """
    for run_id in runs.without_memory(connection, sweep_id, device_id):
        skip_resembling(connection, run_id, now)


def _skip(connection: sa.Connection, step: schedule.SkipRuns, now: float) -> None:
    values = {"reason": step.reason, "message": step.because, "ended_unix_s": now}
    for start in range(0, len(step.run_ids), runs.SLICE_RUNS):
        run_ids = step.run_ids[start : start + runs.SLICE_RUNS]
        runs.transition_all(connection, run_ids, "skipped", come_from=("pending",), values=values)


def gets_no_more(connection: sa.Connection, sweep_id: str, device_id: str) -> bool:
    """Whether no block may follow for the device `device_id` in `sweep_id`, by what `connection` shows.

    That is where the sweep is over, its part is skipped, or the device was removed while its last run was
    sealed.
    """
    return (
        sweeps.is_over(connection, sweep_id)
        or assignments.is_skipped(connection, sweep_id, device_id)
        or devices.is_removed(connection, device_id)
    )


def next_step(
    connection: sa.Connection, sweep_id: str, device_id: str, repeats: Repeats, now: float
) -> schedule.Step:
    """What the schedule says to what `connection` sees of the device `device_id` in `sweep_id`.

    Nothing is applied. `repeats` are the sweep's; `now` is in seconds since 1970, and minus infinity where
    leases do not matter.
    """
    choice = None
    if repeats.adaptive is not None:
        newest = choices.newest(connection, sweep_id, device_id)
        choice = None if newest is None else schedule.BlockChoice(newest[1], newest[0], newest[2])
    boot = _boot(connection, sweep_id, device_id, repeats)
    return schedule.next_run(history.past_runs(connection, sweep_id, device_id), repeats, now, choice, boot)


def _boot(connection: sa.Connection, sweep_id: str, device_id: str, repeats: Repeats) -> schedule.Boot | None:
    """The boot that the device is in, where the sweep asks for more than one."""
    if repeats.boots < 2:
        return None
    boot_id, may_reboot = devices.boot(connection, device_id)
    asked_unix_s = reboots.asked_unix_s(connection, sweep_id, device_id, boot_id)
    return schedule.Boot(boot_id, may_reboot, asked_unix_s)


def fail_lost(connection: sa.Connection, run_id: str, now: float) -> None:
    """Fails through `connection` the run `run_id`, whose attempts all ended in silence.

    It ends `now`, in seconds since 1970.
    """
    message = "The agent fell silent in every attempt; look at its log and at the device's power."
    values = {"reason": "lost", "message": message, "ended_unix_s": now, "lease_until_unix_s": None}
    if runs.transition(connection, run_id, "failed", come_from=UNDER_WAY, values=values):
        attempts.supersede(connection, (run_id,))
        skip_resembling(connection, run_id, now)


def end_assignment(connection: sa.Connection, sweep_id: str, device_id: str, now: float) -> None:
    """Ends through `connection` the part of the device `device_id` in `sweep_id`, the last of which ends it.

    `now` is in seconds since 1970.
    """
    assignments.end(connection, sweep_id, device_id)
    finish_sweep_if_done(connection, sweep_id, now)


def finish_sweep_if_done(connection: sa.Connection, sweep_id: str, now: float) -> None:
    """Ends the sweep `sweep_id` through `connection` if it has no open run, `now` (seconds since 1970).

    It finished with failures if any run failed, was skipped or cancelled, or has no summary. A device that
    is still there and has not ended its part, as one whose next block is to be chosen, keeps it going.
    """
    if runs.has_any(connection, sweep_id, OPEN) or assignments.has_open(connection, sweep_id):
        return
    has_failures = runs.has_any(connection, sweep_id, ENDED_BADLY) or runs.lacks_summary(connection, sweep_id)
    state = "finished_with_failures" if has_failures else "finished"
    if sweeps.set_state(connection, sweep_id, state, now):
        _log.info("sweep %s: %s", sweep_id, state)
