"""Sealing, the part in the worker process: staged chunks to a Parquet file and the run's summary.

It reads the database and writes one file; the collector then lists the file, stores the summary and deletes
the chunks in one transaction. Until that has happened the file counts for nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from paretofleet_analysis.errors import SampleError
from paretofleet_analysis.runs.summary import summarize_run

from paretofleet_collector.errors import NotFound, Refused
from paretofleet_collector.lake import samples
from paretofleet_collector.lake.files import Lake, samples_file, sha256_of
from paretofleet_collector.model.entities import AttemptKey, PlannedConfiguration, environment_id_of
from paretofleet_collector.store import attempts, chunks, configurations, runs, sealed
from paretofleet_collector.store.engine import reading


def seal(database: str, lake: str, run_id: str, attempt: int) -> dict[str, Any]:
    """Writes the file of the uploaded `attempt` of the run `run_id`.

    Returns what the manifest and the summary shall say. `database` and `lake` are the paths of the file and
    of the folder. Raises Refused when the samples cannot be summarised, NotFound when the run is gone.
    """
    key = AttemptKey(run_id, attempt)
    with reading(database) as connection:
        run, row = runs.get(connection, run_id), attempts.row_of(connection, key)
        if run is None or row is None:
            raise NotFound(f"Run {run_id} is gone.")
        planned = configurations.get(connection, run.sweep_id, run.configuration_id)
        streams = samples.decode(chunks.staged(connection, key))
    facts = json.loads(row.facts_json)
    summary = _summary(streams, facts, planned)
    metadata = {
        "sweep_id": run.sweep_id,
        "configuration": planned.configuration.canonical_json,
        "block": str(run.block),
        "facts": row.facts_json,
    }
    root = Lake(Path(lake))
    counted = 0

    def write(path: Path) -> None:
        nonlocal counted
        counted = samples.write_parquet(path, streams, run_id, attempt, metadata)

    relative = samples_file(run.sweep_id, run_id, attempt)
    path = root.put(relative, write)
    return {
        "path": relative,
        "sha256": sha256_of(path),
        "size_bytes": path.stat().st_size,
        "samples": counted,
        "summary": summary,
        "environment_id": environment_id_of(facts),
    }


def summarize_again(database: str, lake: str, run_ids: list[str]) -> dict[str, Any]:
    """The summaries of the sealed runs `run_ids`, computed again from their files: run id to summary.

    `database` and `lake` are the paths of the file and of the folder. Raises Refused or NotFound.
    """
    root = Lake(Path(lake))
    with reading(database) as connection:
        return {run_id: _again(connection, root, run_id) for run_id in run_ids}


def _again(connection: sa.Connection, root: Lake, run_id: str) -> dict[str, Any]:
    run = runs.get(connection, run_id)
    files = sealed.files_of_run(connection, run_id)
    if run is None or not files:
        raise NotFound(f"Run {run_id} is gone.")
    row = attempts.row_of(connection, AttemptKey(run_id, files[0].attempt))
    planned = configurations.get(connection, run.sweep_id, run.configuration_id)
    if not (root.root / files[0].path).exists():
        raise NotFound(f"The samples of run {run_id} are missing in the lake ({files[0].path}).")
    with root.files.open_input_file(files[0].path) as file:
        streams = samples.read_parquet(file)
    return _summary(streams, json.loads(row.facts_json) if row is not None else {}, planned)


def _summary(
    streams: dict[str, samples.Stream], facts: dict[str, Any], planned: PlannedConfiguration
) -> dict[str, Any]:
    configuration = planned.configuration
    try:
        return summarize_run(
            samples.columns_of(streams),
            facts,
            batch_size=configuration.batch_size,
            mode=configuration.mode,
            target_kind=planned.target.partition(":")[0],
        )
    except (SampleError, TypeError, ValueError, KeyError, AttributeError) as error:
        raise Refused(f"The samples cannot be summarised: {error}.") from error
