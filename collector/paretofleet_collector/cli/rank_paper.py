"""A ranking for papers and pages: its table as Markdown, LaTeX or HTML, and the paragraph on methods."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paretofleet_collector.cli.output import clean_lines
from paretofleet_collector.cli.progress import working
from paretofleet_collector.cli.session import notify
from paretofleet_collector.errors import Refused

if TYPE_CHECKING:
    import numpy as np
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
Figure = Annotated[
    Path | None,
    typer.Option("--figure", metavar="FILE", help="Also draw the frontier: .svg, .pdf or .png."),
]
Plot = Annotated[bool, typer.Option("--plot", help="Also draw the frontier in the terminal.")]
_PLOT_WIDTH = 120
FOR_PAPERS = (RankFormat.markdown, RankFormat.latex, RankFormat.html)


def write_paper_table(ranking: Ranking, form: RankFormat, *, top: int | None) -> None:
    """Writes the table of a `ranking`, the first `top` rows or all, in one of FOR_PAPERS."""
    from paretofleet_analysis.present.paper_table import render_paper_table

    sys.stdout.write(clean_lines(render_paper_table(ranking, form.value, top=top)))


def write_methods(ranking: Ranking) -> None:
    """Writes the paragraph that a paper's section on methods needs of a `ranking`."""
    from paretofleet_analysis.present.methods_text import methods_paragraph

    sys.stdout.write(clean_lines(methods_paragraph(ranking)))


def draw(ranking: Ranking, figure: Path | None, *, runs: Sequence[np.ndarray], is_plotted: bool) -> None:
    """Draws the frontier of a `ranking` with its `runs` as the file `figure`, and in the terminal where it
    `is_plotted`.
    """
    if is_plotted:
        from paretofleet_analysis.figures.terminal import render_plot

        columns = min(shutil.get_terminal_size((100, 24)).columns, _PLOT_WIDTH)
        sys.stdout.write(render_plot(ranking, columns=columns, with_colour=sys.stdout.isatty()) + "\n")
    if figure is not None:
        from paretofleet_analysis.figures.front import write_figure

        if not figure.absolute().parent.is_dir():
            raise Refused(
                f"{figure.absolute().parent} is no folder; make it, or choose another for --figure."
            )
        with working("drawing"):
            write_figure(ranking, figure, runs=runs)
        notify(f"wrote {figure}")
