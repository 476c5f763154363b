"""A ranking for papers and pages: its table as Markdown, LaTeX or HTML, and the paragraph on methods."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from paretofleet_collector.cli.output import clean_lines

if TYPE_CHECKING:
    from paretofleet_analysis.ranking.rank import Ranking


class RankFormat(StrEnum):
    """How a ranking is written."""

    table = "table"
    json = "json"
    csv = "csv"
    markdown = "markdown"
    latex = "latex"
    html = "html"


RankOutput = Annotated[RankFormat, typer.Option("-o", "--output", help="How to write the ranking.")]
Methods = Annotated[
    bool, typer.Option("--methods", help="Print the paragraph on methods for a paper instead.")
]
FOR_PAPERS = (RankFormat.markdown, RankFormat.latex, RankFormat.html)


def write_paper_table(ranking: Ranking, form: RankFormat, *, top: int | None) -> None:
    """Writes the table of a `ranking`, the first `top` rows or all, in one of FOR_PAPERS."""
    from paretofleet_analysis.present.paper_table import render_paper_table

    sys.stdout.write(clean_lines(render_paper_table(ranking, form.value, top=top)))


def write_methods(ranking: Ranking) -> None:
    """Writes the paragraph that a paper's section on methods needs of a `ranking`."""
    from paretofleet_analysis.present.methods_text import methods_paragraph

    sys.stdout.write(clean_lines(methods_paragraph(ranking)))
