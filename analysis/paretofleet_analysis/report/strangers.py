"""A Parquet file from anywhere, read within limits: small on the disk says little of what it unpacks to."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from paretofleet_analysis.errors import ReportError

#: Of the file; and of the columns that are read, unpacked, as the file says and as it turns out.
FILE_BYTES_MAX = 1 << 30
BYTES_MAX = 2 << 30
VALUES_MAX = 200_000_000
#: Of all columns together, and of one.
FIELDS_MAX = 5_000
DEPTH_MAX = 16
_TEXT_BYTES_MAX = 16 << 20
_FIX = "rank fewer sweeps together, or pull the report again with `paretofleet report pull`"


def read_bounded(
    path: Path, columns: Collection[str], rows_max: int | None = None, of_runs: Collection[str] = ()
) -> pa.Table:
    """Those of the `columns` that the Parquet file at `path` has.

    One with a value a row, or named in `of_runs` (lists of numbers), that has no value at all is a column of
    nulls without a type, which costs nothing.

    Raises ReportError for a file of more than `rows_max` rows, or that is too large, too wide or too deep,
    before its values are read; OSError and ArrowException for one that cannot be read.
    """
    if path.stat().st_size > FILE_BYTES_MAX:
        raise ReportError(
            f"{path} has {path.stat().st_size:,} bytes and at most {FILE_BYTES_MAX:,} are read: {_FIX}"
        )
    limits = {"thrift_string_size_limit": _TEXT_BYTES_MAX, "thrift_container_size_limit": FIELDS_MAX}
    with pq.ParquetFile(path, **limits) as file:
        texts = _checked(file.metadata, path, set(columns), rows_max)
    with pq.ParquetFile(path, read_dictionary=texts, **limits) as file:
        empty = _without_a_value(file.metadata, set(of_runs))
        names = [
            name
            for name in dict.fromkeys(file.schema_arrow.names)
            if name in set(columns) and name not in empty
        ]
        table = file.read(columns=names)
    size = sum(_text_bytes(table[number]) for number in range(table.num_columns))
    if size > BYTES_MAX:
        raise ReportError(
            f"the texts in {path} have {size:,} bytes and at most {BYTES_MAX:,} are read: {_FIX}"
        )
    plain = [field.with_type(_plain(field.type)) for field in table.schema]
    table = table.cast(pa.schema(plain, table.schema.metadata))
    for name in sorted(empty & set(columns)):
        table = table.append_column(name, pa.nulls(table.num_rows))
    return table


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type without the dictionaries in which texts were read."""
    if pa.types.is_dictionary(kind):
        return kind.value_type
    return pa.list_(_plain(kind.value_type)) if pa.types.is_list(kind) else kind


def _checked(facts: pq.FileMetaData, path: Path, columns: set[str], rows_max: int | None) -> list[str]:
    """The paths of the columns with texts among `columns`; raises ReportError for what exceeds a limit."""
    if rows_max is not None and facts.num_rows > rows_max:
        raise ReportError(
            f"{path} has {facts.num_rows:,} rows and at most {rows_max:,} are ranked at once: "
            "rank fewer sweeps together"
        )
    leaves = [facts.schema.column(number) for number in range(facts.num_columns)]
    deep = [leaf.path for leaf in leaves if leaf.max_definition_level > DEPTH_MAX]
    if deep:
        raise ReportError(f"the column {deep[0]:.40} of {path} is nested more than {DEPTH_MAX} deep: {_FIX}")
    used = [number for number, leaf in enumerate(leaves) if leaf.path.partition(".")[0] in columns]
    values = size = 0
    for group in range(facts.num_row_groups):
        for number in used:
            column = facts.row_group(group).column(number)
            values, size = values + column.num_values, size + column.total_uncompressed_size
    if values > VALUES_MAX or size > BYTES_MAX:
        raise ReportError(
            f"{path} unpacks to {values:,} values in {size:,} bytes, and at most {VALUES_MAX:,} in "
            f"{BYTES_MAX:,} are read: {_FIX}"
        )
    return [leaves[number].path for number in used if leaves[number].physical_type == "BYTE_ARRAY"]


def _without_a_value(facts: pq.FileMetaData, columns: set[str]) -> set[str]:
    """Those of the `columns` that hold a value a row, or are lists of numbers, in which the file says that
    all are null.
    """
    empty = set()
    for number in range(facts.num_columns):
        leaf = facts.schema.column(number)
        name = leaf.path.partition(".")[0]
        if leaf.path != name and (name not in columns or leaf.physical_type != "DOUBLE"):
            continue
        chunks = [facts.row_group(group).column(number) for group in range(facts.num_row_groups)]
        if all(
            chunk.statistics is not None
            and chunk.statistics.has_null_count
            and chunk.statistics.null_count == chunk.num_values
            for chunk in chunks
        ):
            empty.add(name)
    return empty


def _text_bytes(column: pa.ChunkedArray) -> int:
    """The bytes of the texts in a column once each stands where it belongs."""
    return sum(_text_bytes_of(chunk) for chunk in column.chunks)


def _text_bytes_of(array: pa.Array) -> int:
    while pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        array = array.flatten()
    if not pa.types.is_dictionary(array.type):
        return 0
    lengths = pc.binary_length(array.dictionary).cast(pa.int64())
    return int(pc.sum(lengths.take(array.indices)).as_py() or 0)
