"""`paretofleet search statements`: what holds on a fleet by a search's trials, with intervals."""

from __future__ import annotations

from typing import Any

import typer

from paretofleet_collector.cli.output import Column, Format, Output, column, show
from paretofleet_collector.cli.search_kept import SearchName
from paretofleet_collector.cli.search_show import read_search
from paretofleet_collector.cli.session import notify

EXAMPLE = "Example: paretofleet search statements edge1 -o csv"


def statements(context: typer.Context, search: SearchName, *, output: Output = Format.table) -> None:
    """Test what a search's trials say of its devices: each statement with its verdict and interval.

    A verdict is `holds`, `does not` or `undecided`; intervals hold 95 %.
    """
    read = read_search(context, search)
    from paretofleet_collector.searches.statements import statement_rows

    rows, unsaid = statement_rows(read.table, read.detail.search.seed)
    read.notify_state()
    show(rows, _COLUMNS, output, nothing="nothing can be said of these trials yet")
    for sentence in unsaid:
        notify(sentence)


def _statement(row: Any) -> str:
    marks = [row["column"], "simulated" if row["simulated"] else ""]
    marked = ", ".join(mark for mark in marks if mark)
    return f"{row['statement']} ({marked})" if marked else str(row["statement"])


_COLUMNS = (
    Column("statement", _statement),
    column("verdict", kept=True),
    Column("value", lambda row: f"{row['value']:.3g}", right=True),
    Column("95 %", lambda row: f"{row['lo']:.3g} to {row['hi']:.3g}", right=True),
    column("of"),
    column("trials", right=True),
)
