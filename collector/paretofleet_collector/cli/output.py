"""Listings: a table for people, JSON and CSV for programs, always on standard output."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from paretofleet_collector.plain_text import printable


class Format(StrEnum):
    """How a listing is written."""

    table = "table"
    json = "json"
    csv = "csv"


Output = Annotated[Format, typer.Option("-o", "--output", help="How to write the listing.")]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of a table: its title, the text of a row's cell, and whether it holds numbers."""

    title: str
    cell: Callable[[Row], str]
    right: bool = False


def column(key: str, title: str | None = None, *, right: bool = False) -> Column:
    """The column that shows `row[key]`, "-" where it is absent or empty."""
    return Column(title or key.replace("_", " "), lambda row: plain(row.get(key)), right)


def plain(value: object) -> str:
    """A value as a cell's text."""
    if value is None or value in ("", (), []):
        return "-"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={item}" for key, item in value.items()) or "-"
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return str(value)


def row_of(value: Any) -> dict[str, Any]:
    """A dataclass as a row that JSON can hold."""
    if not is_dataclass(value) or isinstance(value, type):
        raise TypeError(f"{value!r} is not a dataclass instance")
    return asdict(value)


def clean(text: str) -> str:
    """The text in one line, without control characters, which a stranger's name could smuggle in."""
    return printable(text)


def clean_lines(text: str) -> str:
    """The same for a text of several lines, which stay lines."""
    return "\n".join(clean(line) for line in text.split("\n"))


def escaped(document: str) -> str:
    """A JSON `document` with an escape for everything in it that cannot be printed."""
    return "\n".join(
        line if line.isprintable() else "".join(map(_escape, line)) for line in document.split("\n")
    )


def _escape(letter: str) -> str:
    return letter if letter.isprintable() else json.dumps(letter)[1:-1].replace("\x7f", "\\u007f")


def cell(value: str) -> str:
    """A text of strangers as a cell of CSV: a spreadsheet that opens it computes nothing.

    An apostrophe goes before what would begin a formula; a number stays one.
    """
    text = clean(value)
    if not text.lstrip().startswith(("=", "+", "-", "@")):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def show(
    rows: Sequence[Row], columns: Sequence[Column], output: Format, *, nothing: str = "nothing here"
) -> None:
    """Writes the rows. JSON and CSV hold every key of a row, the table its columns; empty: `nothing`."""
    if output is Format.json:
        write_json(list(rows))
    elif output is Format.csv:
        _write_csv(rows)
    elif not rows:
        sys.stderr.write(f"{nothing}\n")
    elif sys.stdout.isatty():
        _write_rich(rows, columns)
    else:
        _write_plain(rows, columns)


def write_json(value: Any) -> None:
    """Writes one JSON document; numbers that are none become null."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=list)
    sys.stdout.write(escaped(text) + "\n")


def _write_csv(rows: Sequence[Row]) -> None:
    """Nested values become JSON texts, so that every cell can be read back."""
    if not rows:
        return
    writer = csv.writer(sys.stdout, lineterminator="\n")
    keys = list(rows[0])
    writer.writerow([_csv_cell(key) for key in keys])
    for row in rows:
        writer.writerow([_csv_cell(row.get(key)) for key in keys])


def _csv_cell(value: object) -> object:
    if isinstance(value, Mapping | list | tuple):
        value = escaped(json.dumps(value, ensure_ascii=False, default=list))
    return cell(value) if isinstance(value, str) else value


def _write_rich(rows: Sequence[Row], columns: Sequence[Column]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for one in columns:
        table.add_column(
            one.title, justify="right" if one.right else "left", no_wrap=one.right, overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(clean(one.cell(row))) for one in columns))
    Console(highlight=False).print(table)


def _write_plain(rows: Sequence[Row], columns: Sequence[Column]) -> None:
    lines = [[one.title for one in columns], *([clean(one.cell(row)) for one in columns] for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    for line in lines:
        cells = [
            text.rjust(width) if one.right else text.ljust(width)
            for text, width, one in zip(line, widths, columns, strict=True)
        ]
        sys.stdout.write("  ".join(cells).rstrip() + "\n")
