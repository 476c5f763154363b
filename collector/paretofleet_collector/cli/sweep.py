"""`paretofleet sweep`: plan, submit and follow."""

from __future__ import annotations

import json
import secrets
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from paretofleet_collector.cli.output import Column, Format, Output, clean, column, row_of, show, write_json
from paretofleet_collector.cli.progress import ended, follow, tally, working
from paretofleet_collector.cli.session import collector_client, notify, notify_refusals
from paretofleet_collector.cli.specification import (
    Adaptive,
    BatchSizes,
    Devices,
    Models,
    Name,
    Precisions,
    Protocol,
    Repeats,
    Runtimes,
    Seed,
    SpecFile,
    Targets,
    Threads,
    add_files,
    build,
    build_zoo,
    named,
)
from paretofleet_collector.cli.units import clock, duration
from paretofleet_collector.errors import CollectorError
from paretofleet_collector.model.entities import Repeats as RepeatsOf
from paretofleet_collector.model.views import PlannedView, PlanView, SweepView

if TYPE_CHECKING:
    from paretofleet_collector.rpc.client import Client

FINISHED_WITH_FAILURES, CANCELLED = 3, 1

app = typer.Typer(
    no_args_is_help=True,
    help="Sweeps: configurations, repeated in randomised blocks.",
    epilog="Example: paretofleet sweep submit --model zoo:resnet18 --batch-size 1,2 --watch",
)

Sweep = Annotated[str, typer.Argument(metavar="SWEEP", help="A sweep's name or id.")]
_SWEEP_COLUMNS = (
    column("name"),
    column("state"),
    column("configurations", right=True),
    Column("runs", lambda row: f"{row['ended']}/{row['runs']}", right=True),
    Column("not well", lambda row: row["not_well"] or "-"),
    column("devices"),
    Column("created", lambda row: clock(row["created_unix_s"])),
    column("sweep_id", "id"),
)
_GROUP_COLUMNS = (
    column("device"),
    column("target"),
    column("model"),
    column("variant"),
    column("precision"),
    column("runtime"),
    column("threads"),
    column("batch_sizes", "batch sizes"),
)


@app.command("plan", epilog="Example: paretofleet sweep plan SPEC.yaml -o json")
def plan_(
    context: typer.Context,
    *,
    file: SpecFile = None,
    models: Models = None,
    devices: Devices = None,
    targets: Targets = None,
    runtimes: Runtimes = None,
    precisions: Precisions = None,
    batch_sizes: BatchSizes = None,
    threads: Threads = None,
    protocol: Protocol = None,
    repeats: Repeats = None,
    adaptive: Adaptive = None,
    seed: Seed = None,
    name: Name = None,
    output: Output = Format.table,
) -> None:
    """Show what a sweep would run, where, and hours per device; runs nothing. Local model files are added."""
    spec = build(
        file,
        models=models,
        devices=devices,
        targets=targets,
        runtimes=runtimes,
        precisions=precisions,
        batch_sizes=batch_sizes,
        threads=threads,
        protocol=protocol,
        repeats=repeats,
        adaptive=adaptive,
        seed=seed,
        name=name,
    )
    with collector_client(context) as client:
        planned = client.plan_sweep(add_files(client, spec).to_json())
        _notify_absent(client, [one.device for one in planned.devices])
    _show_plan(planned, spec.protocol, output)
    if spec.repeats.adaptive is not None:
        notify(_adaptive(spec.repeats))
    if spec.repeats.boots > 1:
        notify(
            f"boots: the blocks are spread over {spec.repeats.boots} boots of each device whose owner allows "
            "reboots, whose time comes on top; of other devices they run within one boot"
        )


