"""`paretofleet sweep`: plan, submit and follow."""

from __future__ import annotations

import secrets
import sys
from typing import Annotated

import typer

from paretofleet_collector.cli import sweep_queue
from paretofleet_collector.cli.completion import any_of
from paretofleet_collector.cli.fed_options import FedInputs, Sizes
from paretofleet_collector.cli.notification import Notify, check_notices
from paretofleet_collector.cli.output import Format, Output, show
from paretofleet_collector.cli.plan_text import (
    adaptive_sentence,
    boots_sentence,
    days_sentence,
    refusal_row,
    show_plan,
)
from paretofleet_collector.cli.progress import tally
from paretofleet_collector.cli.session import collector_client, notify
from paretofleet_collector.cli.sources import read_sources
from paretofleet_collector.cli.specification import add_files, build, named
from paretofleet_collector.cli.sweep_confirm import candidates, confirming
from paretofleet_collector.cli.sweep_follow import follow_sweep, notify_absent, submit_spec, write_name
from paretofleet_collector.cli.sweep_options import (
    Adaptive,
    BatchSizes,
    Data,
    Devices,
    Labels,
    Models,
    Modes,
    Name,
    Note,
    Online,
    Options,
    Precisions,
    Protocol,
    Repeats,
    Runtimes,
    Seed,
    SpecFile,
    Sweep,
    SweepFlags,
    Targets,
    Threads,
    Timeout,
    Wait,
)
from paretofleet_collector.cli.sweep_text import pull_timing, show_detail, sweep_columns, sweep_row
from paretofleet_collector.cli.units import counted
from paretofleet_collector.model.entities import SWEEP_STATES

app = typer.Typer(
    no_args_is_help=True,
    help="Sweeps: configurations, repeated in randomised blocks.",
    epilog="Example: paretofleet sweep submit --model zoo:resnet18 --batch-size 1,2 --watch",
)

app.command("pause", epilog=sweep_queue.PAUSE_EXAMPLE)(sweep_queue.pause)
app.command("resume", epilog=sweep_queue.RESUME_EXAMPLE)(sweep_queue.resume)
app.command("skip", epilog=sweep_queue.SKIP_EXAMPLE)(sweep_queue.skip)
app.command("prioritise", epilog=sweep_queue.PRIORITISE_EXAMPLE)(sweep_queue.prioritise)


@app.command("plan", epilog="Example: paretofleet sweep plan SPEC.yaml -o json")
def plan_(
    context: typer.Context,
    *,
    file: SpecFile = None,
    models: Models = None,
    devices: Devices = None,
    online: Online = False,
    targets: Targets = None,
    runtimes: Runtimes = None,
    options: Options = None,
    precisions: Precisions = None,
    batch_sizes: BatchSizes = None,
    sizes: Sizes = None,
    inputs: FedInputs = None,
    threads: Threads = None,
    modes: Modes = None,
    data: Data = None,
    protocol: Protocol = None,
    timeout_s: Timeout = None,
    wait: Wait = None,
    repeats: Repeats = None,
    adaptive: Adaptive = None,
    seed: Seed = None,
    name: Name = None,
    note: Note = None,
    labels: Labels = None,
    output: Output = Format.table,
) -> None:
    """Show what a sweep would run, where, and hours per device; runs nothing. Local model files are added."""
    flags = SweepFlags.of(locals())
    spec = build(file, flags)
    with collector_client(context) as client:
        planned = client.plan_sweep(add_files(client, spec).to_json())
        notify_absent(client, [one.device for one in planned.devices])
    show_plan(planned, spec.protocol, output)
    if spec.repeats.adaptive is not None:
        notify(adaptive_sentence(spec.repeats))
    if spec.repeats.boots > 1:
        notify(boots_sentence(spec.repeats))
    if spec.repeats.days > 1:
        notify(days_sentence(spec.repeats))


