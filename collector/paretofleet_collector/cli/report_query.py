"""`paretofleet report query`: SQL over reports, by DuckDB, which can read nothing else and write nothing."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paretofleet_collector.cli.completion import sweep_names
from paretofleet_collector.cli.output import Format, Row, column, show
from paretofleet_collector.cli.progress import working
from paretofleet_collector.cli.session import notify
from paretofleet_collector.cli.sources import source_files
from paretofleet_collector.cli.units import counted
from paretofleet_collector.errors import Refused, misused

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds

EXAMPLE = (
    'Example: paretofleet report query "SELECT device, model, min(batch_latency_p50_s) FROM report '
    'GROUP BY ALL ORDER BY 3" report.parquet'
)
#: Rows of a table for people; the other forms have all.
TOP = 100
#: What the database may never do, before the first word of a stranger's SQL is read.
_SETTINGS = {
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
    "python_enable_replacements": False,
    "temp_directory": "",
    "enable_external_access": False,
    "lock_configuration": True,
}
_ONLY = "it must be one SELECT over the table report, which nothing can change"
_WHY_LETTERS = 300
#: What the database says where rows of a file cannot be read; not of which.
_UNREAD = "reading the stream registered as"

Query = Annotated[str, typer.Argument(metavar="SQL", help="One SELECT over the table `report`.")]
Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SWEEP|REPORT..",
        help="Sweeps, reports, bundles, or folders of reports.",
        autocompletion=sweep_names,
    ),
]
Form = Annotated[
    str,
    typer.Option(
        "-o", "--output", metavar="table|json|csv|FILE.parquet", help="How to write it, or the Parquet file."
    ),
]


def query(context: typer.Context, sql: Query, sources: Sources, *, output: Form = "table") -> None:
    """Ask reports by SQL: all rows of the sources are the table `report`, which nothing can change.

    The SQL reads no other file and no network. A table shows the first 100 rows.
    """
    from paretofleet_analysis.report.dataset import open_reports

    target = _target(output)
    with source_files(context, sources) as found:
        for note in found.notes:
            notify(note)
        with undamaged(found.paths), answered(open_reports(found.paths), sql) as reader:
            if isinstance(target, Path):
                rows = _write_parquet(reader, target)
                notify(f"wrote {counted(rows, 'row')} to {target}")
            else:
                _write(reader, target)


@contextmanager
def undamaged(paths: Sequence[Path]) -> Iterator[None]:
    """Raises Refused that names it where the block fails for a damaged one of the reports at `paths`."""
    from paretofleet_analysis.errors import AnalysisError
    from paretofleet_analysis.report.dataset import first_damaged

    try:
        yield
    except (Refused, AnalysisError) as error:
        damaged = first_damaged(paths) if _UNREAD in str(error) else None
        if damaged is None:
            raise
        raise Refused(
            f"The query was not answered: {damaged} is damaged, its rows cannot be read; pull it again with "
            "`paretofleet report pull`."
        ) from None


@contextmanager
def answered(reports: ds.Dataset, sql: str) -> Iterator[pa.RecordBatchReader]:
    """The rows that one SELECT, `sql`, has of the `reports`, batch after batch; raises Refused."""
    import duckdb
    import pyarrow as pa

    with duckdb.connect(":memory:") as database:
        database.register("report", reports)
        for name, value in _SETTINGS.items():
            database.execute(f"SET {name} = {value!r}")
        try:
            statements = database.extract_statements(sql)
            if len(statements) != 1 or statements[0].type is not duckdb.StatementType.SELECT:
                raise misused(f"The query was not run: {_ONLY}.")
            with working("asking"):
                reader = pa.RecordBatchReader.from_stream(database.sql(sql))
            yield reader
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise Refused(f"The query was not answered: {_why(error)}.") from None


def _why(error: Exception) -> str:
    """What the database says, in one line without the picture of where it stands."""
    lines = [line.strip() for line in str(error).split("\n\nLINE ")[0].splitlines() if line.strip()]
    return " ".join(lines)[:_WHY_LETTERS].rstrip(".! ") or type(error).__name__


def _target(output: str) -> Format | Path:
    """The form or the file that `output` names; raises Refused."""
    if output in list(Format):
        return Format(output)
    path = Path(output)
    if path.suffix != ".parquet":
        raise misused(f"-o {output} says no form: give table, json, csv, or a file that ends in .parquet.")
    if not path.absolute().parent.is_dir():
        raise Refused(f"{path.absolute().parent} does not exist; make the folder first.")
    return path


def _write_parquet(reader: pa.RecordBatchReader, path: Path) -> int:
    """Writes the rows to `path`, whole or not at all; returns how many they are."""
    import pyarrow.parquet as pq
    from paretofleet_analysis.whole_file import written_whole

    rows = 0
    with written_whole(path, "the answer") as file, pq.ParquetWriter(file, _named(reader.schema)) as writer:
        for batch in reader:
            writer.write_batch(batch.rename_columns(_names(reader.schema.names)))
            rows += batch.num_rows
    return rows


def _named(schema: pa.Schema) -> pa.Schema:
    import pyarrow as pa

    names = _names(schema.names)
    return pa.schema([field.with_name(name) for name, field in zip(names, schema, strict=True)])


def _write(reader: pa.RecordBatchReader, form: Format) -> None:
    """Writes the rows to standard output; of a table the first, and how many more there are."""
    names = _names(reader.schema.names)
    rows: list[Row] = []
    more = 0
    for batch in reader:
        taken = batch.num_rows if form is not Format.table else min(batch.num_rows, TOP - len(rows))
        columns = [[_plain(value) for value in each.slice(0, taken).to_pylist()] for each in batch.columns]
        rows += [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
        more += batch.num_rows - taken
    show(rows, [column(name, name) for name in names], form, nothing="no row")
    if more:
        notify(f"{counted(more, 'more row')}: -o csv has all")


def _names(given: Sequence[str]) -> list[str]:
    """The names of columns, each once: a second `a` is `a_2`."""
    names: list[str] = []
    for name in given:
        number, free = 1, name
        while free in names:
            number += 1
            free = f"{name}_{number}"
        names.append(free)
    return names


def _plain(value: Any) -> Any:
    """A value as JSON and CSV hold it; numbers that are none are absent."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if value is None or isinstance(value, bool | int | str):
        return value
    return value.hex() if isinstance(value, bytes) else _text(value)


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, dt.date | dt.time | dt.datetime) else str(value)
