"""`paretofleet report`: the results, aggregated or sample by sample."""

from __future__ import annotations

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from paretofleet_collector.cli import report_export, report_import, report_query
from paretofleet_collector.cli.completion import sweep_names
from paretofleet_collector.cli.output import Format, Output, clean, row_of, write_csv, write_json
from paretofleet_collector.cli.progress import working
from paretofleet_collector.cli.session import collector_client, notify
from paretofleet_collector.cli.terminal import write_text
from paretofleet_collector.cli.units import counted, size
from paretofleet_collector.errors import Refused
from paretofleet_collector.model.run_faults import together

if TYPE_CHECKING:
    from paretofleet_collector.rpc.client import Client

#: The exit code where it was done for some and not for all.
SOME_FAILED = 3


class Engine(StrEnum):
    """Who computes summaries: the collector's own process, or Spark, where the collector has it."""

    local = "local"
    spark = "spark"


app = typer.Typer(
    no_args_is_help=True,
    help="Reports: one row per configuration and environment.",
    epilog="Example: paretofleet report pull edge-classifiers -o report.parquet",
)

app.add_typer(report_import.app, name="import")
app.add_typer(report_export.app, name="export")
app.command(epilog=report_query.EXAMPLE)(report_query.query)

Sweep = Annotated[
    str, typer.Argument(metavar="SWEEP", help="A sweep's name or id.", autocompletion=sweep_names)
]


@app.command(epilog="Example: paretofleet report pull edge-classifiers -o report.parquet")
def pull(
    context: typer.Context,
    sweep: Sweep,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE.parquet", help="Where to write it; .csv for CSV.")
    ],
) -> None:
    """Write the aggregated report, whole or not at all; the sweep may still run.

    As Parquet, or as CSV with its lists as JSON: by the ending.
    """
    if output.is_dir():
        raise Refused(f"{output} is a folder; name a file, as in -o {output / 'report.parquet'}.")
    if output.suffix not in (".parquet", ".csv"):
        raise Refused(f"{output} does not say which format: let it end in .parquet or in .csv.")
    if not output.absolute().parent.is_dir():
        raise Refused(f"{output.absolute().parent} does not exist; make the folder first.")
    with collector_client(context) as client, working(f"pulling the report of {sweep}"):
        if output.suffix == ".csv":
            _pull_csv(client, sweep, output)
        else:
            client.pull_report(sweep, output)
    notify(f"wrote {output} ({size(output.stat().st_size)})")


@app.command(epilog="Example: paretofleet report samples edge-classifiers -o samples")
def samples(
    context: typer.Context,
    sweep: Sweep,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the Parquet files.")
    ],
) -> None:
    """Write the sealed samples, every iteration and power reading."""
    if (output.exists() and not output.is_dir()) or output.suffix in (".parquet", ".csv"):
        raise Refused(f"{output} names a file; samples are many files: name a folder.")
    with collector_client(context) as client, working(f"pulling the samples of {sweep}"):
        written = client.pull_samples(sweep, output)
    total = size(sum(path.stat().st_size for path in written))
    notify(f"wrote {counted(len(written), 'file')} ({total}) to {output}")


def _pull_csv(client: Client, sweep: str, output: Path) -> None:
    """Writes the report of a `sweep` as CSV, beside its place first."""
    from paretofleet_analysis.report import files

    with tempfile.TemporaryDirectory(prefix="paretofleet-") as folder:
        table = files.read(client.pull_report(sweep, Path(folder) / "report.parquet"))
    part = output.with_name(f".{output.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as stream:
            write_csv(table.to_pylist(), table.column_names, stream)
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


@app.command(epilog="Example: paretofleet report rebuild edge-classifiers")
def rebuild(
    context: typer.Context,
    sweep: Sweep,
    engine: Annotated[
        Engine, typer.Option(help="Who computes: the collector's own process, or the Spark that it has.")
    ] = Engine.local,
    output: Output = Format.table,
) -> None:
    """Compute every number again from the stored samples.

    Nothing changes before all were computed. A run whose samples cannot be read keeps what it has.
    """
    with collector_client(context) as client, working(f"rebuilding the report of {sweep}"):
        result = client.rebuild_report(sweep, engine)
    if output is Format.json:
        write_json(row_of(result))
    else:
        computed = result.runs - len(result.faults)
        rule = result.rule_version
        done = f"{counted(computed, 'run')} computed again by rule {rule}; {result.changed} changed"
        write_text(clean(done))
    if result.kept:
        notify(result.kept)
    for fault in together(result.faults):
        notify(f"not computed again: {fault}")
    if result.faults:
        raise typer.Exit(SOME_FAILED)
