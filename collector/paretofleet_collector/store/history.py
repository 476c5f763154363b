"""Past runs, joined with what was planned, attempted and summed up: for the schedule and for the report."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.model.past_run import PastRun
from paretofleet_collector.store import attempts, configurations
from paretofleet_collector.store.attempts import ATTEMPTS
from paretofleet_collector.store.configurations import PLANNED
from paretofleet_collector.store.runs import RUNS, UNDER_WAY
from paretofleet_collector.store.sealed import SUMMARIES
from paretofleet_collector.store.sweeps import SWEEPS, VISIBLE


def past_runs(connection: sa.Connection, sweep_id: str, device_id: str) -> list[PastRun]:
    """All runs of the device `device_id` in the sweep `sweep_id`, in the order of the plan, then of blocks.

    `connection` is where they are read.
    """
    query = _past().where(*_of(sweep_id, device_id)).order_by(PLANNED.c.position, RUNS.c.block)
    return [_past_run(row) for row in connection.execute(query)]


def under_way(connection: sa.Connection, sweep_id: str, device_id: str) -> list[PastRun]:
    """The runs of the device `device_id` in `sweep_id` that `connection` shows leased or running."""
    query = _past().where(*_of(sweep_id, device_id), RUNS.c.state.in_(UNDER_WAY))
    return [_past_run(row) for row in connection.execute(query)]


def first_pending(connection: sa.Connection, sweep_id: str, device_id: str, blocks: int) -> PastRun | None:
    """The pending run of the device `device_id` in the sweep `sweep_id` whose turn is next.

    Of its whole `blocks`, as `connection` sees it; None where there is none.
    """
    query = (
        sa.select(RUNS.c.run_id)
        .where(*_of(sweep_id, device_id), RUNS.c.state == "pending", RUNS.c.block <= blocks)
        .order_by(RUNS.c.block, RUNS.c.tries, RUNS.c.turn)
        .limit(1)
    )
    run_id = connection.execute(query).scalar()
    if run_id is None:
        return None
    return _past_run(connection.execute(_past().where(RUNS.c.run_id == run_id)).one())


def ended_within_boots(connection: sa.Connection, sweep_id: str, device_id: str) -> set[tuple[str, int]]:
    """The boot and the block of each run of the device `device_id` in `sweep_id` that has ended well.

    As `connection` sees them.
    """
    query = (
        sa.select(ATTEMPTS.c.boot_id, RUNS.c.block)
        .join(RUNS, attempts.of_run())
        .where(*_of(sweep_id, device_id), RUNS.c.state.in_(("uploaded", "sealed")))
        .distinct()
    )
    return {(row.boot_id, row.block) for row in connection.execute(query) if row.boot_id}


def blocks_begun(connection: sa.Connection, sweep_id: str, device_id: str) -> dict[int, float]:
    """When the first run of each block of the device `device_id` in `sweep_id` began that has ended well.

    In seconds since 1970, as `connection` sees them.
    """
    query = (
        sa.select(RUNS.c.block, sa.func.min(RUNS.c.started_unix_s).label("begun_unix_s"))
        .where(*_of(sweep_id, device_id), RUNS.c.state.in_(("uploaded", "sealed")))
        .group_by(RUNS.c.block)
    )
    rows = connection.execute(query)
    return {row.block: float(row.begun_unix_s) for row in rows if row.begun_unix_s is not None}


def resembling(connection: sa.Connection, run_id: str) -> list[PastRun]:
    """What decides whether runs that resemble the failed run `run_id` are hopeless too.

    That are itself, the other runs of its configuration, and after `oom` the pending runs of its family, as
    `connection` sees them.
    """
    failed = connection.execute(_past().where(RUNS.c.run_id == run_id)).first()
    if failed is None or failed.state != "failed":
        return []
    alike = _past().where(
        RUNS.c.sweep_id == failed.sweep_id, RUNS.c.configuration_id == failed.configuration_id
    )
    rows = list(connection.execute(alike))
    if failed.reason == "oom":
        larger = _past().where(
            PLANNED.c.sweep_id == failed.sweep_id,
            PLANNED.c.family == failed.family,
            PLANNED.c.batch_size > failed.batch_size,
            RUNS.c.state == "pending",
        )
        rows += list(connection.execute(larger))
    return [_past_run(row) for row in rows]


def _of(sweep_id: str, device_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return RUNS.c.sweep_id == sweep_id, RUNS.c.device_id == device_id


def _past() -> sa.Select[Any]:
    """Runs with their configuration, their newest attempt and their summary."""
    return (
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
    )


def _past_run(row: sa.Row[Any]) -> PastRun:
    return PastRun(
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
        started_unix_s=row.started_unix_s,
    )


def _value_s(row: sa.Row[Any]) -> float | None:
    """What decides how many runs there are: the mean latency, or the time of an item where a run has none."""
    if row.without_latency is None:
        return None if row.batch_latency_mean_s is None else float(row.batch_latency_mean_s)
    item_s = json.loads(row.without_latency).get("time_per_item_s")
    return None if item_s is None else float(item_s)


def sealed_of_mode(connection: sa.Connection, mode: str) -> list[sa.Row[Any]]:
    """Every sealed run of a `mode` that `connection` sees with a summary, the newest first.

    Each row has `configuration_json`, the name of its `device`, `environment_id`, `facts_json` and
    `summary_json`.
    """
    # Few sweeps evaluate or train, so that the many plans of the others are not read.
    of_mode = sa.select(SWEEPS.c.sweep_id).where(VISIBLE, SWEEPS.c.spec_json.contains(f'"{mode}"'))
    query = (
        sa.select(
            *(PLANNED.c.configuration_json, PLANNED.c.device, ATTEMPTS.c.facts_json),
            *(SUMMARIES.c.environment_id, SUMMARIES.c.summary_json),
        )
        .join(RUNS, configurations.of_run())
        .join(ATTEMPTS, attempts.of_run())
        .join(SUMMARIES, SUMMARIES.c.run_id == RUNS.c.run_id)
        .where(
            PLANNED.c.sweep_id.in_(of_mode),
            PLANNED.c.configuration_json.contains(f'"mode":"{mode}"'),
            RUNS.c.state == "sealed",
        )
        .order_by(RUNS.c.ended_unix_s.desc(), RUNS.c.run_id)
    )
    return list(connection.execute(query))


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
