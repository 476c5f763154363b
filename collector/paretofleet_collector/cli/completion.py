"""Names that a shell may complete: those of the collector that the command line names, if it answers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import typer

from paretofleet_collector.cli.session import COLLECTOR_VARIABLE, Settings, collector_client

_ZOO = "zoo:"


def sweep_names(context: typer.Context, incomplete: str) -> list[str]:
    """Sweeps."""
    return _names(context, incomplete, lambda client: (each.name for each in client.list_sweeps()))


def device_names(context: typer.Context, incomplete: str) -> list[str]:
    """Devices, but for removed ones."""
    return _names(
        context,
        incomplete,
        lambda client: (each.name for each in client.list_devices() if each.state != "removed"),
    )


def model_names(context: typer.Context, incomplete: str) -> list[str]:
    """Models, stored or of the zoo; as `zoo:NAME` where that was begun."""
    prefix = _ZOO if incomplete.startswith(_ZOO) else ""
    return _names(
        context,
        incomplete,
        lambda client: dict.fromkeys(f"{prefix}{each.model}" for each in client.list_models()),
    )


def zoo_names(context: typer.Context, incomplete: str) -> list[str]:
    """Networks of the zoo as `zoo:NAME` once that was begun: else it is a file, which the shell completes."""
    return model_names(context, incomplete) if incomplete.startswith(_ZOO) else []


def any_of(*choices: str) -> Callable[[str], list[str]]:
    """What completes an option that takes any of these `choices`."""
    return lambda incomplete: [choice for choice in choices if choice.startswith(incomplete)]


def _names(context: typer.Context, incomplete: str, names_of: Callable[[Any], Iterable[str]]) -> list[str]:
    """The names that begin like what was typed; none where no collector answers, and never a word of it."""
    root = context.find_root()
    root.obj = Settings(str(root.params.get("address") or os.environ.get(COLLECTOR_VARIABLE, "")))
    context.obj = root.obj
    try:
        with collector_client(context) as client:
            return [name for name in names_of(client) if name.startswith(incomplete)]
    except Exception:  # noqa: BLE001 - a shell that completes has no place for a sentence
        return []
