"""What is shown of sweeps under way: configurations with their states, what runs now, time left."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.lifecycle import transitions
from paretofleet_collector.model.entities import RUN_FINAL, SWEEP_FINAL, PlannedConfiguration, Sweep
from paretofleet_collector.planning.schedule import REBOOT_S, Reboot
from paretofleet_collector.store import choices, devices, reboots, sweeps
from paretofleet_collector.store.runs import ATTEMPTS, OPEN, RUNS, UNDER_WAY
from paretofleet_collector.store.sweeps import PLANNED


@dataclass(frozen=True)
class RunningNow:
    """What a device does at this moment in a sweep."""

    device: str
    what: str
    phase: str
    iterations: int


@dataclass
class ConfigurationState:
    """A configuration of a sweep with its runs; why the last failed, else why the last was skipped."""

    planned: PlannedConfiguration
    runs_by_state: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    reason: str = ""
    message: str = ""


def notes(connection: sa.Connection, sweep: Sweep, now: float) -> tuple[str, ...]:
    """What to know of a sweep beside its counts: who chooses its blocks, who waits for which reboot."""
    return (*_choices(connection, sweep), *_reboots(connection, sweep, now))


def _reboots(connection: sa.Connection, sweep: Sweep, now: float) -> list[str]:
    """Which devices wait for a reboot, and which will not reboot."""
    said: list[str] = []
    if sweep.repeats.boots < 2 or sweep.state in SWEEP_FINAL:
        return said
    for device_id, name in sweeps.devices_of(connection, sweep.sweep_id):
        boot_id, may_reboot = devices.boot(connection, device_id)
        asked = reboots.asked_unix_s(connection, sweep.sweep_id, device_id, boot_id)
        if not may_reboot:
            said.append(f"{name} does not allow reboots, so its blocks run within one boot")
        elif asked is not None and now - asked >= REBOOT_S:
            said.append(f"{name} was asked to reboot and did not, so its blocks go on within this boot")
        else:
            step = transitions.next_step(connection, sweep.sweep_id, device_id, sweep.repeats, now)
            if isinstance(step, Reboot):
                said.append(f"waiting for a reboot of {name}: {transitions.done_within_boot(step)}")
    return said


def _choices(connection: sa.Connection, sweep: Sweep) -> list[str]:
    """How the blocks of an adaptive sweep are chosen, and what was chosen last on each device."""
    repeats = sweep.repeats
    if repeats.adaptive is None:
        return []
    use = f"the ranking for {repeats.adaptive} use"
    said = [f"adaptive: after block {repeats.runs_min} a block holds what would settle {use} soonest"]
    for device_id, name in sweeps.devices_of(connection, sweep.sweep_id):
        newest = choices.newest(connection, sweep.sweep_id, device_id)
        if newest is not None:
            block, configuration_ids, why = newest
            has_ended = configuration_ids is not None and not configuration_ids
            said.append(f"{name} {'has ended' if has_ended else f'in block {block}'}: {why}")
    return said


def running_now(connection: sa.Connection, sweep_id: str | None = None) -> dict[str, RunningNow]:
    """By device id what it runs, in all sweeps or in one."""
    query = (
        sa.select(RUNS.c.device_id, PLANNED, ATTEMPTS.c.phase, ATTEMPTS.c.iterations)
        .join(PLANNED, _same_configuration())
        .join(ATTEMPTS, sa.and_(ATTEMPTS.c.run_id == RUNS.c.run_id, ATTEMPTS.c.attempt == RUNS.c.attempt))
        .where(RUNS.c.state.in_(UNDER_WAY))
    )
    if sweep_id is not None:
        query = query.where(RUNS.c.sweep_id == sweep_id)
    return {
        row.device_id: RunningNow(row.device, what(row), row.phase, row.iterations)
        for row in connection.execute(query)
    }


def configuration_states(connection: sa.Connection, sweep_id: str) -> list[ConfigurationState]:
    """Every configuration of a sweep, in the order of the plan."""
    states = {
        item.configuration_id: ConfigurationState(item) for item in sweeps.planned(connection, sweep_id)
    }
    query = (
        sa.select(RUNS.c.configuration_id, RUNS.c.state, RUNS.c.reason, RUNS.c.message)
        .where(RUNS.c.sweep_id == sweep_id)
        .order_by(RUNS.c.ended_unix_s)
    )
    for row in connection.execute(query):
        state = states[row.configuration_id]
        state.runs_by_state[row.state] += 1
        if row.state == "failed" or (row.state == "skipped" and "failed" not in state.runs_by_state):
            state.reason, state.message = row.reason or "", row.message
    return list(states.values())


def seconds_left(connection: sa.Connection, sweep: Sweep) -> float | None:
    """Seconds until the runs that are planned now will have ended, on the device that takes longest.

    A run is expected to take what ended runs of its configuration took, else those of its device; None while
    a device with open runs has ended none.
    """
    query = sa.select(
        RUNS.c.device_id, RUNS.c.configuration_id, RUNS.c.state, RUNS.c.started_unix_s, RUNS.c.ended_unix_s
    ).where(RUNS.c.sweep_id == sweep.sweep_id)
    took: dict[str, list[float]] = defaultdict(list)
    waiting: dict[str, list[str]] = defaultdict(list)
    for row in connection.execute(query):
        if row.ended_unix_s is not None and row.started_unix_s is not None:
            seconds = max(row.ended_unix_s - row.started_unix_s, 0.0)
            took[row.device_id].append(seconds)
            took[row.configuration_id].append(seconds)
        if row.state in OPEN and row.state != "uploaded":
            waiting[row.device_id].append(row.configuration_id)
    left = 0.0
    for device_id, configurations in waiting.items():
        if not took[device_id]:
            return None
        usual = fmean(took[device_id])
        left = max(left, sum(fmean(took[one]) if took[one] else usual for one in configurations))
    return left


def just_ended(connection: sa.Connection, sweep_id: str, announced: set[str]) -> list[str]:
    """One line for each run that ended and is not in `announced`, which it extends, the earliest first."""
    query = (
        sa.select(RUNS.c.run_id, RUNS.c.state, RUNS.c.reason, RUNS.c.message, RUNS.c.block, PLANNED)
        .join(PLANNED, _same_configuration())
        .where(RUNS.c.sweep_id == sweep_id, RUNS.c.state.in_(RUN_FINAL))
        .order_by(RUNS.c.ended_unix_s, RUNS.c.run_id)
    )
    lines = []
    for row in connection.execute(query):
        if row.run_id not in announced:
            announced.add(row.run_id)
            why = f" ({row.reason})" if row.reason and row.state in ("failed", "skipped") else ""
            lines.append(f"{row.device}: {what(row)}, run {row.block}: {row.state}{why}")
    return lines


def what(row: sa.Row[Any]) -> str:
    """A row of planned_configurations as people name it."""
    asked = json.loads(row.configuration_json)
    return f"{row.model} {asked['precision']} batch size {row.batch_size}, {asked['runtime']} on {row.target}"


def _same_configuration() -> sa.ColumnElement[bool]:
    return sa.and_(
        PLANNED.c.sweep_id == RUNS.c.sweep_id, PLANNED.c.configuration_id == RUNS.c.configuration_id
    )
