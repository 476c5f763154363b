"""`paretofleet rank`: the choices by their probability to be on the frontier. Local; works anywhere."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paretofleet_collector.cli import deferred
from paretofleet_collector.cli.bundle_file import finish, ranking_json
from paretofleet_collector.cli.bundles import (
    RANK,
    BundleFile,
    Redact,
    WithSamples,
    check_target,
    prepare,
)
from paretofleet_collector.cli.output import FACTS, Format, clean_lines, escaped, show
from paretofleet_collector.cli.progress import working
from paretofleet_collector.cli.rank_by_device import By, check_alone, write_by_device
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
from paretofleet_collector.cli.rank_paper import (
    FOR_PAPERS,
    Figure,
    Methods,
    Plot,
    RankFormat,
    RankOutput,
    draw,
    write_methods,
    write_paper_table,
)
from paretofleet_collector.cli.rank_rows import row_cells, row_facts
from paretofleet_collector.cli.sources import read_sources

if TYPE_CHECKING:
    from paretofleet_analysis.ranking.rank import Ranking

EXAMPLE = "Example: paretofleet rank edge-classifiers --max batch_latency_p90_s=30ms"
#: Rows that are shown unless more are asked for.
TOP = 100

Promise = Annotated[
    str,
    typer.Option(
        metavar="each|all|share", help="Each verdict right with 95 %, all at once with 90 %, or 95 % of them."
    ),
]
Question = Annotated[
    str, typer.Option(metavar="mean|run", help="The typical behaviour, or that of one more run.")
]
AccuracyQuestion = Annotated[
    str,
    typer.Option(
        metavar="fixed|population|seeds", help="The test set as given, as a sample, or one more training."
    ),
]
Why = Annotated[str | None, typer.Option(metavar="ROW", help="Explain one row, by its number or id.")]
Robust = Annotated[bool, typer.Option("--robust", help="Also what each row hangs on, for a reviewer.")]
Top = Annotated[int, typer.Option(min=1, metavar="N", help="Show the first so many rows.")]
Whole = Annotated[bool, typer.Option("--all", help="Show all rows.")]
WithNoWork = Annotated[bool, typer.Option("--with-no-work", help="Rank rows with the flag no_work, too.")]


def rank(
    context: typer.Context,
    *,
    sources: Sources,
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
    with_no_work: WithNoWork = False,
    question: Question = "mean",
    promise: Promise = "each",
    accuracy_question: AccuracyQuestion = "fixed",
    seed: Seed = 1,
    why: Why = None,
    robust: Robust = False,
    top: Top = TOP,
    whole: Whole = False,
    methods: Methods = False,
    figure: Figure = None,
    plot: Plot = False,
    by: By = None,
    bundle: BundleFile = None,
    redact: Redact = None,
    with_samples: WithSamples = False,
    output: RankOutput = RankFormat.table,
) -> None:
    """Rank what sweeps, reports or bundles hold, with probabilities and the evidence for them.

    A bundle alone is ranked as it was for whoever wrote it; options change the question.
    """
    deferred.single_threaded()
    from paretofleet_analysis.ranking.rank import rank_runs

    flags = _keywords(locals())
    if by is not None:
        check_alone({"--why": why, "--methods": methods, "--figure": figure, "--plot": plot})
    check_target(bundle)
    prepared = prepare(context, RANK, read_sources(context, sources), flags, redact)
    reported, keywords = prepared.reported, prepared.ranking_keywords
    if by is not None:
        write_by_device(reported.table, keywords, output, reported.notes, columns=_columns())
        return
    with working("ranking"):
        ranked = rank_runs(reported.table, **keywords)
    result = replace(ranked.ranking, notes=(*prepared.question.notes, *ranked.ranking.notes))
    finish(context, prepared, ranking_json(result), bundle, with_samples=with_samples)
    draw(result, figure, runs=ranked.runs, is_plotted=plot)
    _write(result, output, why=keywords.get("why"), top=None if whole else top, methods=methods)


def _keywords(flags: Mapping[str, Any]) -> dict[str, Any]:
    """What the `flags` of the command, by the names of its parameters, ask of a ranking."""
    alike = ("with_no_work", "question", "promise", "accuracy_question", "why", "robust")
    return {**ranking_flags(flags), **{name: flags[name] for name in alike}}


def _write(result: Ranking, form: RankFormat, *, why: str | None, top: int | None, methods: bool) -> None:
    """The ranking, the one row that is explained, or `methods`; as text its first `top` rows, or all."""
    from paretofleet_analysis.present import ranking_text

    if methods:
        write_methods(result)
        return
    if form in FOR_PAPERS:
        write_paper_table(result, form, top=top)
        return
    output = Format(form.value)
    if why is not None:
        _write_row(_only(result, why), output)
    elif output is Format.table:
        sys.stdout.write(clean_lines(ranking_text.render(result, columns=_columns(), top=top)))
    else:
        _write_data(result, output)


def _write_row(result: Ranking, output: Format) -> None:
    """The one row of a ranking, with what explains it."""
    from paretofleet_analysis.present import explanation_text

    if output is not Format.table:
        _write_data(result, output)
        return
    for row in result.rows:
        show([{"what": key, "value": value} for key, value in row_facts(row).items()], FACTS, Format.table)
    if result.why is not None:
        sys.stdout.write(clean_lines(explanation_text.render_advice(result.why)))
        why = explanation_text.render_why(result.why, columns=_columns())
        sys.stdout.write("\n" + clean_lines(why))


def _write_data(result: Ranking, output: Format) -> None:
    """For programs, always with all rows."""
    from paretofleet_analysis.present import ranking_text

    if output is Format.csv:
        show([row_cells(row) for row in result.rows], (), output)
    else:
        typer.echo(escaped(ranking_text.to_json(result)))


def _columns() -> int:
    """How wide the terminal is (or COLUMNS says); 100 where there is none."""
    return shutil.get_terminal_size((100, 24)).columns


def _only(result: Ranking, row_name: str) -> Ranking:
    """The ranking with the one row of that number or configuration id, which `rank` has found."""
    from paretofleet_analysis.ranking.rank import is_row

    return replace(result, rows=tuple(row for row in result.rows if is_row(row, row_name)))
