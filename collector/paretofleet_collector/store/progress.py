"""How far sweeps are: what runs now, the states of configurations, time left, what has just ended."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.model.canonical import fed_text
from paretofleet_collector.model.entities import RUN_FINAL
from paretofleet_collector.model.run_time import PastTime, RunTime
from paretofleet_collector.model.views import ConfigurationState, PlannedView, RunningNow
from paretofleet_collector.store import attempts, configurations
from paretofleet_collector.store.attempts import ATTEMPTS
from paretofleet_collector.store.configurations import PLANNED
from paretofleet_collector.store.runs import OPEN, RUNS, UNDER_WAY

#: So many of the newest runs say what runs take.
_PAST_RUNS = 2000


def running_now(connection: sa.Connection, sweep_id: str | None = None) -> dict[str, RunningNow]:
    """By device id what it runs, as `connection` sees it: in the sweep `sweep_id`, or for None in all."""
    query = (
        sa.select(RUNS.c.device_id, RUNS.c.run_id, PLANNED, ATTEMPTS.c.phase, ATTEMPTS.c.iterations)
        .join(PLANNED, configurations.of_run())
        .join(ATTEMPTS, attempts.of_run())
        .where(RUNS.c.state.in_(UNDER_WAY))
    )
    if sweep_id is not None:
        query = query.where(RUNS.c.sweep_id == sweep_id)
    return {
        row.device_id: RunningNow(
            row.device, _describe_configuration(row), row.phase, row.iterations, row.run_id, row.sweep_id
        )
        for row in connection.execute(query)
    }


def configuration_states(connection: sa.Connection, sweep_id: str) -> tuple[ConfigurationState, ...]:
    """Every configuration of the sweep `sweep_id`, in the order of the plan, as `connection` sees them.

    A reason is that of the run that failed last or has no summary, else of the one that was skipped first.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    reasons: dict[str, tuple[str, str]] = {}
    query = (
        sa.select(RUNS.c.configuration_id, RUNS.c.state, RUNS.c.reason, RUNS.c.message)
        .where(RUNS.c.sweep_id == sweep_id)
        .order_by(RUNS.c.ended_unix_s)
    )
    for row in connection.execute(query):
        by_state = counts[row.configuration_id]
        by_state[row.state] += 1
        has_failed = row.state == "failed" or (row.state == "sealed" and row.reason is not None)
        if has_failed or (row.state == "skipped" and row.configuration_id not in reasons):
            reasons[row.configuration_id] = row.reason or "", row.message
    states = []
    for planned in configurations.listing(connection, sweep_id):
        reason, message = reasons.get(planned.configuration_id, ("", ""))
        by_state = counts[planned.configuration_id]
        states.append(ConfigurationState(PlannedView.of(planned), dict(by_state), reason, message))
    return tuple(states)


def run_times(connection: sa.Connection, sweep_id: str) -> list[RunTime]:
    """When the runs of the sweep `sweep_id` began and ended, as `connection` sees them.

    What is uploaded has ended on its device.
    """
    query = sa.select(
        RUNS.c.device_id, RUNS.c.configuration_id, RUNS.c.state, RUNS.c.started_unix_s, RUNS.c.ended_unix_s
    ).where(RUNS.c.sweep_id == sweep_id)
    return [
        RunTime(
            row.device_id,
            row.configuration_id,
            row.started_unix_s,
            row.ended_unix_s,
            row.state in OPEN and row.state != "uploaded",
        )
        for row in connection.execute(query)
    ]


def past_times(connection: sa.Connection, device_ids: Collection[str]) -> list[PastTime]:
    """What the newest sealed runs of the devices `device_ids` took, the mean of each configuration.

    As `connection` sees them.
    """
    newest = (
        sa.select(RUNS)
        .where(RUNS.c.device_id.in_(device_ids), RUNS.c.state == "sealed", RUNS.c.started_unix_s.is_not(None))
        .order_by(RUNS.c.ended_unix_s.desc())
        .limit(_PAST_RUNS)
        .subquery()
    )
    query = (
        sa.select(
            newest.c.device_id,
            newest.c.configuration_id,
            sa.func.min(PLANNED.c.configuration_json).label("configuration_json"),
            sa.func.avg(newest.c.ended_unix_s - newest.c.started_unix_s).label("seconds"),
        )
        .join(
            PLANNED,
            sa.and_(
                PLANNED.c.sweep_id == newest.c.sweep_id,
                PLANNED.c.configuration_id == newest.c.configuration_id,
            ),
        )
        .group_by(newest.c.device_id, newest.c.configuration_id)
    )
    return [
        _past_time(row.device_id, row.configuration_id, json.loads(row.configuration_json), row.seconds)
        for row in connection.execute(query)
        if row.seconds is not None
    ]


def _past_time(
    device_id: str, configuration_id: str, requested: Mapping[str, Any], seconds: float
) -> PastTime:
    return PastTime(
        device_id,
        configuration_id,
        requested["protocol"],
        requested["variant_sha256"],
        requested["batch_size"],
        max(float(seconds), 0.0),
    )


@dataclass(frozen=True)
class EndedRun:
    """A run that is over, and a line that says how it ended."""

    run_id: str
    line: str


def just_ended(connection: sa.Connection, sweep_id: str, announced: Collection[str]) -> list[EndedRun]:
    """The runs of the sweep `sweep_id` that `connection` sees ended, the earliest first.

    Without those whose id is in `announced`.
    """
    query = (
        sa.select(RUNS.c.run_id, RUNS.c.state, RUNS.c.reason, RUNS.c.block, PLANNED)
        .join(PLANNED, configurations.of_run())
        .where(RUNS.c.sweep_id == sweep_id, RUNS.c.state.in_(RUN_FINAL))
        .order_by(RUNS.c.ended_unix_s, RUNS.c.run_id)
    )
    return [
        EndedRun(row.run_id, _ended_line(row))
        for row in connection.execute(query)
        if row.run_id not in announced
    ]


def _ended_line(row: sa.Row[Any]) -> str:
    why = f" ({row.reason})" if row.reason and row.state in ("failed", "skipped", "sealed") else ""
    return f"{row.device}: {_describe_configuration(row)}, run {row.block}: {row.state}{why}"


def _describe_configuration(row: sa.Row[Any]) -> str:
    """A row of planned_configurations as people name it."""
    requested = json.loads(row.configuration_json)
    pace = f" at {requested['items_s']:g} items/s" if "items_s" in requested else ""
    fed = fed_text(requested.get("sizes", {}), requested.get("inputs", {}))
    return (
        f"{row.model} {requested['precision']} batch size {row.batch_size}{', ' * bool(fed)}{fed}, "
        f"{requested['runtime']} on {row.target}{pace}"
    )