@app.command(
    epilog="Example: paretofleet sweep submit --model zoo:resnet18 --batch-size 1,2 --watch, "
    "or paretofleet sweep submit SPEC.yaml --adaptive"
)
def submit(
    context: typer.Context,
    *,
    file: SpecFile = None,
    models: Models = None,
    devices: Devices = None,
    targets: Targets = None,
    runtimes: Runtimes = None,
    precisions: Precisions = None,
    batch_sizes: BatchSizes = None,
    threads: Threads = None,
    protocol: Protocol = None,
    repeats: Repeats = None,
    adaptive: Adaptive = None,
    seed: Seed = None,
    name: Name = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Follow the sweep until it has ended.")
    ] = False,
    request_id: Annotated[
        str | None, typer.Option(help="The same id again makes no second sweep.", show_default="random")
    ] = None,
    output: Output = Format.table,
) -> None:
    """Submit a sweep; its name goes to standard output."""
    spec = build(
        file,
        models=models,
        devices=devices,
        targets=targets,
        runtimes=runtimes,
        precisions=precisions,
        batch_sizes=batch_sizes,
        threads=threads,
        protocol=protocol,
        repeats=repeats,
        adaptive=adaptive,
        seed=seed,
        name=name,
    )
    request_id = request_id or secrets.token_hex(16)
    with collector_client(context) as client:
        spec = named(add_files(client, spec), file)
        client.plan_sweep(spec.to_json())  # refuses before the zoo is built for nothing
        build_zoo(client, spec.models)
        sweep, refusals = client.submit_sweep(spec.to_json(), request_id)
        notify_refusals(refusals)
        _notify_absent(client, sweep.devices)
        notify(
            f"submitted {sweep.name}: {sweep.configurations} configurations, {sweep.runs} runs "
            f"on {', '.join(sweep.devices)}; follow it with `paretofleet sweep watch {sweep.name}`"
        )
        if output is Format.table:
            typer.echo(sweep.name)
        else:
            row = {**_row(sweep), "refusals": [row_of(one) for one in refusals]}
            show([row], _SWEEP_COLUMNS, output)
        if watch:
            raise typer.Exit(_watch(client, sweep.sweep_id))


@app.command("list", epilog="Example: paretofleet sweep list -o json")
def list_(context: typer.Context, output: Output = Format.table) -> None:
    """List the sweeps."""
    with collector_client(context) as client:
        sweeps = client.list_sweeps()
    show([_row(one) for one in sweeps], _SWEEP_COLUMNS, output, nothing="no sweep was submitted")


@app.command("show", epilog="Example: paretofleet sweep show edge-classifiers --timing")
def show_(
    context: typer.Context,
    sweep: Sweep,
    *,
    timing: Annotated[
        bool,
        typer.Option("--timing", help="Also how devices drifted, and whether more runs would help."),
    ] = False,
    output: Output = Format.table,
) -> None:
    """Show a sweep's configurations and what became of their runs."""
    with collector_client(context) as client:
        detail = client.show_sweep(sweep)
        told = _timing(client, sweep) if timing else None
    rows = [
        {
            **row_of(one.configuration),
            "runs_by_state": dict(one.runs_by_state),
            "reason": one.reason,
            "message": one.message,
        }
        for one in detail.configurations
    ]
    if output is Format.json:
        known = {"sweep": _row(detail.sweep), "spec": json.loads(detail.spec_json), "configurations": rows}
        write_json(known if told is None else {**known, "timing": told})
        return
    if output is Format.table:
        show([_row(detail.sweep)], _SWEEP_COLUMNS, output)
        for note in detail.sweep.notes:
            typer.echo(clean(note))
        typer.echo()
    columns = [
        column("device"),
        column("target"),
        column("model"),
        column("variant"),
        column("precision"),
        column("runtime"),
        column("batch_size", "batch", right=True),
        Column("threads", lambda row: str(row["threads"] or "default"), right=True),
        Column(
            "runs", lambda row: ", ".join(f"{count} {state}" for state, count in row["runs_by_state"].items())
        ),
        Column("why", lambda row: ": ".join(text for text in (row["reason"], row["message"]) if text)),
    ]
    show(rows, columns, output)
    if told is not None and output is Format.table:
        from paretofleet_analysis.present import ranking_text, timing_text

        typer.echo()
        for line in timing_text.timing_lines(told):
            typer.echo("\n".join(ranking_text.wrapped(clean(line))))


@app.command(epilog="Example: paretofleet sweep watch edge-classifiers")
def watch(context: typer.Context, sweep: Sweep) -> None:
    """Follow a sweep until it has ended; Ctrl-C stops watching, the sweep goes on."""
    with collector_client(context) as client:
        raise typer.Exit(_watch(client, sweep))


@app.command(epilog="Example: paretofleet sweep cancel edge-classifiers")
def cancel(context: typer.Context, sweep: Sweep) -> None:
    """Cancel what has not ended; sealed runs stay in the report."""
    with collector_client(context) as client:
        changed = client.cancel_sweep(sweep)
    notify(
        f"{changed.name} is {changed.state}: {ended(changed)}/{changed.runs} runs ended"
        + (f"; {tally(changed)}" if tally(changed) else "")
    )


@app.command(epilog="Example: paretofleet sweep retry edge-classifiers")
def retry(context: typer.Context, sweep: Sweep) -> None:
    """Run again what failed or was cancelled."""
    with collector_client(context) as client:
        changed = client.retry_sweep(sweep)
    notify(f"{changed.name} is {changed.state}: {changed.runs - ended(changed)} runs to go")


