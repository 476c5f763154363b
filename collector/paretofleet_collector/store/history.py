"""Past runs, joined with what was planned, attempted and summed up: for the schedule and for the report."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.model.entities import PastRun
from paretofleet_collector.store import attempts, configurations
from paretofleet_collector.store.attempts import ATTEMPTS
from paretofleet_collector.store.configurations import PLANNED
from paretofleet_collector.store.runs import RUNS
from paretofleet_collector.store.sealed import SUMMARIES


def past_runs(connection: sa.Connection, sweep_id: str, device_id: str) -> list[PastRun]:
    """All runs of the device `device_id` in the sweep `sweep_id`, in the order of the plan, then of blocks.

    `connection` is where they are read.
    """
    query = (
        sa.select(
            RUNS,
            PLANNED.c.family,
            PLANNED.c.batch_size,
            SUMMARIES.c.counted,
            SUMMARIES.c.environment_id,
            SUMMARIES.c.batch_latency_mean_s,
            sa.case((SUMMARIES.c.batch_latency_mean_s.is_(None), SUMMARIES.c.summary_json)).label(
                "without_latency"
            ),
            ATTEMPTS.c.boot_id,
        )
        .join(PLANNED, configurations.of_run())
        .outerjoin(ATTEMPTS, attempts.of_run())
        .outerjoin(SUMMARIES, SUMMARIES.c.run_id == RUNS.c.run_id)
        .where(RUNS.c.sweep_id == sweep_id, RUNS.c.device_id == device_id)
        .order_by(PLANNED.c.position, RUNS.c.block)
    )
    return [
        PastRun(
            run_id=row.run_id,
            configuration_id=row.configuration_id,
            family=row.family,
            batch_size=row.batch_size,
            block=row.block,
            state=row.state,
            tries=row.tries,
            attempt=row.attempt,
            reason=row.reason,
            lease_until_unix_s=row.lease_until_unix_s,
            counted=row.counted,
            value_s=_value_s(row),
            boot_id=row.boot_id,
            environment_id=row.environment_id,
        )
        for row in connection.execute(query)
    ]


def _value_s(row: sa.Row[Any]) -> float | None:
    """What decides how many runs there are: the mean latency, or the time of an item where a run has none."""
    if row.without_latency is None:
        return None if row.batch_latency_mean_s is None else float(row.batch_latency_mean_s)
    item_s = json.loads(row.without_latency).get("time_per_item_s")
    return None if item_s is None else float(item_s)


def report_rows(connection: sa.Connection, sweep_id: str) -> list[sa.Row[Any]]:
    """The runs of the sweep `sweep_id` by block, as `connection` sees them.

    Each row has a run's columns, `facts_json` of its newest attempt, and `environment_id` and `summary_json`;
    these are None before the attempt has ended and the run is sealed.
    """
    query = (
        sa.select(RUNS, ATTEMPTS.c.facts_json, SUMMARIES.c.environment_id, SUMMARIES.c.summary_json)
        .outerjoin(ATTEMPTS, attempts.of_run())
        .outerjoin(SUMMARIES, SUMMARIES.c.run_id == RUNS.c.run_id)
        .where(RUNS.c.sweep_id == sweep_id)
        .order_by(RUNS.c.block, RUNS.c.run_id)
    )
    return list(connection.execute(query))
