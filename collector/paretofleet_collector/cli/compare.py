"""`paretofleet compare`: two sweeps of the same configurations, such as before and after a new driver."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paretofleet_collector.cli.bundle_file import finish, recorded
from paretofleet_collector.cli.bundles import (
    COMPARE,
    BundleFile,
    Prepared,
    Redact,
    WithSamples,
    check_target,
    prepare,
)
from paretofleet_collector.cli.completion import sweep_names
from paretofleet_collector.cli.limits import pairs
from paretofleet_collector.cli.output import Format, clean_lines, show, write_json
from paretofleet_collector.cli.progress import working
from paretofleet_collector.cli.session import notify
from paretofleet_collector.cli.sources import Reported, read_sources
from paretofleet_collector.errors import Refused, misused

if TYPE_CHECKING:
    from paretofleet_analysis.objectives import Margin
    from paretofleet_analysis.ranking.before_after import BeforeAfter

EXAMPLE = "Example: paretofleet compare before-the-driver after-the-driver --margin 3%"
#: What a comparison depends on.
_COMPUTED_BY = ("paretofleet-analysis", "numpy", "scipy", "pyarrow")
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
BootShare = Annotated[
    str,
    typer.Option(
        "--boot-spread",
        metavar="1%",
        help="How far a reboot shifts all of a device, where the reports do not tell.",
        show_default="nothing",
    ),
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
    before: Annotated[
        str, typer.Argument(metavar="A", help="The sweep or report before.", autocompletion=sweep_names)
    ],
    after: Annotated[
        str,
        typer.Argument(
            metavar="B",
            help="The sweep or report after; none with a bundle of both.",
            autocompletion=sweep_names,
        ),
    ] = "",
    measures: Measures = None,
    margins: Margins = None,
    boot_share: BootShare = "",
    otava: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Also write every run for the change-point tool Apache Otava."),
    ] = None,
    output: Annotated[
        CompareFormat, typer.Option("-o", "--output", help="How to write the comparison.")
    ] = CompareFormat.table,
    bundle: BundleFile = None,
    redact: Redact = None,
    with_samples: WithSamples = False,
) -> None:
    """Compare two sweeps of the same configurations: what became faster, slower, or cannot be told.

    For two model files instead, see `paretofleet bench`. Exit code 4: something is worse.
    """
    from paretofleet_analysis.present.compare_text import comparison_document

    if before == after:
        raise misused(f"{before} is compared with itself: give two reports.")
    check_target(bundle)
    reported, count = _both(context, before, after)
    flags = {**_flags(measures, margins, boot_share), "reports_before": count}
    prepared = prepare(context, COMPARE, reported, flags, redact)
    compared = _compared(prepared)
    if otava is not None:
        from paretofleet_analysis.present.otava import write_series

        notify(f"wrote {write_series(compared, otava)}; look with `otava analyze`")
    write_comparison(compared, output)
    result = recorded({}, _COMPUTED_BY, **comparison_document(compared))
    finish(context, prepared, result, bundle, with_samples=with_samples)
    if compared.is_worse:
        raise typer.Exit(REGRESSION)


def check_question(measures: Sequence[str] | None, margins: Sequence[str] | None, boot_share: str) -> None:
    """Raises RequestError, or a usage error, for what could not be asked of any two reports."""
    from paretofleet_analysis.ranking.before_after import used_margins

    used_margins(measures or None, _margins(margins, measures))
    _share(boot_share)


def compared_sources(
    context: typer.Context,
    before: str,
    after: str,
    measures: Sequence[str] | None,
    margins: Sequence[str] | None,
    boot_share: str = "",
) -> BeforeAfter:
    """What changed from the sweep or report `before` to that `after`, pulled with the `context`.

    `measures`, `margins` and `boot_share` as they were typed. What is to be known of the sources is said.
    Raises Refused for a file that does not exist, ReportError for one that is none, RankError for nothing in
    common.
    """
    reported, count = _both(context, before, after)
    flags = {**_flags(measures, margins, boot_share), "reports_before": count}
    return _compared(prepare(context, COMPARE, reported, flags, None))


def _both(context: typer.Context, before: str, after: str) -> tuple[Reported, int]:
    """What both sources report, and how many reports are of `before`; 0: a bundle of both says so."""
    old = read_sources(context, [before])
    if after:
        new = read_sources(context, [after])
        return old.with_more(new), len(old.contents)
    if [each.kind for each in old.bundles] != [COMPARE]:
        raise misused(f"{before} is one side: give the other, or a bundle that `compare --bundle` wrote.")
    return old, 0


def _compared(prepared: Prepared) -> BeforeAfter:
    """The comparison that is asked for; what is to be known of the reports is said."""
    from paretofleet_analysis.ranking.before_after import compare_reports
    from paretofleet_analysis.report.files import concatenate

    flags, tables = prepared.question.flags, prepared.tables
    count = flags["reports_before"]
    if not 0 < count < len(tables):
        raise Refused("The bundle does not say which of its reports are of before: it is damaged.")
    with working("comparing"):
        compared = compare_reports(
            concatenate(tables[:count]),
            concatenate(tables[count:]),
            measures=flags["measures"],
            margins=_margins(flags["margins"], flags["measures"]),
            boot_share=_share(flags.get("boot_share", "")),
        )
    for note in prepared.question.notes:
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


def _flags(measures: Sequence[str] | None, margins: Sequence[str] | None, boot_share: str) -> dict[str, Any]:
    """What is asked, JSON-ready, as it was typed."""
    asked = {"measures": list(measures) if measures else None, "margins": list(margins or ())}
    return {**asked, "boot_share": boot_share}


def _share(text: str) -> float:
    """The share in a `text` like 1%; 0 without one."""
    from paretofleet_analysis.objectives import parse_margin

    if not text:
        return 0.0
    share = parse_margin(text)
    if not share.relative:
        raise misused(f"--boot-spread {text}: give a share like 1%.")
    return share.value


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
