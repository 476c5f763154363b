"""Any CSV as a report: which of its columns is which of the report's, and what holds for every row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from paretofleet_analysis.errors import ReportError
from paretofleet_analysis.imports.foreign_table import (
    Columns,
    check_present,
    numbers,
    read_columns,
    whole_numbers,
)
from paretofleet_analysis.report.published import GIVEN, TEXTS, WHOLE, published_report


@dataclass(frozen=True)
class MappedColumn:
    """A column of the report, the column `theirs` of a table, and what a number there is multiplied by."""

    name: str
    theirs: str
    scale: float = 1.0


def import_csv(path: Path, columns: Sequence[MappedColumn], constants: Mapping[str, str]) -> pa.Table:
    """The report of the CSV at `path`, by its mapped `columns` and the `constants` of every row, by name.

    Empty cells are null. The model, the device and the batch size must be given in one of both ways.
    Raises ReportError, which names what is missing, doubled, unknown or no number.
    """
    table = read_columns(path)
    check_present(path, table, [column.theirs for column in columns])
    given = [*(column.name for column in columns), *constants]
    twice = sorted({name for name in given if given.count(name) > 1})
    if twice:
        raise ReportError(f"{path}: {', '.join(twice)} is given more than once: map each column once")
    values = {column.name: _values(path, table, column) for column in columns}
    count = len(next(iter(table.values())))
    values |= {name: [_constant(path, name, text)] * count for name, text in constants.items()}
    return published_report(values, source=path.name)


def _values(path: Path, table: Columns, column: MappedColumn) -> list[Any]:
    if column.name in TEXTS or column.name not in GIVEN:
        return [cell or None for cell in table[column.theirs]]
    read = whole_numbers if column.name in WHOLE else numbers
    return list(read(path, table, column.theirs, scale=column.scale))


def _constant(path: Path, name: str, text: str) -> Any:
    if name in TEXTS or name not in GIVEN:
        return text
    return _values(path, {name: [text]}, MappedColumn(name, name))[0]
