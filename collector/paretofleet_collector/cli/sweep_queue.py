"""`paretofleet sweep skip` and `prioritise`: what a device leaves, and in which order it works."""

from __future__ import annotations

from typing import Annotated

import typer

from paretofleet_collector.cli.completion import device_names, sweep_names
from paretofleet_collector.cli.progress import ended
from paretofleet_collector.cli.session import collector_client, notify
from paretofleet_collector.cli.sweep_options import Sweep
from paretofleet_collector.cli.units import counted

SKIP_EXAMPLE = "Example: paretofleet sweep skip edge-classifiers --device tx2-a"
PRIORITISE_EXAMPLE = "Example: paretofleet sweep prioritise edge-classifiers --device tx2-a"


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
        f"skipped, {ended(changed)}/{changed.runs} ended; "
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
