"""The whole fleet at a glance: every sweep by its counts, and what the devices did last."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.model.entities import SWEEP_FINAL, PlannedConfiguration, Run
from paretofleet_collector.model.page_views import LastFailure, LastReading, SweepMark
from paretofleet_collector.store import attempts, configurations, runs
from paretofleet_collector.store.attempts import ATTEMPTS
from paretofleet_collector.store.runs import RUNS
from paretofleet_collector.store.sealed import SUMMARIES
from paretofleet_collector.store.sweeps import SWEEPS, VISIBLE


def sweep_marks(connection: sa.Connection, before: Mapping[str, SweepMark]) -> tuple[SweepMark, ...]:
    """What changes of each sweep that `connection` sees, the newest first: two queries for all of them.

    Runs of a sweep that is over as it was `before`, by its id, are not counted again.
    """
    query = sa.select(SWEEPS.c.sweep_id, SWEEPS.c.state, SWEEPS.c.ended_unix_s).where(VISIBLE)
    rows = list(connection.execute(query.order_by(SWEEPS.c.number.desc())))
    moving = {
        row.sweep_id for row in rows if not _is_settled(row.state, row.ended_unix_s, before.get(row.sweep_id))
    }
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    by_state = sa.select(RUNS.c.sweep_id, RUNS.c.state, sa.func.count().label("runs"))
    of_moving = by_state.where(RUNS.c.sweep_id.in_(moving)).group_by(RUNS.c.sweep_id, RUNS.c.state)
    for row in connection.execute(of_moving):
        counts[row.sweep_id][row.state] = row.runs
    return tuple(
        SweepMark(row.sweep_id, row.state, row.ended_unix_s, tuple(sorted(counts[row.sweep_id].items())))
        if row.sweep_id in moving
        else before[row.sweep_id]
        for row in rows
    )


def _is_settled(state: str, ended_unix_s: float | None, before: SweepMark | None) -> bool:
    """Whether a sweep had ended as it has now when it was marked `before`, and no run of it can move."""
    if (
        before is None
        or state not in SWEEP_FINAL
        or (before.state, before.ended_unix_s) != (state, ended_unix_s)
    ):
        return False
    return not any(of_runs in runs.OPEN for of_runs, _ in before.counts)


def last_failures(connection: sa.Connection) -> dict[str, LastFailure]:
    """The run that failed last on each device, by device id, as `connection` sees them."""
    newest = (
        sa.select(RUNS.c.device_id, sa.func.max(RUNS.c.ended_unix_s).label("ended_unix_s"))
        .where(RUNS.c.state == "failed")
        .group_by(RUNS.c.device_id)
        .subquery()
    )
    query = sa.select(RUNS).join(
        newest,
        sa.and_(RUNS.c.device_id == newest.c.device_id, RUNS.c.ended_unix_s == newest.c.ended_unix_s),
    )
    return {
        row.device_id: LastFailure(row.run_id, row.reason or "", row.message, row.ended_unix_s)
        for row in connection.execute(query.where(RUNS.c.state == "failed"))
    }


def last_reading(connection: sa.Connection, device_id: str) -> LastReading | None:
    """What the newest sealed run of the device `device_id` measured, as `connection` sees it, or None."""
    query = (
        sa.select(RUNS.c.run_id, RUNS.c.ended_unix_s, ATTEMPTS.c.facts_json, SUMMARIES.c.summary_json)
        .join(ATTEMPTS, attempts.of_run())
        .join(SUMMARIES, SUMMARIES.c.run_id == RUNS.c.run_id)
        .where(RUNS.c.device_id == device_id, RUNS.c.state == "sealed")
        .order_by(RUNS.c.ended_unix_s.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    summary = json.loads(row.summary_json)
    hottest = max(temperatures_c(json.loads(row.facts_json)).values(), default=None)
    power_w, scope = summary.get("power_w"), summary.get("power_scope") or ""
    return LastReading(row.run_id, power_w, scope, hottest, row.ended_unix_s)


def temperatures_c(facts: Mapping[str, Any]) -> dict[str, float]:
    """What the sensors of a device showed after a run with these `facts`, in degrees Celsius, by name.

    >>> temperatures_c({"readings_after": {"temperatures_c": {"cpu": 61.0}, "gpu": {"temperature_c": 70}}})
    {'cpu': 61.0, 'gpu': 70.0}
    """
    readings = facts.get("readings_after")
    if not isinstance(readings, dict):
        return {}
    zones = readings.get("temperatures_c")
    shown = dict(zones) if isinstance(zones, dict) else {}
    for name, value in readings.items():
        if isinstance(value, dict) and "temperature_c" in value:
            shown[name] = value["temperature_c"]
    return {name: float(value) for name, value in shown.items() if isinstance(value, int | float)}


def reasons(connection: sa.Connection, sweep_ids: Collection[str]) -> dict[str, dict[str, int]]:
    """How many runs of each of `sweep_ids` failed or were skipped, by reason, as `connection` sees them."""
    query = (
        sa.select(RUNS.c.sweep_id, RUNS.c.reason, sa.func.count().label("runs"))
        .where(RUNS.c.sweep_id.in_(tuple(sweep_ids)), RUNS.c.state.in_(("failed", "skipped")))
        .group_by(RUNS.c.sweep_id, RUNS.c.reason)
    )
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for row in connection.execute(query):
        counts[row.sweep_id][row.reason or "unknown"] = row.runs
    return counts


@dataclass(frozen=True)
class RunRow:
    """A run, what was planned for it, and its sweep's name."""

    run: Run
    planned: PlannedConfiguration
    sweep: str


