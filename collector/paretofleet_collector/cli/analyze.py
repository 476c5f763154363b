"""`paretofleet analyze`: a ranking, its evidence and the studies as one page, and as figures. Local."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paretofleet_collector.cli import deferred
from paretofleet_collector.cli.bundle_file import finish, recorded
from paretofleet_collector.cli.bundles import (
    ANALYZE,
    BundleFile,
    Redact,
    WithSamples,
    check_target,
    prepare,
)
from paretofleet_collector.cli.progress import working
from paretofleet_collector.cli.rank_options import (
    Devices,
    Margins,
    Maxima,
    MixedScopes,
    Objectives,
    PowerScope,
    Rate,
    Requirements,
    Seed,
    Sources,
    Use,
    WithSimulated,
    ranking_flags,
)
from paretofleet_collector.cli.session import notify
from paretofleet_collector.cli.sources import read_sources
from paretofleet_collector.errors import Refused

if TYPE_CHECKING:
    from paretofleet_analysis.page.content import Page

#: What the page depends on beside what the ranking does.
_DRAWN_BY = ("jinja2", "vl-convert-python")
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
    seed: Seed = 1,
    bundle: BundleFile = None,
    redact: Redact = None,
    with_samples: WithSamples = False,
) -> None:
    """Write what sweeps or reports show as one HTML page: no network, fit for a mail.

    A bundle alone gives the page that it was written with, byte for byte; options change it.
    """
    deferred.single_threaded()
    check_target(bundle)
    flags = {**ranking_flags(locals()), "title": title or ", ".join(Path(name).stem for name in sources)}
    for folder in filter(None, (output.absolute().parent, figures and figures.absolute().parent)):
        if not folder.is_dir():
            raise Refused(f"{folder} is no folder; make it, or choose another.")
    from paretofleet_analysis.page.content import gather
    from paretofleet_analysis.page.studies import STUDIES, study_answers, too_many_rows
    from paretofleet_analysis.ranking.rank import rank_runs

    flags["studies"] = list(STUDIES) if studies is None else [name for name in studies.split(",") if name]
    prepared = prepare(context, ANALYZE, read_sources(context, sources), flags, redact)
    question, table = prepared.question, prepared.reported.table
    with working("ranking"):
        ranked = rank_runs(table, **prepared.ranking_keywords)
    with working("making the studies"):
        answers = study_answers(question.flags["studies"], table, ranked)
    with working("writing"):
        page = gather(ranked, title=question.flags["title"], notes=question.notes, answers=answers)
        digest = _write(page, output, figures)
    many = too_many_rows(table, ranked) if question.flags["studies"] else None
    for sentence in (*page.left_out, *([] if many is None else [f"No studies: {many}."])):
        notify(sentence)
    result = recorded(ranked.ranking.evidence["versions"], _DRAWN_BY, page_sha256=digest)
    finish(context, prepared, result, bundle, with_samples=with_samples)


def _write(page: Page, output: Path, figures: Path | None) -> str:
    """Writes the `page` to `output`, and its figures into the folder `figures`; the page's SHA-256."""
    from paretofleet_analysis.page.render import write, write_figures

    digest = write(page, output)
    notify(f"wrote {output}")
    if figures is not None:
        figures.mkdir(exist_ok=True)
        for path in write_figures(page, figures):
            notify(f"wrote {path}")
    return digest
