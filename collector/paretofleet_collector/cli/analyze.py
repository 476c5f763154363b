"""`paretofleet analyze`: a ranking, its evidence and the studies as one page, and as figures. Local."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paretofleet_collector.cli.limits import limits, pairs
from paretofleet_collector.cli.progress import working
from paretofleet_collector.cli.rank import (
    Devices,
    Margins,
    Maxima,
    MixedScopes,
    Objectives,
    PowerScope,
    Rate,
    Requirements,
    Sources,
    Use,
    WithSimulated,
)
from paretofleet_collector.cli.session import notify
from paretofleet_collector.cli.sources import read_sources
from paretofleet_collector.errors import Refused

if TYPE_CHECKING:
    from paretofleet_analysis.page.content import Page

EXAMPLE = "Example: paretofleet analyze report.parquet -o report.html --figures figures"

Output = Annotated[Path, typer.Option("-o", "--output", metavar="FILE.html", help="The page to write.")]
Figures = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Also write each figure there: SVG, PDF and PNG.")
]
Studies = Annotated[
    str | None,
    typer.Option(metavar="NAME,..", help="Which studies, such as efficiency; all by default, none with ''."),
]
Title = Annotated[str, typer.Option(metavar="TEXT", help="What heads the page; by default its sources.")]


def analyze(
    context: typer.Context,
    *,
    sources: Sources,
    output: Output,
    figures: Figures = None,
    studies: Studies = None,
    title: Title = "",
    use: Use = "realtime",
    objectives: Objectives = None,
    margins: Margins = None,
    maxima: Maxima = None,
    requirements: Requirements = None,
    devices: Devices = None,
    rate: Rate = None,
    power_scope: PowerScope = None,
    allow_mixed_scopes: MixedScopes = False,
    with_simulated: WithSimulated = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the resampling.")] = 1,
) -> None:
    """Write what sweeps or reports show as one HTML page: no network, fit for a mail."""
    for folder in filter(None, (output.absolute().parent, figures and figures.absolute().parent)):
        if not folder.is_dir():
            raise Refused(f"{folder} is no folder; make it, or choose another.")
    from paretofleet_analysis.page.content import gather
    from paretofleet_analysis.page.studies import STUDIES, study_answers
    from paretofleet_analysis.ranking.rank import rank_runs

    reported = read_sources(context, sources)
    with working("ranking"):
        ranked = rank_runs(
            reported.table,
            use=use,
            objectives=objectives or None,
            margins=dict(pairs("--margin", margins, "2%")),
            maxima=limits(maxima, requirements),
            devices=devices or (),
            rate_hz=rate,
            power_scope=power_scope,
            allow_mixed_scopes=allow_mixed_scopes,
            allow_simulated_mix=with_simulated,
            seed=seed,
            command=shlex.join(["paretofleet", *sys.argv[1:]]),
            report_sha256=reported.sha256,
        )
    names = list(STUDIES) if studies is None else [name for name in studies.split(",") if name]
    with working("making the studies"):
        answers = study_answers(names, reported.table, ranked)
    with working("writing"):
        heading = title or ", ".join(Path(name).stem for name in sources)
        page = gather(ranked, title=heading, notes=reported.notes, answers=answers)
        _write(page, output, figures)


def _write(page: Page, output: Path, figures: Path | None) -> None:
    """Writes the `page` to `output`, and its figures into the folder `figures`."""
    from paretofleet_analysis.page.render import write, write_figures

    write(page, output)
    notify(f"wrote {output}")
    if figures is not None:
        figures.mkdir(exist_ok=True)
        for path in write_figures(page, figures):
            notify(f"wrote {path}")