def run_row(connection: sa.Connection, run_id: str) -> RunRow | None:
    """The run `run_id` of a sweep that `connection` shows, or None."""
    query = (
        sa.select(RUNS, SWEEPS.c.name.label("sweep_name"))
        .join(SWEEPS, SWEEPS.c.sweep_id == RUNS.c.sweep_id)
        .where(RUNS.c.run_id == run_id, VISIBLE)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    planned = configurations.get(connection, row.sweep_id, row.configuration_id)
    return RunRow(runs.run_of(row), planned, row.sweep_name)


def attempts_of(connection: sa.Connection, run_id: str) -> tuple[dict[str, Any], ...]:
    """The attempts at the run `run_id` that `connection` sees, as columns by name, the first first."""
    query = ATTEMPTS.select().where(ATTEMPTS.c.run_id == run_id).order_by(ATTEMPTS.c.attempt)
    return tuple(dict(row) for row in connection.execute(query).mappings())


def summary_of(connection: sa.Connection, run_id: str) -> tuple[Mapping[str, Any], str]:
    """The summary of the run `run_id` and its environment's id, empty where `connection` shows none."""
    row = connection.execute(SUMMARIES.select().where(SUMMARIES.c.run_id == run_id)).first()
    if row is None:
        return {}, ""
    return json.loads(row.summary_json), row.environment_id or ""


def runs_of_configuration(
    connection: sa.Connection, sweep_id: str, configuration_id: str
) -> tuple[dict[str, Any], ...]:
    """The runs of a configuration in the sweep `sweep_id`, with its mean latency, in the order of blocks.

    `configuration_id` is its id; `connection` is where they are read.
    """
    query = (
        sa.select(RUNS, SUMMARIES.c.batch_latency_mean_s, SUMMARIES.c.counted)
        .outerjoin(SUMMARIES, SUMMARIES.c.run_id == RUNS.c.run_id)
        .where(RUNS.c.sweep_id == sweep_id, RUNS.c.configuration_id == configuration_id)
        .order_by(RUNS.c.block)
    )
    return tuple(dict(row) for row in connection.execute(query).mappings())


def environments_of(connection: sa.Connection, device_id: str, last: int) -> tuple[dict[str, Any], ...]:
    """The `last` environments in which the device `device_id` has measured, with their first and last run.

    As `connection` sees them, the newest first; `environment` is what the newest run in it said of it.
    """
    newest = sa.func.max(RUNS.c.ended_unix_s)
    query = (
        sa.select(
            SUMMARIES.c.environment_id,
            sa.func.count().label("runs"),
            sa.func.min(RUNS.c.ended_unix_s).label("first_unix_s"),
            newest.label("last_unix_s"),
        )
        .join(RUNS, RUNS.c.run_id == SUMMARIES.c.run_id)
        .where(RUNS.c.device_id == device_id, SUMMARIES.c.environment_id.is_not(None))
        .group_by(SUMMARIES.c.environment_id)
        .order_by(newest.desc())
        .limit(last)
    )
    rows = connection.execute(query).mappings().all()
    return tuple(
        {**row, "environment": _environment(connection, device_id, row["environment_id"])} for row in rows
    )


def _environment(connection: sa.Connection, device_id: str, environment_id: str) -> dict[str, Any]:
    query = (
        sa.select(ATTEMPTS.c.facts_json)
        .join(RUNS, attempts.of_run())
        .join(SUMMARIES, SUMMARIES.c.run_id == RUNS.c.run_id)
        .where(RUNS.c.device_id == device_id, SUMMARIES.c.environment_id == environment_id)
        .order_by(RUNS.c.ended_unix_s.desc())
        .limit(1)
    )
    facts = json.loads(connection.execute(query).scalar() or "{}")
    environment = facts.get("environment")
    return environment if isinstance(environment, dict) else {}
