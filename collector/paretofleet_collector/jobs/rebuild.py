"""Summaries computed again from sealed files, each run for itself: a bad file costs its run a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.errors import CollectorError, NotFound
from paretofleet_collector.jobs import report
from paretofleet_collector.jobs.seal import summary_of
from paretofleet_collector.lake import samples
from paretofleet_collector.lake.address import open_lake
from paretofleet_collector.lake.files import Lake
from paretofleet_collector.model.canonical import environment_id_of
from paretofleet_collector.model.entities import AttemptKey
from paretofleet_collector.store import attempts, configurations, devices, runs, sealed
from paretofleet_collector.store.engine import reading


def summarize_again(database: str, lake: str, run_ids: list[str]) -> dict[str, dict[str, Any]]:
    """The summaries of the sealed runs `run_ids`, computed again from their files: by run id.

    Each is what `seal` gives: `summary` (None where there can be none), `why_not`, `environment_id` and
    `attempt`; for a run whose samples cannot be read `unreadable` says why. `database` and `lake` are the
    paths of the file and of the folder.
    """
    root = open_lake(lake)
    result: dict[str, dict[str, Any]] = {}
    verified: dict[tuple[str, str], Path] = {}
    with reading(database) as connection:
        for run_id in run_ids:
            try:
                result[run_id] = _again(connection, root, run_id, verified)
            except CollectorError as error:
                result[run_id] = {"unreadable": str(error)}
    return result


def _again(
    connection: sa.Connection, root: Lake, run_id: str, verified: dict[tuple[str, str], Path]
) -> dict[str, Any]:
    """One run; files in `verified` were checked by this job."""
    run = runs.get(connection, run_id)
    files = sealed.files_of_run(connection, run_id)
    if run is None or not files:
        raise NotFound(f"Run {run_id} is gone.")
    file = files[0]
    row = attempts.row_of(connection, AttemptKey(run_id, file.attempt))
    planned = configurations.get(connection, run.sweep_id, run.configuration_id)
    device = devices.by_id(connection)[run.device_id]
    key = file.path, file.sha256
    if key not in verified:
        verified[key] = root.verified(*key)
    streams = samples.read_parquet(verified[key], file.first_row, file.samples)
    facts = report.facts_of(row.facts_json if row is not None else "")
    summary, why_not = summary_of(streams, facts, report.RunPlace(planned, device, run.block), root)
    return {
        "summary": summary,
        "why_not": why_not,
        "environment_id": environment_id_of(facts),
        "attempt": file.attempt,
    }
