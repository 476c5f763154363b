"""Samples of a run: from staged chunks to arrays, to Parquet, and back.

A sealed file has one row per sample: `stream` and its `schema`, the time `t_ns` (an iteration's start) and
`value` (a duration, a power, a counter, a phase or a length, as the schema's second column says), the `phase`
by the marks, and the `text` of a state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
_ABOUT = "paretofleet."
#: In a file of several runs: how much later a row is than the one before it in its run; the first from 0.
STEPS = "t_step_ns"
_NAMES = ["run_id", "stream", "schema", "phase"]
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


def begins_with(whole: Stream | None, beginning: Stream) -> bool:
    """Whether the stream `whole`, None where there is none, has the samples of `beginning` as its first."""
    if whole is None:
        return False
    size = beginning.first.size
    return (
        (whole.schema, whole.texts[: len(beginning.texts)]) == (beginning.schema, beginning.texts)
        and np.array_equal(whole.first[:size], beginning.first)
        and np.array_equal(whole.second[:size], beginning.second)
    )


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
    tables = [_table(name, stream, marks, run_id, attempt) for name, stream in sorted(streams.items())]
    table = pa.concat_tables(tables).unify_dictionaries() if tables else _SCHEMA.empty_table()
    write_table(path, table, metadata)
    return int(table.num_rows)


def write_table(path: Path, table: pa.Table, metadata: Mapping[str, str]) -> None:
    """Writes the rows of a run, `table`, to `path`, with the `metadata` of the run in the file's schema."""
    stamped = {f"{_ABOUT}samples": FORMAT, **{f"{_ABOUT}{key}": metadata[key] for key in sorted(metadata)}}
    pq.write_table(
        encoded(table).cast(_SCHEMA.with_metadata(stamped)),
        path,
        compression="zstd",
        compression_level=1,
        use_dictionary=_NAMES,
        column_encoding={"t_ns": "DELTA_BINARY_PACKED", "value": "DELTA_BINARY_PACKED"},
        write_page_checksum=True,
    )


def read_parquet(source: Any, first_row: int = 0, count: int | None = None) -> dict[str, Stream]:
    """The streams in the sealed file `source`, a path or an open file, as `decode` gave them.

    Of a file that holds several runs those of the run with `count` rows from `first_row` on.
    """
    table = read_rows(source, first_row, count, ["stream", "schema", "t_ns", "value", "text"])
    result = {}
    for name in pc.unique(table["stream"]).to_pylist():
        part = table.filter(pc.equal(table["stream"], name))
        schema = part["schema"][0].as_py()
        texts = tuple(part["text"].to_pylist()) if schema == "state/1" else ()
        result[name] = Stream(schema, part["t_ns"].to_numpy(), part["value"].to_numpy(), texts)
    return result


def read_rows(
    source: Any, first_row: int = 0, count: int | None = None, columns: Sequence[str] | None = None
) -> pa.Table:
    """The rows of the sealed file `source`, `count` of them from `first_row` on, by default all.

    All `columns`, by default, as they were written. Every page is checked against its checksum.
    """
    with pq.ParquetFile(source, page_checksum_verification=True) as file:
        last = file.metadata.num_rows if count is None else first_row + count
        groups, start, skipped = [], 0, 0
        for number in range(file.num_row_groups):
            end = start + file.metadata.row_group(number).num_rows
            if end <= first_row:
                skipped = end
            elif start < last:
                groups.append(number)
            start = end
        stored = file.schema_arrow.names
        names = [STEPS if name == "t_ns" and STEPS in stored else name for name in columns or _SCHEMA.names]
        table = file.read_row_groups(groups, columns=names)
    return encoded(_with_times(table.slice(first_row - skipped, last - first_row)))


def with_steps(table: pa.Table) -> pa.Table:
    """The rows of a run, `table`, with its times as steps from the row before, which compress better."""
    times_ns = table["t_ns"].to_numpy()
    place = table.column_names.index("t_ns")
    return table.set_column(place, STEPS, pa.array(np.diff(times_ns, prepend=0)))


def _with_times(table: pa.Table) -> pa.Table:
    """Rows of one run with times again where they have steps."""
    if STEPS not in table.column_names:
        return table
    place = table.column_names.index(STEPS)
    return table.set_column(place, "t_ns", pa.array(np.cumsum(table[STEPS].to_numpy())))


def encoded(table: pa.Table) -> pa.Table:
    """The rows in `table` with names as dictionaries in the order of their first use, in one chunk each.

    Equal rows are equal tables then, and equal bytes of a file, whatever they went through.
    """
    columns, fields = [], []
    for name, column in zip(table.column_names, table.columns, strict=True):
        columns.append(_names_in_order(column) if name in _NAMES else column.combine_chunks())
        fields.append(pa.field(name, pa.int64()) if name == STEPS else _SCHEMA.field(name))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def _names_in_order(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """A `column` of names in one chunk, whose dictionary holds those in use, in the order of their first."""
    if not pa.types.is_dictionary(column.type):
        return column.combine_chunks().dictionary_encode()
    whole = column.unify_dictionaries().combine_chunks()
    codes, names = whole.indices.fill_null(-1).to_numpy(), whole.dictionary
    # By codes: as texts each of millions of equal names is hashed.
    used = [code for code in range(len(names)) if (codes == code).any()]
    used.sort(key=lambda code: int(np.argmax(codes == code)))
    places = np.full(len(names) + 1, -1, np.int32)
    places[used] = np.arange(len(used), dtype=np.int32)
    moved = places[codes]
    return pa.DictionaryArray.from_arrays(
        pa.array(moved, mask=moved < 0), names.take(pa.array(used, pa.int64()))
    )


def schema_of_steps() -> pa.Schema:
    """The columns of a file of several runs."""
    place = _SCHEMA.get_field_index("t_ns")
    return _SCHEMA.set(place, pa.field(STEPS, pa.int64()))


def read_about(source: Any) -> dict[str, str]:
    """What the sealed file `source`, a path or an open file, says of its run: the `metadata` it was given."""
    stored = pq.read_metadata(source).metadata or {}
    texts = {name.decode(): text.decode(errors="replace") for name, text in stored.items()}
    return {
        name.removeprefix(_ABOUT): text
        for name, text in texts.items()
        if name.startswith(_ABOUT) and name != f"{_ABOUT}samples"
    }


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
