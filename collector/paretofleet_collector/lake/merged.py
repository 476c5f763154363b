"""Files that hold several runs: the rows of each behind those of the one before, and what each file said.

The columns are those of a file of one run, but for times, which are steps from the row before. Numbers are
split into their bytes before they are compressed: runs are short, and packed differences would cost more.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from paretofleet_collector.lake.samples import STEPS, encoded, schema_of_steps, with_steps

#: Rows that are read at once for one run at least.
GROUP_ROWS = 65_536
_LEVEL = 9
_RUNS = "paretofleet.runs"
_SIZE = "paretofleet.runs_bytes"


@dataclass(frozen=True)
class RunRows:
    """The rows of a run as its own file had them, and the metadata of that file."""

    rows: pa.Table
    about: Mapping[str, str]


def write_merged(path: Path, parts: Iterable[RunRows]) -> None:
    """Writes the runs in `parts`, one after the other, to `path`; holds little more than one in memory."""
    abouts: list[dict[str, Any]] = []
    waiting: list[pa.Table] = []
    first_row = 0
    with pq.ParquetWriter(
        path,
        schema_of_steps(),
        compression="zstd",
        compression_level=_LEVEL,
        use_dictionary=["run_id", "stream", "schema", "phase"],
        column_encoding={STEPS: "BYTE_STREAM_SPLIT", "value": "BYTE_STREAM_SPLIT"},
        store_schema=False,
        write_page_checksum=True,
    ) as writer:
        for part in parts:
            head = part.rows.slice(0, 1).to_pylist()
            names = {"run_id": head[0]["run_id"], "attempt": head[0]["attempt"]} if head else {}
            abouts.append(
                {**names, "first_row": first_row, "rows": part.rows.num_rows, "about": dict(part.about)}
            )
            first_row += part.rows.num_rows
            waiting.append(with_steps(part.rows))
            if sum(table.num_rows for table in waiting) >= GROUP_ROWS:
                _write(writer, waiting)
                waiting = []
        if waiting:
            _write(writer, waiting)
        text = json.dumps(abouts).encode()
        packed = pa.Codec("zstd", compression_level=_LEVEL).compress(text, asbytes=True)
        writer.add_key_value_metadata({_RUNS: base64.b64encode(packed).decode(), _SIZE: str(len(text))})


def read_abouts(source: Any) -> list[dict[str, Any]]:
    """What the file `source` of several runs says of each: run_id, attempt, first_row, rows, about.

    Empty for a file of one run. Raises ValueError or OSError where it cannot be read.
    """
    stored = pq.read_metadata(source).metadata or {}
    if _RUNS.encode() not in stored:
        return []
    packed, size = base64.b64decode(stored[_RUNS.encode()]), int(stored[_SIZE.encode()])
    listed: list[dict[str, Any]] = json.loads(pa.Codec("zstd").decompress(packed, size, asbytes=True))
    return listed


def _write(writer: pq.ParquetWriter, tables: list[pa.Table]) -> None:
    table = encoded(pa.concat_tables(tables).unify_dictionaries())
    writer.write_table(table, row_group_size=table.num_rows)