@app.command(epilog="Example: paretofleet sweep delete edge-classifiers --yes")
def delete(
    context: typer.Context,
    sweep: Sweep,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask; nothing asks where there is no terminal.")
    ] = False,
) -> None:
    """Delete a sweep with its runs and samples; pull what you need first."""
    if not yes and sys.stdin.isatty():
        typer.confirm(f"Delete {sweep} with all its samples?", abort=True, err=True)
    with collector_client(context) as client:
        deleted = client.delete_sweep(sweep)
    notify(f"deleted {sweep}: {deleted.runs} runs, {deleted.files} files")


def _timing(client: Client, sweep: str) -> dict[str, Any]:
    """What the repeats say so far, from the sweep's report."""
    from paretofleet_analysis.diagnostics import timing
    from paretofleet_analysis.report import files

    with tempfile.TemporaryDirectory(prefix="paretofleet-") as folder, working("pulling the report"):
        return timing.timing_summary(files.read(client.pull_report(sweep, Path(folder) / "report.parquet")))


def _watch(client: Client, sweep: str) -> int:
    """Follows the sweep; returns the exit code that its end stands for."""
    try:
        last = follow(client.watch_sweep(sweep, away=_away))
    except KeyboardInterrupt:
        notify(f"no longer watching; the sweep goes on, watch it with `paretofleet sweep watch {sweep}`")
        raise
    if last is None:
        raise CollectorError(
            f"The collector said nothing about {sweep}; look with `paretofleet sweep show {sweep}`."
        )
    notify(
        f"{last.name} {last.state.replace('_', ' ')}: {ended(last)}/{last.runs} runs"
        + (f"; {tally(last)}" if tally(last) else "")
    )
    if last.state == "cancelled":
        return CANCELLED
    return FINISHED_WITH_FAILURES if last.state == "finished_with_failures" else 0


def _notify_absent(client: Client, devices: Sequence[str]) -> None:
    """Says which devices of a sweep cannot start now."""
    for one in client.list_devices():
        if one.name in devices and one.state != "online":
            notify(f"{one.name} is {one.state}; its runs wait until it is back")


def _away(address: str) -> None:
    notify(f"the collector at {address} is away; waiting for it")


def _row(sweep: SweepView) -> dict[str, Any]:
    return {**row_of(sweep), "ended": ended(sweep), "not_well": tally(sweep)}


def _show_plan(planned: PlanView, protocol: str, output: Format) -> None:
    if output is Format.json:
        write_json(row_of(planned))
        return
    if output is Format.csv:
        show([row_of(one) for one in planned.configurations], (), output)
        return
    show(_groups(planned.configurations), _GROUP_COLUMNS, output)
    typer.echo()
    columns = (
        column("device"),
        column("configurations", right=True),
        Column("runs", lambda row: _range(row["runs_min"], row["runs_max"]), right=True),
        Column("at its shortest", lambda row: duration(row["seconds_min"]), right=True),
        Column("at every time limit", lambda row: duration(row["seconds_max"]), right=True),
    )
    show([row_of(one) for one in planned.devices], columns, output)
    notify_refusals(planned.refusals)
    notify(
        f"time by protocol {protocol}: shortest warm-up and window of the fewest runs, with a power source "
        "also guards, idle and the least that its energy needs; process start, load and slow iterations "
        "come on top, and a run with its most iterations ends sooner"
    )


def _adaptive(repeats: RepeatsOf) -> str:
    """How the hours of an adaptive sweep follow."""
    return (
        f"adaptive: at least the time of {repeats.runs_min} runs of every configuration, at most of "
        f"{repeats.runs_max}; in between only what the ranking for {repeats.adaptive} use leaves undecided "
        "runs on, and a device's first configuration, which shows its drift"
    )


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


def _groups(configurations: Sequence[PlannedView]) -> list[dict[str, Any]]:
    """One row for all batch sizes and threads of what is otherwise the same."""
    groups: dict[tuple[str, ...], list[PlannedView]] = {}
    for one in configurations:
        key = (one.device, one.target, one.model, one.variant, one.precision, one.runtime)
        groups.setdefault(key, []).append(one)
    return [
        {
            **row_of(members[0]),
            "threads": ", ".join(dict.fromkeys(str(one.threads or "default") for one in members)),
            "batch_sizes": ", ".join(dict.fromkeys(str(one.batch_size) for one in members)),
        }
        for members in groups.values()
    ]
