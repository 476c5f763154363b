"""The manifest for readers of the lake: a Parquet file for each sweep says in which file each run is.

It is made from the store, which stays the one that counts; who loses it gets it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from paretofleet_collector.lake.files import is_merged
from paretofleet_collector.lake.samples import STEPS

_VERSION = b"paretofleet.manifest"
_TIME = pa.timestamp("us", tz="UTC")
#: Each column: its type and what it means.
COLUMNS: Mapping[str, tuple[pa.DataType, str]] = {
    "sweep_id": (pa.string(), "the sweep"),
    "sweep": (pa.string(), "its name"),
    "run_id": (pa.string(), "the run"),
    "attempt": (pa.int32(), "which attempt of the run was sealed"),
    "block": (pa.int32(), "block of the sweep to which the run belongs"),
    "configuration_id": (pa.string(), "the configuration, as in the report"),
    "device": (pa.string(), "name of the device"),
    "target": (pa.string(), "what of the device computed"),
    "model": (pa.string(), "the network"),
    "variant": (pa.string(), "which of its files"),
    "runtime": (pa.string(), "what executed it"),
    "precision": (pa.string(), "precision asked for"),
    "batch_size": (pa.int64(), "items a batch"),
    "threads": (pa.int64(), "threads asked for"),
    "mode": (pa.string(), "`latency`, `throughput`, `paced`, `accuracy` or `training`"),
    "path": (pa.string(), "the file with its samples, below the lake; null once they were removed"),
    "first_row": (pa.int64(), "the run's first row in that file"),
    "samples": (pa.int64(), "how many rows are the run's"),
    "time_column": (pa.string(), "`t_ns`; `t_step_ns`: steps from the run's row before; null without a file"),
    "size_bytes": (pa.int64(), "size of the file"),
    "sha256": (pa.string(), "SHA-256 of the file"),
    "sealed_at": (_TIME, "when the run was sealed"),
    "retired_at": (_TIME, "when its samples were removed for their age, else null"),
    "rule_version": (pa.string(), "rule by which its summary was made, null without one"),
}


def write(path: Path, runs: Sequence[Mapping[str, Any]], version: str) -> None:
    """Writes the sealed `runs` of a sweep, as the store has them, to `path`.

    `version` says by which state of the store.
    """
    schema = pa.schema([(name, kind) for name, (kind, _) in COLUMNS.items()])
    table = pa.Table.from_pylist([_row(run) for run in runs], schema=schema)
    pq.write_table(table.replace_schema_metadata({_VERSION: version.encode()}), path, compression="zstd")


def version_of(path: Path) -> str:
    """By which state of the store the manifest at `path` was written; empty where nobody can tell."""
    try:
        stored = pq.read_metadata(path).metadata or {}
    except (OSError, pa.ArrowInvalid):
        return ""
    return bytes(stored.get(_VERSION, b"")).decode(errors="replace")


def _row(run: Mapping[str, Any]) -> dict[str, Any]:
    path = run.get("path")
    return {
        **{name: run.get(name) for name in COLUMNS},
        "time_column": None if path is None else STEPS if is_merged(path) else "t_ns",
        "sealed_at": _microseconds(run["sealed_unix_s"]),
        "retired_at": _microseconds(run.get("retired_unix_s")),
    }


def _microseconds(unix_s: float | None) -> int | None:
    return None if unix_s is None else round(unix_s * 1e6)
