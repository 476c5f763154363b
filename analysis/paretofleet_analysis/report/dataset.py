"""Reports as one table that is not in memory: files are opened, checked by their columns, and read later."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from paretofleet_analysis.errors import ReportError
from paretofleet_analysis.report.files import check_schema
from paretofleet_analysis.report.schema import schema


def open_reports(paths: Sequence[Path]) -> ds.Dataset:
    """The rows of the reports at `paths` in this version's columns, null where an older one has none.

    Below a folder whose name is `column=value` the column has that value, as partitioned Parquet has it.
    Nothing but the ends of the files is read. Raises ReportError for a file that is no report.
    """
    parts = []
    for path in map(Path, paths):
        try:
            part = ds.dataset([str(path)], format="parquet", partitioning="hive")
        except (pa.ArrowException, OSError) as error:
            raise ReportError(
                f"{path} is not a readable Parquet file: pull it with `paretofleet report pull`"
            ) from error
        check_schema(part.schema, str(path))
        parts.append(part.replace_schema(schema()))
    return ds.dataset(parts)


def first_damaged(paths: Sequence[Path]) -> Path | None:
    """The first of the files at `paths` whose rows cannot all be read; None where each can.

    Every byte of them is read, a batch at a time.
    """
    for path in map(Path, paths):
        try:
            with pq.ParquetFile(path) as file:
                for _ in file.iter_batches():
                    pass
        except (pa.ArrowException, OSError):
            return path
    return None


def files_below(folder: Path) -> list[Path]:
    """The Parquet files in a `folder` and its folders, in the order of their names; hidden ones are left out.

    Raises ReportError where there is none.
    """
    reports = sorted(
        path
        for path in folder.rglob("*.parquet")
        if path.is_file() and not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    )
    if not reports:
        raise ReportError(f"no Parquet file is in {folder}: name a report, or a folder of reports")
    return reports
