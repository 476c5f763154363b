"""The options by which `rank` and `analyze` choose what is ranked and how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from paretofleet_collector.cli.completion import any_of, device_names, sweep_names
from paretofleet_collector.cli.limits import limits, pairs

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SWEEP|REPORT..", help="Sweeps, or pulled report files.", autocompletion=sweep_names
    ),
]
Objectives = Annotated[
    list[str] | None,
    typer.Option("--objective", metavar="COLUMN", help="Rank by these instead. Repeatable."),
]
Margins = Annotated[
    list[str] | None,
    typer.Option("--margin", metavar="COLUMN=2%", help="How much better counts. Repeatable."),
]
Maxima = Annotated[
    list[str] | None,
    typer.Option("--max", metavar="COLUMN=30ms", help="A limit that must be kept. Repeatable."),
]
Requirements = Annotated[
    list[str] | None,
    typer.Option("--require", metavar="'COLUMN<=30ms'", help="The same. Repeatable."),
]
Devices = Annotated[
    list[str] | None,
    typer.Option(
        "--device",
        metavar="NAME",
        help="Only rows of this device. Repeatable.",
        autocompletion=device_names,
    ),
]
Rate = Annotated[
    float | None,
    typer.Option(metavar="ITEMS/S", help="Energy of items at this rate, such as 5: idle in between."),
]
PowerScope = Annotated[str | None, typer.Option(help="The scope whose energy counts, such as module.")]
MixedScopes = Annotated[bool, typer.Option("--allow-mixed-scopes", help="Rank energies of unlike scopes.")]
WithSimulated = Annotated[bool, typer.Option("--with-simulated", help="Rank simulated and real together.")]
Use = Annotated[
    str,
    typer.Option(
        "--for",
        metavar="USE",
        help="realtime, offline or deadline=30ms.",
        autocompletion=any_of("realtime", "offline", "deadline="),
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the resampling.")]


def ranking_flags(values: Mapping[str, Any]) -> dict[str, Any]:
    """What the `values` of these options, by the names of their parameters, ask of a ranking; JSON-ready.

    Raises BadParameter for what is no margin or limit.
    """
    return {
        "use": values["use"],
        "objectives": values["objectives"] or None,
        "margins": dict(pairs("--margin", values["margins"], "2%")),
        "maxima": limits(values["maxima"], values["requirements"]),
        "devices": values["devices"] or [],
        "rate_hz": values["rate"],
        "power_scope": values["power_scope"],
        "allow_mixed_scopes": values["allow_mixed_scopes"],
        "allow_simulated_mix": values["with_simulated"],
        "seed": values["seed"],
    }