@app.command(
    epilog="Example: paretofleet sweep submit --model zoo:resnet18 --batch-size 1,2 --watch\n\n"
    "Example: paretofleet sweep submit SPEC.yaml --adaptive"
)
def submit(
    context: typer.Context,
    *,
    file: SpecFile = None,
    models: Models = None,
    devices: Devices = None,
    online: Online = False,
    targets: Targets = None,
    runtimes: Runtimes = None,
    options: Options = None,
    precisions: Precisions = None,
    batch_sizes: BatchSizes = None,
    sizes: Sizes = None,
    inputs: FedInputs = None,
    threads: Threads = None,
    modes: Modes = None,
    data: Data = None,
    protocol: Protocol = None,
    timeout_s: Timeout = None,
    wait: Wait = None,
    repeats: Repeats = None,
    adaptive: Adaptive = None,
    seed: Seed = None,
    name: Name = None,
    note: Note = None,
    labels: Labels = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Follow the sweep until it has ended.")
    ] = False,
    notices: Notify = None,
    request_id: Annotated[
        str | None, typer.Option(help="The same id again makes no second sweep.", show_default="random")
    ] = None,
    output: Output = Format.table,
) -> None:
    """Submit a sweep; its name goes to standard output."""
    flags = SweepFlags.of(locals())
    check_notices(notices or ())
    spec = build(file, flags)
    request_id = request_id or secrets.token_hex(16)
    with collector_client(context) as client:
        chosen = named(add_files(client, spec), file)
        sweep, refusals = submit_spec(client, chosen, request_id, keep_name=bool(spec.name))
        is_followed = bool(watch or notices)
        if output is Format.table:
            write_name(sweep, is_followed=is_followed)
        else:
            row = {**sweep_row(sweep), "refusals": [refusal_row(each) for each in refusals]}
            show([row], sweep_columns([row]), output)
        if is_followed:
            raise typer.Exit(follow_sweep(client, sweep.name, notices or ()))


@app.command(epilog="Example: paretofleet sweep confirm edge-classifiers --watch")
def confirm(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="SWEEP|REPORT", help="A sweep, or its pulled report.")],
    *,
    use: Annotated[str, typer.Option("--for", metavar="USE", help="realtime or offline.")] = "realtime",
    runs: Annotated[
        int | None,
        typer.Option("--repeats", min=1, metavar="N", help="Runs of each.", show_default="the sweep's"),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Follow the sweep until it has ended.")
    ] = False,
) -> None:
    """Measure what is not beaten again, as a sweep NAME-confirmed; its name goes to standard output.

    Only the new runs are in its report, so no value owes its place to the luck of having been picked.
    """
    name, identities = candidates(read_sources(context, [source]).table, use)
    with collector_client(context) as client:
        spec = confirming(client, name, identities, runs)
        verb = "is" if len(identities) == 1 else "are"
        notify(f"{counted(len(identities), 'configuration')} of {name} {verb} not beaten")
        sweep, _refusals = submit_spec(client, spec, secrets.token_hex(16), keep_name=False)
        write_name(sweep, is_followed=watch)
        if watch:
            raise typer.Exit(follow_sweep(client, sweep.name))


@app.command("list", epilog="Example: paretofleet sweep list --state running --label gate --last 10")
def list_(
    context: typer.Context,
    *,
    states: Annotated[
        list[str] | None,
        typer.Option(
            "--state",
            metavar="STATE",
            help=f"Only {', '.join(SWEEP_STATES)}. Repeatable.",
            autocompletion=any_of(*SWEEP_STATES),
        ),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="KEY", help="Only those with this label. Repeatable: with all."),
    ] = None,
    last: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Of these the last so many submitted.")
    ] = None,
    output: Output = Format.table,
) -> None:
    """List the sweeps, the oldest first."""
    with collector_client(context) as client:
        sweeps = client.list_sweeps(states or (), labels or (), last or 0)
    nothing = "no such sweep" if states or labels else "no sweep was submitted"
    rows = [sweep_row(one) for one in sweeps]
    show(rows, sweep_columns(rows), output, nothing=nothing)


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
        repeats = pull_timing(client, sweep) if timing else None
    show_detail(detail, repeats, output)


@app.command(epilog="Example: paretofleet sweep watch edge-classifiers")
def watch(context: typer.Context, sweep: Sweep, notices: Notify = None) -> None:
    """Follow a sweep until it has ended; Ctrl-C stops watching, the sweep goes on."""
    check_notices(notices or ())
    with collector_client(context) as client:
        raise typer.Exit(follow_sweep(client, sweep, notices or ()))


@app.command(epilog="Example: paretofleet sweep cancel edge-classifiers")
def cancel(context: typer.Context, sweep: Sweep) -> None:
    """Cancel what has not ended; sealed runs stay in the report."""
    with collector_client(context) as client:
        changed = client.cancel_sweep(sweep)
    notify(
        f"{changed.name} is {changed.state}: {changed.ended_runs}/{changed.runs} runs ended"
        + (f"; {tally(changed)}" if tally(changed) else "")
    )


@app.command(epilog="Example: paretofleet sweep retry edge-classifiers")
def retry(context: typer.Context, sweep: Sweep) -> None:
    """Run again what failed or was cancelled."""
    with collector_client(context) as client:
        changed = client.retry_sweep(sweep)
    to_go = counted(changed.runs - changed.ended_runs, "run")
    notify(f"{changed.name} is {changed.state}: {to_go} to go")


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
    notify(f"deleted {sweep}: {counted(deleted.runs, 'run')}, {counted(deleted.files, 'file')}")
