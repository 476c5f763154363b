"""`paretofleet sweep pause`, `resume`, `skip` and `prioritise`: what is worked on, and in which order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from paretofleet_collector.cli.completion import device_names, sweep_names
from paretofleet_collector.cli.session import collector_client, notify
from paretofleet_collector.cli.sweep_options import Sweep
from paretofleet_collector.cli.units import counted

if TYPE_CHECKING:
    from paretofleet_collector.model.views import SweepView

PAUSE_EXAMPLE = "Example: paretofleet sweep pause edge-classifiers"
RESUME_EXAMPLE = "Example: paretofleet sweep resume edge-classifiers"
SKIP_EXAMPLE = "Example: paretofleet sweep skip edge-classifiers --device tx2-a"
PRIORITISE_EXAMPLE = "Example: paretofleet sweep prioritise edge-classifiers --device tx2-a"


def pause(context: typer.Context, sweep: Sweep) -> None:
    """Begin no further run of a sweep; runs under way are finished, and devices go on with other sweeps."""
    with collector_client(context) as client:
        changed = client.pause_sweep(sweep)
    under_way = sum(changed.runs_by_state.get(state, 0) for state in ("leased", "running"))
    notify(
        f"{changed.name} is paused: {counted(under_way, 'run')} under way, {_extent(changed)}; "
        f"`paretofleet sweep resume {changed.name}` lets it go on"
    )


def resume(context: typer.Context, sweep: Sweep) -> None:
    """Let a paused sweep go on."""
    with collector_client(context) as client:
        changed = client.resume_sweep(sweep)
    notify(f"{changed.name} goes on: {_extent(changed)}")


def _extent(sweep: SweepView) -> str:
    return f"{sweep.ended_runs}/{sweep.runs} runs ended"


def skip(
    context: typer.Context,
    sweep: Sweep,
    device: Annotated[
        str, typer.Option("--device", help="Whose part is skipped.", autocompletion=device_names)
    ],
) -> None:
    """Skip what a device has left of a sweep; what it has measured stays, `sweep retry` takes up the rest."""
    with collector_client(context) as client:
        changed = client.skip_sweep(sweep, device)
    skipped = counted(changed.runs_by_state.get("skipped", 0), "run")
    notify(
        f"{changed.name} is {changed.state.replace('_', ' ')}, its part on {device} is skipped: {skipped} "
        f"skipped, {changed.ended_runs}/{changed.runs} ended; "
        f"`paretofleet sweep retry {changed.name}` takes them up"
    )


def prioritise(
    context: typer.Context,
    sweeps: Annotated[
        list[str],
        typer.Argument(
            metavar="SWEEP..", help="Sweeps in the order to work on them.", autocompletion=sweep_names
        ),
    ],
    device: Annotated[
        str,
        typer.Option(
            "--device", help="Only in the queue of this device; else of all.", autocompletion=device_names
        ),
    ] = "",
    last: Annotated[
        bool, typer.Option("--last", help="Behind all other sweeps instead of before them.")
    ] = False,
) -> None:
    """Put sweeps first in the queues of devices, in this order; a block under way is finished before."""
    with collector_client(context) as client:
        queues = client.prioritise_sweeps(sweeps, device, last=last)
    for queue in queues:
        notify(f"{queue.device}: {', '.join(queue.sweeps)}")
