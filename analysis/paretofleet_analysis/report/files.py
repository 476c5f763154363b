"""The report as a file: written whole or not at all, read back checked; several joined."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from paretofleet_analysis.errors import ReportError
from paretofleet_analysis.report.column import Column
from paretofleet_analysis.report.content import check_columns, check_content
from paretofleet_analysis.report.schema import COLUMNS, VERSION, VERSION_KEY, VERSION_WRITTEN_MIN, schema
from paretofleet_analysis.report.strangers import read_bounded
from paretofleet_analysis.whole_file import written_whole

#: Columns with a number for each run, or none.
VALUES_OF_RUNS = frozenset(
    column.name
    for column in COLUMNS
    if column.name.endswith("_runs") and column.type == pa.list_(pa.float64())
)


def write(table: pa.Table, path: Path) -> None:
    """Writes a report, `table`, to `path` as Parquet: synced and renamed, nothing half-written remains.

    It is written in the oldest version that holds all its values. Raises `ReportError` when the folder cannot
    be written to.
    """
    path, table = Path(path), _in_oldest_version(table)
    with written_whole(path, "a report") as file:
        pq.write_table(table, file, compression="zstd")


def _in_oldest_version(table: pa.Table) -> pa.Table:
    """The same without the columns of younger versions, as far back as none of them holds a value."""
    version = VERSION
    while version > VERSION_WRITTEN_MIN and not any(_has_values(table, version)):
        version -= 1
    written = schema(version)
    if version == VERSION or not set(written.names) <= set(table.column_names):
        return table
    return table.select(written.names).replace_schema_metadata(written.metadata)


def _has_values(table: pa.Table, version: int) -> Iterator[bool]:
    """Of each column that came with a `version` whether a row has a value in it; of lists, one of them."""
    for column in COLUMNS:
        if column.since == version and column.name in table.column_names:
            values = table[column.name].combine_chunks()
            inner = values.flatten() if pa.types.is_list(values.type) else values
            yield inner.null_count < len(inner)


def read(path: Path, *, rows_max: int | None = None) -> pa.Table:
    """The report at `path`, of this or an older version, in this version's columns; null where it has none.

    Raises `ReportError`: not a Parquet file, a newer version, missing columns (named), another type; more
    rows than `rows_max`, or beyond another limit of `strangers`, before they are read.
    """
    try:
        table = read_bounded(Path(path), [column.name for column in COLUMNS], rows_max, VALUES_OF_RUNS)
    except FileNotFoundError as error:
        raise ReportError(f"there is no report at {path}: pull one with `paretofleet report pull`") from error
    except (pa.ArrowException, OSError) as error:
        raise ReportError(
            f"{path} is not a readable Parquet file: pull it with `paretofleet report pull`"
        ) from error
    return conform(table, name=str(path))


def conform(table: pa.Table, *, name: str) -> pa.Table:
    """The `table` in the columns, order and types of the current schema; `name` is what an error calls it.

    Raises `ReportError` where the version is newer, a column is missing, doubled or of another type, or
    where a value cannot be meant (`content`).
    """
    check_schema(table.schema, name)
    kinds = dict(zip(table.schema.names, table.schema.types, strict=True))
    columns: list[pa.Array | pa.ChunkedArray] = []
    absent: dict[tuple[bool, pa.DataType], pa.Array] = {}
    for column in COLUMNS:
        if column.name not in kinds or pa.types.is_null(kinds[column.name]):
            columns.append(_absent(table, column, absent))
            continue
        values = table[column.name]
        try:
            columns.append(values if values.type == column.type else values.cast(column.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise ReportError(
                f"column {column.name} of {name} holds {values.type}, not {column.type}: "
                "pull the report again with `paretofleet report pull`"
            ) from error
    conformed = pa.Table.from_arrays(columns, schema=schema())
    check_content(conformed, name)
    return conformed


def check_schema(columns: pa.Schema, name: str) -> None:
    """Raises ReportError where the `columns` of what a sentence calls `name` are of a newer version, or where
    one is missing or there twice.
    """
    version = _version(columns, name)
    check_columns(columns.names, name)
    names = set(columns.names)
    missing = [column.name for column in COLUMNS if column.since <= version and column.name not in names]
    if missing:
        more = f" and {len(missing) - 6} more" if len(missing) > 6 else ""
        raise ReportError(
            f"{name} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing[:6])}{more}: "
            "pull the report again with `paretofleet report pull`"
        )


def _absent(table: pa.Table, column: Column, made: dict[tuple[bool, pa.DataType], pa.Array]) -> pa.Array:
    """A column of nulls; where it holds a value of each run, a null for each of a row's runs. Columns of one
    type share it: `made` holds those so far.
    """
    key = (column.name in VALUES_OF_RUNS and "run_ids" in table.column_names, column.type)
    if key not in made:
        made[key] = _null_runs(table, column.type) if key[0] else pa.nulls(table.num_rows, column.type)
    return made[key]


def _null_runs(table: pa.Table, kind: pa.DataType) -> pa.Array:
    """Lists of a `kind` with a null for each run."""
    lengths = pc.fill_null(pc.list_value_length(table["run_ids"]), 0).to_numpy()
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.nulls(offsets[-1].as_py(), kind.value_type))


def _version(columns: pa.Schema, name: str) -> int:
    """The schema version that a file names; a file that names none is taken as current."""
    text = (columns.metadata or {}).get(VERSION_KEY, str(VERSION).encode())
    if not text.isdigit() or not 1 <= int(text) <= VERSION:
        raise ReportError(
            f"{name} is a report of version {text.decode(errors='replace')}, this program reads 1 to "
            f"{VERSION}: upgrade paretofleet-analysis"
        )
    return int(text)


def concatenate(tables: Sequence[pa.Table]) -> pa.Table:
    """Several reports, `tables`, as one, to be ranked together; raises ReportError as `conform` does."""
    return pa.concat_tables(
        [schema().empty_table(), *(conform(table, name="the report") for table in tables)]
    )
