"""The sealed runs of a sweep with all that a reader of the lake wants to choose them by."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.store import configurations
from paretofleet_collector.store.configurations import PLANNED
from paretofleet_collector.store.retired import RETIRED
from paretofleet_collector.store.runs import RUNS
from paretofleet_collector.store.sealed import MANIFEST, SUMMARIES
from paretofleet_collector.store.sweeps import SWEEPS

_OF_CONFIGURATION = ("runtime", "precision", "batch_size", "threads", "mode")


def versions(connection: sa.Connection) -> dict[str, str]:
    """By id of each sweep that `connection` sees with sealed runs: a text that changes with its `rows`."""
    listed = (
        sa.select(
            RUNS.c.sweep_id,
            sa.func.count(),
            sa.func.sum(MANIFEST.c.size_bytes),
            sa.func.max(MANIFEST.c.sealed_unix_s),
            sa.func.min(MANIFEST.c.path),
            sa.func.max(MANIFEST.c.path),
            sa.func.count(SUMMARIES.c.run_id),
            sa.func.min(SUMMARIES.c.rule_version),
            sa.func.max(SUMMARIES.c.rule_version),
        )
        .select_from(MANIFEST)
        .join(RUNS, RUNS.c.run_id == MANIFEST.c.run_id)
        .outerjoin(SUMMARIES, SUMMARIES.c.run_id == RUNS.c.run_id)
        .group_by(RUNS.c.sweep_id)
    )
    gone = (
        sa.select(RUNS.c.sweep_id, sa.func.count(), sa.func.max(RETIRED.c.retired_unix_s))
        .select_from(RETIRED)
        .join(RUNS, RUNS.c.run_id == RETIRED.c.run_id)
        .group_by(RUNS.c.sweep_id)
    )
    parts: dict[str, list[Any]] = {}
    for query in (listed, gone):
        for sweep_id, *facts in connection.execute(query):
            parts.setdefault(sweep_id, []).append([str(fact) for fact in facts])
    return {sweep_id: json.dumps(facts) for sweep_id, facts in parts.items()}


def rows(connection: sa.Connection, sweep_id: str) -> list[dict[str, Any]]:
    """A dict for each sealed run of the sweep `sweep_id` that `connection` sees, in the order of its files.

    Those whose samples were removed for their age come last, without a `path`, and with `retired_unix_s`.
    """
    of_files = ("path", "first_row", "size_bytes", "sha256")
    listed = _runs_of(sweep_id, MANIFEST, [MANIFEST.c[name] for name in of_files])
    gone = _runs_of(sweep_id, RETIRED, [RETIRED.c.retired_unix_s])
    queries = (listed.order_by(MANIFEST.c.path, MANIFEST.c.first_row), gone.order_by(RETIRED.c.run_id))
    return [_row(dict(row)) for query in queries for row in connection.execute(query).mappings()]


def _runs_of(sweep_id: str, table: sa.Table, columns: list[sa.Column[Any]]) -> sa.Select[Any]:
    """The runs of a sweep in `table`, with its `columns` beside those that all have."""
    return (
        sa.select(
            SWEEPS.c.sweep_id,
            SWEEPS.c.name.label("sweep"),
            RUNS.c.run_id,
            table.c.attempt,
            RUNS.c.block,
            PLANNED.c.device,
            PLANNED.c.target,
            PLANNED.c.model,
            PLANNED.c.variant,
            PLANNED.c.configuration_id,
            PLANNED.c.configuration_json,
            table.c.samples,
            table.c.sealed_unix_s,
            SUMMARIES.c.rule_version,
            *columns,
        )
        .select_from(table)
        .join(RUNS, RUNS.c.run_id == table.c.run_id)
        .join(SWEEPS, SWEEPS.c.sweep_id == RUNS.c.sweep_id)
        .join(PLANNED, configurations.of_run())
        .outerjoin(
            SUMMARIES, sa.and_(SUMMARIES.c.run_id == RUNS.c.run_id, SUMMARIES.c.attempt == table.c.attempt)
        )
        .where(RUNS.c.sweep_id == sweep_id)
    )


def _row(row: dict[str, Any]) -> dict[str, Any]:
    configuration = json.loads(row.pop("configuration_json"))
    return {**row, **{name: configuration.get(name) for name in _OF_CONFIGURATION}}
