"""Samples of a run: from staged chunks to arrays, to Parquet, and back.

A sealed file has one row per sample: `stream` and its `schema`, the time `t_ns` (an iteration's start) and
`value` (a duration, a power, a counter, a phase or a length, as the schema's second column says), the `phase`
by the marks, and the `text` of a state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from paretofleet_analysis.runs.sample_schemas import PHASES, SCHEMAS

from paretofleet_collector.model.entities import Chunk

FORMAT = "1"
_NAME = pa.dictionary(pa.int32(), pa.string())
_SCHEMA = pa.schema(
    [
        ("run_id", _NAME),
        ("attempt", pa.int32()),
        ("stream", _NAME),
        ("schema", _NAME),
        ("t_ns", pa.int64()),
        ("value", pa.int64()),
        ("phase", _NAME),
        ("text", pa.string()),
    ]
)
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Stream:
    """The samples of one stream in the order of their chunks; `texts` only for states."""

    schema: str
    first: Ints
    second: Ints
    texts: tuple[str, ...] = ()

    @property
    def columns(self) -> dict[str, Ints]:
        """The two columns under the names that the schema gives them."""
        return dict(zip(SCHEMAS[self.schema], (self.first, self.second), strict=True))


def decode(chunks: Iterable[Chunk]) -> dict[str, Stream]:
    """The streams of an attempt by name, from its `chunks`, which come in order within each stream."""
    parts: dict[str, list[Stream]] = {}
    for chunk in chunks:
        names = SCHEMAS[chunk.schema]
        table = np.frombuffer(chunk.columns, dtype="<i8", count=len(names) * chunk.n).reshape(
            len(names), chunk.n
        )
        rest = chunk.columns[8 * len(names) * chunk.n :]
        texts = _texts(rest, table[1]) if chunk.schema == "state/1" else ()
        parts.setdefault(chunk.stream, []).append(Stream(chunk.schema, table[0], table[1], texts))
    return {
        name: Stream(
            pieces[0].schema,
            np.concatenate([piece.first for piece in pieces]),
            np.concatenate([piece.second for piece in pieces]),
            tuple(text for piece in pieces for text in piece.texts),
        )
        for name, pieces in parts.items()
    }


def _texts(data: bytes, sizes: Ints) -> tuple[str, ...]:
    ends = np.cumsum(sizes)
    starts = ends - sizes
    return tuple(
        data[start:end].decode(errors="replace")
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    )


def write_parquet(
    path: Path, streams: Mapping[str, Stream], run_id: str, attempt: int, metadata: Mapping[str, str]
) -> int:
    """Writes the `streams` of attempt number `attempt` of run `run_id` to `path`.

    `metadata` goes into the file's schema. Returns the number of samples.
    """
    marks = streams.get("marks")
    stamped = {
        "paretofleet.samples": FORMAT,
        **{f"paretofleet.{key}": text for key, text in metadata.items()},
    }
    schema = _SCHEMA.with_metadata(stamped)
    tables = [_table(name, stream, marks, run_id, attempt) for name, stream in sorted(streams.items())]
    table = pa.concat_tables(tables).unify_dictionaries() if tables else _SCHEMA.empty_table()
    pq.write_table(
        table.cast(schema),
        path,
        compression="zstd",
        compression_level=1,
        use_dictionary=["run_id", "stream", "schema", "phase"],
        column_encoding={"t_ns": "DELTA_BINARY_PACKED", "value": "DELTA_BINARY_PACKED"},
    )
    return int(table.num_rows)


def read_parquet(source: Any) -> dict[str, Stream]:
    """The streams in the sealed file `source`, a path or an open file, as `decode` gave them."""
    table = pq.read_table(source, columns=["stream", "schema", "t_ns", "value", "text"])
    result = {}
    for name in pc.unique(table["stream"]).to_pylist():
        part = table.filter(pc.equal(table["stream"], name))
        schema = part["schema"][0].as_py()
        texts = tuple(part["text"].to_pylist()) if schema == "state/1" else ()
        result[name] = Stream(schema, part["t_ns"].to_numpy(), part["value"].to_numpy(), texts)
    return result


def columns_of(streams: Mapping[str, Stream]) -> dict[str, dict[str, Ints]]:
    """What the analysis summarises: those of `streams` with numbers, by the names of columns."""
    return {name: stream.columns for name, stream in streams.items() if stream.schema != "state/1"}


def _table(name: str, stream: Stream, marks: Stream | None, run_id: str, attempt: int) -> pa.Table:
    size = len(stream.first)
    texts = pa.array(stream.texts, pa.string()) if stream.texts else pa.nulls(size, pa.string())
    return pa.Table.from_arrays(
        [
            _constant(run_id, size),
            pa.array(np.full(size, attempt, np.int32)),
            _constant(name, size),
            _constant(stream.schema, size),
            pa.array(stream.first),
            pa.array(stream.second),
            _phases(stream.first, marks),
            texts,
        ],
        schema=_SCHEMA,
    )


def _constant(value: str, size: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(size, np.int32)), pa.array([value]))


def _phases(times_ns: Ints, marks: Stream | None) -> pa.DictionaryArray:
    """The phase of each time: that of the last mark at or before it; null before the first mark."""
    if marks is None or not len(marks.first):
        return pa.DictionaryArray.from_arrays(pa.nulls(len(times_ns), pa.int32()), pa.array(PHASES))
    order = np.argsort(marks.first, kind="stable")
    place = np.searchsorted(marks.first[order], times_ns, side="right") - 1
    codes = marks.second[order][np.maximum(place, 0)].astype(np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=place < 0), pa.array(PHASES))
