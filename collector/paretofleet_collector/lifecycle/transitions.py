"""Applies the schedule to the store. Everything here runs in the writer, inside one transaction."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import sqlalchemy as sa

from paretofleet_collector.model.entities import Missing, Repeats
from paretofleet_collector.planning import schedule
from paretofleet_collector.store import (
    attempts,
    choices,
    chunks,
    configurations,
    devices,
    history,
    reboots,
    runs,
    sweeps,
)
from paretofleet_collector.store.runs import OPEN, UNDER_WAY

_log = logging.getLogger(__name__)


def submit_blocks(
    connection: sa.Connection, sweep_id: str, repeats: Repeats, missing: Sequence[Missing], now: float
) -> None:
    """Adds through `connection` the first blocks of the new sweep `sweep_id`, as many as `repeats` asks for.

    Each holds every configuration once; what is `missing` its runtime has a single run, which failed at `now`
    (seconds since 1970). Tried again, it gets what it lacks of the others.
    """
    planned = configurations.listing(connection, sweep_id)
    pairs = [(item.configuration_id, item.configuration.device_id) for item in planned]
    runs.append(connection, sweep_id, 1, pairs)
    lacking = {item.planned.configuration_id: item.why for item in missing}
    first_runs = runs.ids_by_configuration(connection, sweep_id, block=1) if lacking else {}
    for configuration_id, why in lacking.items():
        values = {"reason": "runtime_missing", "message": why, "ended_unix_s": now}
        run_id = first_runs[configuration_id]
        runs.transition(connection, run_id, "failed", come_from=("pending",), values=values)
    able = [pair for pair in pairs if pair[0] not in lacking]
    for block in range(2, repeats.runs_min + 1):
        runs.append(connection, sweep_id, block, able)


def apply_schedule(connection: sa.Connection, sweep_id: str, device_id: str, now: float) -> schedule.Step:
    """Applies through `connection` what follows from the history of the device `device_id` in `sweep_id`.

    Returns the step that is left; ends the sweep when that was the last of it. `now`: seconds since 1970.
    """
    repeats = sweeps.repeats(connection, sweep_id)
    while True:
        step = next_step(connection, sweep_id, device_id, repeats, now)
        if isinstance(step, schedule.SkipRuns):
            for run_id in step.run_ids:
                runs.transition(
                    connection,
                    run_id,
                    "skipped",
                    come_from=("pending",),
                    values={"reason": step.reason, "message": step.because, "ended_unix_s": now},
                )
                chunks.drop(connection, run_id)
        elif isinstance(step, schedule.FailRun):
            fail_lost(connection, step.run_id, now)
        elif isinstance(step, schedule.AddBlock | schedule.ChooseBlock) and _gets_no_more(
            connection, sweep_id, device_id
        ):
            finish_sweep_if_done(connection, sweep_id, now)
            return schedule.Done()
        elif isinstance(step, schedule.AddBlock):
            pairs = [(configuration_id, device_id) for configuration_id in step.configuration_ids]
            runs.append(connection, sweep_id, step.block, pairs)
        else:
            if isinstance(step, schedule.Done):
                finish_sweep_if_done(connection, sweep_id, now)
            return step


def _gets_no_more(connection: sa.Connection, sweep_id: str, device_id: str) -> bool:
    """Whether no block may follow: the sweep is over, or the device was removed while its last was sealed."""
    return sweeps.is_over(connection, sweep_id) or devices.is_removed(connection, device_id)


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
    boot = None
    if repeats.boots > 1:
        boot_id, may_reboot = devices.boot(connection, device_id)
        asked_unix_s = reboots.asked_unix_s(connection, sweep_id, device_id, boot_id)
        boot = schedule.Boot(boot_id, may_reboot, asked_unix_s)
    return schedule.next_run(history.past_runs(connection, sweep_id, device_id), repeats, now, choice, boot)


def fail_lost(connection: sa.Connection, run_id: str, now: float) -> None:
    """Fails through `connection` the run `run_id`, whose attempts all ended in silence.

    It ends `now`, in seconds since 1970.
    """
    message = "The agent fell silent in every attempt; look at its log and at the device's power."
    values = {"reason": "lost", "message": message, "ended_unix_s": now, "lease_until_unix_s": None}
    if runs.transition(connection, run_id, "failed", come_from=UNDER_WAY, values=values):
        attempts.supersede(connection, run_id)
        chunks.drop(connection, run_id)


def finish_sweep_if_done(connection: sa.Connection, sweep_id: str, now: float) -> None:
    """Ends the sweep `sweep_id` through `connection` if it has no open run, `now` (seconds since 1970).

    It finished with failures if any run failed, was skipped or cancelled.
    """
    states = runs.states(connection, sweep_id)
    if states & set(OPEN) or _is_choosing(connection, sweep_id, now):
        return
    state = "finished_with_failures" if states & {"failed", "skipped", "cancelled"} else "finished"
    if sweeps.set_state(connection, sweep_id, state, now):
        _log.info("sweep %s: %s", sweep_id, state)


def _is_choosing(connection: sa.Connection, sweep_id: str, now: float) -> bool:
    """True while the next block of a device that is still there is to be chosen."""
    repeats = sweeps.repeats(connection, sweep_id)
    if repeats.adaptive is None:
        return False
    return any(
        isinstance(next_step(connection, sweep_id, device_id, repeats, now), schedule.ChooseBlock)
        for device_id, _ in configurations.devices_of(connection, sweep_id)
        if not devices.is_removed(connection, device_id)
    )
