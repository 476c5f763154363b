"""A stranger's CSV as columns of text, and its columns as numbers: what is missing, doubled or no number."""

from __future__ import annotations

import csv
import gzip
import io
import math
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from paretofleet_analysis.errors import ReportError

#: Of a file, unpacked; others' tables of whole benchmark collections have a tenth.
BYTES_MAX = 256 << 20
#: Larger whole numbers are not exact as doubles, and count nothing that a report has.
_WHOLE_MAX = 2**53
_SHOWN = 12

Columns = dict[str, list[str]]


def read_columns(path: Path) -> Columns:
    """The columns of the CSV at `path` (a name that ends in .gz is unpacked), by name, as texts.

    Raises ReportError for a file that cannot be read, that has no rows, a column without a name or twice,
    or a row that is longer or shorter than the first.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
        text = data.decode("utf-8-sig")
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ReportError(f"{path} is no whole gzip file: get it again, or unpack it") from error
    except OSError as error:
        raise ReportError(f"cannot read {path}: {error.strerror}; name a file of the table") from error
    except UnicodeDecodeError as error:
        raise ReportError(f"{path} is no text in UTF-8: save the table as CSV") from error
    if len(data) > BYTES_MAX:
        raise ReportError(f"{path} has more than {BYTES_MAX:,} bytes: import a part of it")
    try:
        rows = [row for row in csv.reader(io.StringIO(text)) if row]
    except csv.Error as error:
        raise ReportError(f"{path} is no CSV: {error}") from error
    if len(rows) < 2:
        raise ReportError(f"{path} has no rows below its heading")
    heading = [name.strip() for name in rows[0]]
    _check_heading(path, heading)
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(heading):
            raise ReportError(f"{path}, row {number} has {len(row)} cells and the heading {len(heading)}")
    return {
        name: [cell.strip() for cell in cells]
        for name, cells in zip(heading, zip(*rows[1:], strict=True), strict=True)
    }


def _check_heading(path: Path, heading: Sequence[str]) -> None:
    twice = [name for name, count in Counter(heading).items() if count > 1]
    if twice:
        named = ", ".join(name or "(without a name)" for name in twice)
        columns = "the columns" if len(twice) > 1 else "the column"
        raise ReportError(f"{path} has {columns} {named} more than once: keep one of each")


def check_present(path: Path, columns: Columns, names: Sequence[str]) -> None:
    """Raises ReportError that lists those of the `names` which are no `columns` of the file at `path`."""
    missing = [name for name in dict.fromkeys(names) if name not in columns]
    if missing:
        has = ", ".join(list(columns)[:_SHOWN]) + (" ..." if len(columns) > _SHOWN else "")
        column = "columns" if len(missing) > 1 else "column"
        raise ReportError(f"{path} lacks the {column} {', '.join(missing)}: it has {has}")


def numbers(
    path: Path, columns: Columns, name: str, *, scale: float = 1.0, has_thousands: bool = False
) -> list[float | None]:
    """The column `name` of the `columns` of the file at `path`, times `scale`; None where a cell is empty.

    `has_thousands`: a comma groups digits. Raises ReportError for a cell that is no finite number.
    """
    values: list[float | None] = []
    for number, cell in enumerate(columns[name], start=2):
        text = cell.replace(",", "") if has_thousands else cell
        if not text or text.lower() in ("nan", "null", "none", "na", "n/a"):
            values.append(None)
            continue
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value * scale):
            raise ReportError(f"{path}, row {number}: {name} is {cell[:40]!r}, which is no number")
        values.append(value * scale)
    return values


def whole_numbers(
    path: Path, columns: Columns, name: str, *, scale: float = 1.0, has_thousands: bool = False
) -> list[int | None]:
    """The column `name` of the `columns` of the file at `path` as counts; None where a cell is empty.

    `scale` and `has_thousands` are as for `numbers`; what was scaled is rounded. Raises ReportError as
    `numbers` does, and for a cell that is no whole number where `scale` is 1, is negative or above 2^53.
    """
    values = numbers(path, columns, name, scale=scale, has_thousands=has_thousands)
    for number, value in enumerate(values, start=2):
        if value is None:
            continue
        if not 0 <= value <= _WHOLE_MAX or (scale == 1 and not value.is_integer()):
            cell = columns[name][number - 2]
            raise ReportError(
                f"{path}, row {number}: {name} is {cell[:40]!r}, and a whole number from 0 to 2^53 is due"
            )
    return [None if value is None else round(value) for value in values]
