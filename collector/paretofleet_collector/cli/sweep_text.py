"""How sweeps, and what became of their runs, are listed."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from paretofleet_collector.cli.output import (
    Column,
    Format,
    Row,
    clean,
    column,
    row_of,
    show,
    write_json,
)
from paretofleet_collector.cli.progress import tally, working
from paretofleet_collector.cli.terminal import write_text
from paretofleet_collector.cli.units import clock, counted
from paretofleet_collector.model.views import SweepDetail, SweepView

if TYPE_CHECKING:
    from paretofleet_collector.rpc.client import Client

_SWEEP_COLUMNS = (
    column("name", kept=True),
    column("state"),
    Column("runs", lambda row: f"{row['ended']}/{row['runs']}", right=True),
    Column("not well", lambda row: row["not_well"] or "-"),
    Column("created", lambda row: clock(row["created_unix_s"])),
    column("labels"),
    column("note"),
    column("configurations", right=True),
    column("devices"),
    column("sweep_id", "id"),
)
#: Shown where any sweep has them.
_SAID = ("labels", "note")
_CONFIGURATION_COLUMNS = (
    column("model", kept=True),
    column("device", kept=True),
    column("batch_size", "batch", right=True, kept=True),
    Column(
        "runs", lambda row: ", ".join(f"{count} {state}" for state, count in row["runs_by_state"].items())
    ),
    column("variant", shared=True),
    column("target", shared=True),
    column("precision", shared=True),
    column("runtime", shared=True),
    Column("sizes and inputs", lambda row: row["fed"] or "-", shared=True),
    Column("threads", lambda row: str(row["threads"] or "default"), right=True, shared=True),
    column("mode", shared=True),
)


def extent(sweep: SweepView) -> str:
    """How many configurations and runs a `sweep` has, in words."""
    return f"{counted(sweep.configurations, 'configuration')}, {counted(sweep.runs, 'run')}"


def sweep_row(sweep: SweepView) -> dict[str, Any]:
    """A sweep as a row of a listing."""
    return {**row_of(sweep), "ended": sweep.ended_runs, "not_well": tally(sweep)}


def sweep_columns(rows: Sequence[Row]) -> list[Column]:
    """The columns of a listing of sweeps, of which `rows` are."""
    said = {title for title in _SAID if any(row[title] for row in rows)}
    return [each for each in _SWEEP_COLUMNS if each.title not in _SAID or each.title in said]


def show_detail(detail: SweepDetail, timing: Mapping[str, Any] | None, output: Format) -> None:
    """Writes a sweep's configurations and their runs; `timing` as `pull_timing` gave it, None: without."""
    rows = _configuration_rows(detail)
    if output is Format.json:
        spec = json.loads(detail.spec_json)
        document = {"sweep": sweep_row(detail.sweep), "spec": spec, "configurations": rows}
        write_json(document if timing is None else {**document, "timing": timing})
        return
    if output is Format.table:
        row = sweep_row(detail.sweep)
        show([row], [each for each in sweep_columns([row]) if each.title != "note"], output)
        if detail.sweep.note:
            write_text(f"note: {clean(detail.sweep.note)}")
        for note in detail.sweep.notes:
            write_text(clean(note))
        typer.echo()
    is_fed = output is not Format.table or any(row["fed"] for row in rows)
    shown = [each for each in _CONFIGURATION_COLUMNS if is_fed or each.title != "sizes and inputs"]
    show(rows, shown, output)
    for line in reasons(detail) if output is Format.table else ():
        write_text(line)
    if timing is not None and output is Format.table:
        _show_timing(timing)


def _configuration_rows(detail: SweepDetail) -> Sequence[dict[str, Any]]:
    return [
        {
            **row_of(each.configuration),
            "runs_by_state": dict(each.runs_by_state),
            "reason": each.reason,
            "message": each.message,
        }
        for each in detail.configurations
    ]


def reasons(detail: SweepDetail) -> Iterator[str]:
    """Why runs of the sweep in `detail` did not go well, a line a reason, with those that it holds for."""
    alike: dict[str, list[str]] = {}
    for row in _configuration_rows(detail):
        why = ": ".join(text for text in (row["reason"], row["message"]) if text)
        if why:
            called = f"{row['model']}@{row['variant']} {row['precision']}"
            alike.setdefault(why, []).append(f"{called} batch {row['batch_size']} on {row['device']}")
    for why, names in alike.items():
        more = f" and {len(names) - 2} more" if len(names) > 2 else ""
        yield clean(f"{', '.join(names[:2])}{more}: {why}")


def pull_timing(client: Client, sweep: str) -> dict[str, Any]:
    """What the repeats say so far of drift and of further runs, from the sweep's report."""
    from paretofleet_analysis.diagnostics import timing
    from paretofleet_analysis.report import files

    with tempfile.TemporaryDirectory(prefix="paretofleet-") as folder, working("pulling the report"):
        return timing.timing_summary(files.read(client.pull_report(sweep, Path(folder) / "report.parquet")))


def _show_timing(summary: Mapping[str, Any]) -> None:
    from paretofleet_analysis.present.timing_text import timing_lines

    typer.echo()
    for line in timing_lines(summary):
        write_text(line)
