"""`paretofleet compare`: two sweeps of the same configurations, such as before and after a new driver."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paretofleet_collector.cli.limits import pairs
from paretofleet_collector.cli.output import Format, clean_lines, show, write_json
from paretofleet_collector.cli.progress import working
from paretofleet_collector.cli.session import notify
from paretofleet_collector.cli.sources import read_sources
from paretofleet_collector.errors import misused

if TYPE_CHECKING:
    from paretofleet_analysis.objectives import Margin
    from paretofleet_analysis.ranking.before_after import BeforeAfter

EXAMPLE = "Example: paretofleet compare before-the-driver after-the-driver --margin 3%"
#: The exit code where something is surely worse.
REGRESSION = 4
Measures = Annotated[
    list[str] | None,
    typer.Option("--measure", metavar="COLUMN", help="Compare this instead. Repeatable."),
]
Margins = Annotated[
    list[str] | None,
    typer.Option("--margin", metavar="2%|COLUMN=2%", help="How much change counts. Repeatable."),
]


class CompareFormat(StrEnum):
    """How a comparison is written."""

    table = "table"
    json = "json"
    csv = "csv"
    markdown = "markdown"


def compare(
    context: typer.Context,
    *,
    before: Annotated[str, typer.Argument(metavar="A", help="The sweep or report before.")],
    after: Annotated[str, typer.Argument(metavar="B", help="The sweep or report after.")],
    measures: Measures = None,
    margins: Margins = None,
    otava: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Also write every run for the change-point tool Apache Otava."),
    ] = None,
    output: Annotated[
        CompareFormat, typer.Option("-o", "--output", help="How to write the comparison.")
    ] = CompareFormat.table,
) -> None:
    """Compare two sweeps of the same configurations: what became faster, slower, or cannot be told.

    For two model files instead, see `paretofleet bench`. Exit code 4: something is worse.
    """
    if before == after:
        raise misused(f"{before} is compared with itself: give two reports.")
    compared = compared_sources(context, before, after, measures, margins)
    if otava is not None:
        from paretofleet_analysis.present.otava import write_series

        notify(f"wrote {write_series(compared, otava)}; look with `otava analyze`")
    write_comparison(compared, output)
    if compared.is_worse:
        raise typer.Exit(REGRESSION)


def compared_sources(
    context: typer.Context,
    before: str,
    after: str,
    measures: Sequence[str] | None,
    margins: Sequence[str] | None,
) -> BeforeAfter:
    """What changed from the sweep or report `before` to that `after`, pulled with the `context`.

    `measures` and `margins` as they were typed. What is to be known of the sources is said. Raises Refused
    for a file that does not exist, ReportError for one that is none, RankError for nothing in common.
    """
    from paretofleet_analysis.ranking.before_after import compare_reports

    old, new = (read_sources(context, [source]) for source in (before, after))
    with working("comparing"):
        compared = compare_reports(
            old.table, new.table, measures=measures or None, margins=_margins(margins, measures)
        )
    for note in (*old.notes, *new.notes):
        notify(note)
    return compared


def write_comparison(compared: BeforeAfter, output: CompareFormat) -> None:
    """Writes what was `compared` to standard output, in the form `output`."""
    from paretofleet_analysis.present import compare_text

    if output is CompareFormat.markdown:
        sys.stdout.write(clean_lines(compare_text.render_comparison_markdown(compared)))
    elif output is CompareFormat.csv:
        show(compare_text.comparison_rows(compared), (), Format.csv)
    elif output is CompareFormat.json:
        write_json(compare_text.comparison_document(compared))
    else:
        columns = shutil.get_terminal_size((100, 24)).columns
        sys.stdout.write(clean_lines(compare_text.render_comparison(compared, columns=columns)))


def _margins(texts: Sequence[str] | None, measures: Sequence[str] | None) -> dict[str, Margin]:
    """Margins by measure: a bare one is of all that are compared."""
    from paretofleet_analysis.objectives import parse_margin
    from paretofleet_analysis.ranking.before_after import COMPARED

    given: dict[str, Margin] = {}
    for text in texts or ():
        if "=" in text:
            given |= {name: parse_margin(value) for name, value in pairs("--margin", [text], "2%")}
        else:
            given |= dict.fromkeys(measures or COMPARED, parse_margin(text))
    return given
