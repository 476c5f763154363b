"""The options of `paretofleet sweep plan` and `submit` that write a specification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from paretofleet_collector.cli.completion import any_of, device_names, model_names, sweep_names
from paretofleet_collector.planning.specification import PRECISIONS

SpecFile = Annotated[
    Path | None, typer.Argument(metavar="[SPEC.yaml]", help="A specification; flags change it.")
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        help="A model: zoo:NAME, NAME, NAME@VARIANT or a file. Repeatable.",
        autocompletion=model_names,
    ),
]
Devices = Annotated[
    list[str] | None,
    typer.Option(
        "--device",
        help="A device's name, or KEY=VALUE of a label or class. Repeatable.",
        autocompletion=device_names,
    ),
]
Online = Annotated[bool, typer.Option("--online", help="Only on devices that are online now.")]
Wait = Annotated[
    str | None,
    typer.Option(
        "--wait",
        metavar="TIME",
        help="How long to wait for a device that is away, as in 30min, 1h, 2d, before its part is skipped.",
        show_default="1h, of several days 36h",
    ),
]
Targets = Annotated[
    str | None, typer.Option("--target", metavar="LIST", help="cpu, cuda:0, cuda (all of them), ...")
]
Runtimes = Annotated[str | None, typer.Option("--runtime", metavar="LIST", help="onnxruntime, ...")]
Options = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="[RUNTIME.]KEY=VALUE",
        help="A setting of a runtime, which is named where there are several. Repeatable.",
    ),
]
Precisions = Annotated[
    str | None, typer.Option("--precision", metavar="LIST", help=f"{', '.join(PRECISIONS)}.")
]
BatchSizes = Annotated[
    str | None, typer.Option("--batch-size", metavar="LIST", help="Batch sizes, as in 1,2,4.")
]
Threads = Annotated[
    str | None, typer.Option("--threads", metavar="LIST", help="Numbers of threads, or `default`.")
]
Modes = Annotated[
    str | None,
    typer.Option(
        "--mode", metavar="LIST", help="latency, throughput, paced=5 (items a second), accuracy, training."
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data", metavar="SET", help="For --mode accuracy: digits, an .npz with x and y, a folder of images."
    ),
]
Protocol = Annotated[
    str | None,
    typer.Option(
        "--protocol",
        help="quick, standard or sustained.",
        autocompletion=any_of("quick", "standard", "sustained"),
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option("--timeout", metavar="SECONDS", help="How long a run may take; by default the protocol's."),
]
Repeats = Annotated[
    str | None, typer.Option("--repeats", metavar="N|MIN-MAX", help="Runs of each configuration.")
]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of the order of the runs.")]
Adaptive = Annotated[
    bool | None,
    typer.Option(
        "--adaptive/--no-adaptive",
        help="After the least runs, run what the ranking leaves open. The file may say for which use.",
        show_default=False,
    ),
]
Name = Annotated[
    str | None, typer.Option("--name", help="The sweep's name; one is made where none is given.")
]
Note = Annotated[str | None, typer.Option("--note", metavar="TEXT", help="What the sweep is for.")]
Labels = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="KEY", help="A word by which `sweep list` finds it. Repeatable."),
]
Sweep = Annotated[
    str, typer.Argument(metavar="SWEEP", help="A sweep's name or id.", autocompletion=sweep_names)
]


@dataclass(frozen=True)
class SweepFlags:
    """The values of these options as they were typed; None: not given, so the file's value stays."""

    models: list[str] | None = None
    devices: list[str] | None = None
    targets: str | None = None
    runtimes: str | None = None
    options: list[str] | None = None
    precisions: str | None = None
    batch_sizes: str | None = None
    sizes: list[str] | None = None
    inputs: list[str] | None = None
    threads: str | None = None
    modes: str | None = None
    data: str | None = None
    protocol: str | None = None
    timeout_s: float | None = None
    online: bool = False
    wait: str | None = None
    repeats: str | None = None
    adaptive: bool | None = None
    seed: int | None = None
    name: str | None = None
    note: str | None = None
    labels: list[str] | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> SweepFlags:
        """The flags of a sweep among the `values` of a command's options, by their names."""
        return cls(**{each.name: values[each.name] for each in fields(cls)})
