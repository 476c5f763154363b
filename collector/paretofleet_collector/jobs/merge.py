"""Merging, the part in the worker process: small sealed files to one, and a run out of it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from paretofleet_collector.errors import CollectorError, StorageUnavailable
from paretofleet_collector.lake import merged, samples
from paretofleet_collector.lake.address import open_lake
from paretofleet_collector.lake.files import Lake, is_merged, merged_file, sha256_of

#: A run in a file: path and SHA-256 of the file, first row and number of rows.
Part = Sequence[Any]


def merge(lake: str, sweep_id: str, parts: list[Part]) -> dict[str, Any]:
    """Writes the runs in `parts`, of the sweep `sweep_id`, to one new file, and checks each row of it.

    A part is path, sha256, first row and number of rows; parts of one file stand together. Returns path,
    sha256, size_bytes and the first row of each part; for files that are not what was listed, or that hold
    rows which are in no part, only their paths as `damaged`. `lake` is the lake's address. Raises
    StorageUnavailable, and CollectorError where the new file does not hold what the old ones do.
    """
    root = open_lake(lake)
    paths, damaged = _verified(root, parts)
    if damaged:
        return {"damaged": damaged}
    first_rows, end = [], 0
    for part in parts:
        first_rows.append(end)
        end += part[3]

    def write(path: Path) -> None:
        merged.write_merged(path, (_rows(paths[part[0]], *part[2:]) for part in parts))
        for part, first_row in zip(parts, first_rows, strict=True):
            before = _rows(paths[part[0]], *part[2:]).rows
            if not samples.read_rows(path, first_row, part[3]).equals(before):
                raise CollectorError(f"What was merged differs from {part[0]}; the old files stay.")

    relative = merged_file(sweep_id)
    path = root.put(relative, write)
    return {
        "path": relative,
        "sha256": sha256_of(path),
        "size_bytes": path.stat().st_size,
        "first_rows": first_rows,
    }


def extract(lake: str, path: str, first_row: int, count: int) -> str:
    """Writes the run with `count` rows from `first_row` on of a file of several runs to one of its own.

    It is what that was before it was merged. `path` is where the file lies on this machine. Returns a
    temporary place in the lake at the address `lake`.
    """
    part = _rows(Path(path), first_row, count)
    target = open_lake(lake).temporary(".parquet")
    samples.write_table(target, part.rows, part.about)
    return str(target)


def _verified(root: Lake, parts: list[Part]) -> tuple[dict[str, Path], list[str]]:
    """Where each file of `parts` lies on this machine, and which must stay: not what was listed, or with
    rows that nobody listed and that would go.
    """
    rows: Counter[str] = Counter()
    for path, _, _, count in parts:
        rows[path] += count
    paths, damaged = {}, []
    for path, sha256 in {part[0]: part[1] for part in parts}.items():
        try:
            paths[path] = root.verified(path, sha256)
        except StorageUnavailable:
            raise
        except CollectorError:
            damaged.append(path)
            continue
        if pq.read_metadata(paths[path]).num_rows != rows[path]:
            damaged.append(path)
    return paths, damaged


def _rows(path: Path, first_row: int, count: int) -> merged.RunRows:
    rows = samples.read_rows(path, first_row, count)
    if not is_merged(path.name):
        return merged.RunRows(rows, samples.read_about(path))
    listed = merged.read_abouts(path)
    about = next(each["about"] for each in listed if each["first_row"] == first_row and each["rows"] == count)
    return merged.RunRows(rows, about)
