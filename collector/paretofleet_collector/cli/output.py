"""Listings: a table for people, JSON and CSV for programs, always on standard output."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from enum import StrEnum
from typing import Annotated, Any, TextIO

import typer

from paretofleet_collector.cli.terminal import terminal_width, write_message
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
    """A column of a table: its title, the text of a row's cell, and whether it holds numbers.

    `kept`: it names the row, so that no terminal is too narrow for it. `shared`: where all of several rows
    have the same text, a line above a terminal's table says it; where they differ, it names them.
    """

    title: str
    cell: Callable[[Row], str]
    right: bool = False
    kept: bool = False
    shared: bool = False


def column(
    key: str, title: str | None = None, *, right: bool = False, kept: bool = False, shared: bool = False
) -> Column:
    """The column that shows `row[key]`, "-" where it is absent or empty."""
    return Column(title or key.replace("_", " "), lambda row: plain(row.get(key)), right, kept, shared)


#: The columns of a table that shows one thing.
FACTS = (column("what", kept=True), column("value", kept=True))


def plain(value: object) -> str:
    """A value as a cell's text."""
    if value is None or value in ("", (), []):
        return "-"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={item}" for key, item in sorted(value.items())) or "-"
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
        write_csv(rows, list(rows[0]) if rows else (), sys.stdout)
    elif not rows:
        write_message(nothing)
    else:
        _write_table(rows, columns)


def write_json(value: Any) -> None:
    """Writes one JSON document; numbers that are none become null."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=list)
    sys.stdout.write(escaped(text) + "\n")


def write_csv(rows: Sequence[Row], keys: Sequence[str], stream: TextIO) -> None:
    """Writes the `keys` of the rows to the `stream`; nothing without keys.

    Nested values become JSON texts, so that every cell can be read back.
    """
    if not keys:
        return
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([_csv_cell(key) for key in keys])
    for row in rows:
        writer.writerow([_csv_cell(row.get(key)) for key in keys])


def _csv_cell(value: object) -> object:
    if isinstance(value, Mapping | list | tuple):
        value = escaped(json.dumps(value, ensure_ascii=False, default=list))
    return cell(value) if isinstance(value, str) else value


def _write_table(rows: Sequence[Row], columns: Sequence[Column]) -> None:
    lines, beside = table_lines(rows, columns)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stderr.writelines(f"{line}\n" for line in beside)


def table_lines(rows: Sequence[Row], columns: Sequence[Column]) -> tuple[list[str], list[str]]:
    """The lines of a table of `rows`, as wide as the terminal, or whole where there is none.

    And lines that say which of the `columns` it has no room for.
    """
    from paretofleet_analysis.present import table

    width = terminal_width()
    shared = _shared(rows, columns) if width else {}
    drawn = [
        table.TableColumn(
            each.title,
            [clean(each.cell(row)) for row in rows],
            each.right,
            each.kept or (each.shared and len(rows) > 1),
        )
        for each in columns
        if each.title not in shared
    ]
    above = []
    if shared:
        line = "all: " + ", ".join(f"{title} {text}" for title, text in shared.items())
        above = table.fold(line, width or len(line))
    lines, left_out = table.lay_out(drawn, width)
    bold, plain_again = ("\x1b[1m", "\x1b[0m") if _has_style() else ("", "")
    beside = []
    if left_out:
        line = f"too narrow for: {', '.join(left_out)}; -o json has all"
        beside = table.fold(line, width or len(line))
    return [*above, f"{bold}{lines[0]}{plain_again}", *lines[1:]], beside


def _has_style() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _shared(rows: Sequence[Row], columns: Sequence[Column]) -> dict[str, str]:
    """What all of several rows have in common, by the titles of columns that may be shared."""
    if len(rows) < 2:
        return {}
    cells = {each.title: {clean(each.cell(row)) for row in rows} for each in columns if each.shared}
    return {title: texts.pop() for title, texts in cells.items() if len(texts) == 1}
