"""Sealing, the part in the worker process: staged chunks to a Parquet file and the run's summary.

It reads the database and writes one file; the collector then lists the file, stores the summary and deletes
the chunks in one transaction. Until that has happened the file counts for nothing. Samples are sealed also
where no summary can be made of them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from paretofleet_analysis.runs import evaluation
from paretofleet_analysis.runs.summary import summarize_run

from paretofleet_collector.errors import CollectorError, NotFound, StorageUnavailable
from paretofleet_collector.jobs import report
from paretofleet_collector.lake import samples
from paretofleet_collector.lake.address import open_lake
from paretofleet_collector.lake.files import Lake, inputs_file, samples_file, sha256_of
from paretofleet_collector.lifecycle.chunk_faults import crc32_of
from paretofleet_collector.model.canonical import environment_id_of
from paretofleet_collector.model.entities import AttemptKey, Chunk
from paretofleet_collector.store import attempts, chunks, configurations, devices, runs
from paretofleet_collector.store.engine import failure_of, reading

_EXAMPLES = 3
#: The array of a file of labels.
LABELS = "y"
#: Memory that must be there before Arrow is asked: its tables of names, without memory, search for ever.
_SPARE_BYTES = 16 << 20


def seal(database: str, lake: str, run_id: str, attempt: int, *, summarise: bool = True) -> dict[str, Any]:
    """Writes the file of the uploaded `attempt` of the run `run_id` and checks what it wrote.

    Returns what the manifest and the summary shall say: `summary` is None where there can be none, and
    `why_not` says why, also for a `summarise` that is False. A sole key `damaged` says what is wrong with
    chunks that are not what was acknowledged; then nothing is written. `database` and `lake` are the paths
    of the file and of the folder. Raises NotFound when the run is gone, StorageUnavailable, and
    CollectorError when the file does not hold what was staged.
    """
    key = AttemptKey(run_id, attempt)
    bytearray(_SPARE_BYTES)  # raises MemoryError where Arrow would not
    with reading(database) as connection:
        run, row = runs.get(connection, run_id), attempts.row_of(connection, key)
        if run is None or row is None:
            raise NotFound(f"Run {run_id} is gone.")
        planned = configurations.get(connection, run.sweep_id, run.configuration_id)
        device = devices.by_id(connection)[run.device_id]
        staged, damage = _staged(connection, key)
    if damage:
        return {"damaged": damage}
    streams = samples.decode(staged)
    metadata = {
        "sweep_id": run.sweep_id,
        "configuration": planned.configuration.canonical_json,
        "block": str(run.block),
        "names": json.dumps(
            {
                "device": planned.device,
                "device_class": device.device_class,
                "model": planned.model,
                "variant": planned.variant,
                "target": planned.target,
            }
        ),
        "facts": row.facts_json,
    }
    relative = samples_file(run.sweep_id, run_id, attempt)
    path = open_lake(lake).put(relative, lambda new: _write(new, streams, key, metadata))
    facts = report.facts_of(row.facts_json)
    summary, why_not = None, "summarising was left out, since it ended the worker process before"
    if summarise:
        place = report.RunPlace(planned, device, run.block)
        summary, why_not = summary_of(streams, facts, place, open_lake(lake))
    return {
        "path": relative,
        "sha256": sha256_of(path),
        "size_bytes": path.stat().st_size,
        "samples": sum(stream.first.size for stream in streams.values()),
        "summary": summary,
        "why_not": why_not,
        "environment_id": environment_id_of(facts),
    }


def _staged(connection: sa.Connection, key: AttemptKey) -> tuple[list[Chunk], str]:
    """The staged chunks of an attempt, and what is wrong with them in one clause."""
    try:
        staged = list(chunks.staged(connection, key))
    except sa.exc.DatabaseError as error:
        if isinstance(failure_of(error), StorageUnavailable):
            raise
        return [], f"rows of the store cannot be read ({error.orig})"
    return staged, damage_in(staged, chunks.marks(connection, key))


def damage_in(staged: Sequence[Chunk], marks: Mapping[str, int]) -> str:
    """What is wrong with the `staged` chunks of an attempt, in one clause; empty when nothing is.

    Each must have its checksum, and each stream as many as its mark in `marks` says. Streams come whole, in
    the order of their chunks.
    """
    seqs: dict[str, list[int]] = defaultdict(list)
    for chunk in staged:
        seqs[chunk.stream].append(chunk.seq)
    broken = [f"{chunk.stream} {chunk.seq}" for chunk in staged if not _is_whole(chunk)]
    missing = [
        f"{stream} {seq}"
        for stream in sorted({*marks, *seqs})
        for seq in sorted({*range(marks.get(stream, 0))} ^ {*seqs[stream]})
    ]
    clauses = []
    if broken:
        clauses.append(f"{len(broken)} chunks differ from their checksum ({_examples(broken)})")
    if missing:
        clauses.append(f"{len(missing)} chunks are not there ({_examples(missing)})")
    return " and ".join(clauses)


def _is_whole(chunk: Chunk) -> bool:
    """Whether a chunk has its checksum; one whose columns are not even bytes has not."""
    try:
        return crc32_of(chunk) == chunk.crc32
    except TypeError:
        return False


def summary_of(
    streams: dict[str, samples.Stream], facts: Mapping[str, Any], place: report.RunPlace, lake: Lake
) -> tuple[dict[str, Any] | None, str]:
    """The summary of a run's `streams` and `facts`, or None and why there is none.

    A summary that no report can hold is none. `place` is what was planned, on which device; `lake` has the
    labels of a set.
    """
    configuration = place.planned.configuration
    try:
        if configuration.mode == evaluation.MODE:
            summary = evaluation.summarize_evaluation(
                samples.columns_of(streams), facts, labels_of(lake, configuration.data["labels"])
            )
        else:
            summary = summarize_run(
                samples.columns_of(streams),
                facts,
                batch_size=configuration.batch_size,
                mode=configuration.mode,
                target_kind=place.planned.target.partition(":")[0],
            )
        report.check_reportable(place, facts, summary)
    except Exception as error:  # noqa: BLE001 - whatever it is, the samples stay and the sweep goes on
        return None, f"{type(error).__name__}: {error}"
    return summary, ""


def labels_of(lake: Lake, sha256: str) -> np.ndarray:
    """The labels of a set, whole numbers, from the file `sha256` of the `lake`; checked against its hash."""
    with np.load(lake.verified(inputs_file(sha256), sha256), allow_pickle=False) as arrays:
        return np.asarray(arrays[LABELS], dtype=np.int64)


def _write(path: Path, streams: Mapping[str, samples.Stream], key: AttemptKey, about: dict[str, str]) -> None:
    """Writes the file and reads it again: what is deleted for it must be in it."""
    samples.write_parquet(path, streams, key.run_id, key.attempt, about)
    again = samples.read_parquet(path)
    if set(again) != set(streams) or not all(_equal(again[name], streams[name]) for name in streams):
        raise CollectorError(f"The file of run {key.run_id} does not hold what was staged; it is not listed.")


def _equal(here: samples.Stream, there: samples.Stream) -> bool:
    return (
        (here.schema, here.texts) == (there.schema, there.texts)
        and np.array_equal(here.first, there.first)
        and np.array_equal(here.second, there.second)
    )


def _examples(names: Sequence[str]) -> str:
    return ", ".join(names[:_EXAMPLES]) + (", ..." if len(names) > _EXAMPLES else "")
