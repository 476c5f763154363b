"""`paretofleet logs`: what the collector on this machine did, or what it heard of one device."""

from __future__ import annotations

import json
import re
from collections import deque
from pathlib import Path
from typing import Annotated, Any

import typer

from paretofleet_collector import config
from paretofleet_collector.cli import logs
from paretofleet_collector.cli.completion import device_names
from paretofleet_collector.cli.output import Format, Output, clean, clean_lines, escaped, write_json
from paretofleet_collector.cli.session import collector_client, notify
from paretofleet_collector.errors import CollectorError, Refused

EXAMPLE = "Example: paretofleet logs tx2-a --lines 50"


def logs_(
    context: typer.Context,
    device: Annotated[
        str,
        typer.Argument(metavar="[DEVICE]", help="Only what names this device.", autocompletion=device_names),
    ] = "",
    *,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="Show the last so many.")] = 100,
    home: Annotated[
        Path | None,
        typer.Option(help="The collector's folder.", show_default="~/.local/state/paretofleet/collector"),
    ] = None,
    output: Output = Format.table,
) -> None:
    """Show the collector's log, kept on its machine; a device keeps its own (`paretofleet-agent logs`)."""
    folder = config.load(home).home
    if not (folder / logs.FILE).exists():
        raise Refused(
            f"There is no log {folder / logs.FILE}: the collector keeps it on its own machine; --home names "
            "its folder."
        )
    names = _names(context, device) if device else ()
    last = deque((line for line in logs.kept_lines(folder) if _is_of(line, names)), maxlen=lines)
    if output is Format.json:
        write_json([*last])
    elif output is Format.csv:
        for line in last:
            typer.echo(escaped(json.dumps(line)))
    else:
        for line in last:
            typer.echo(_text(line))
    if device:
        notify(f"what {device} did itself is on the device: `paretofleet-agent logs`")


def _names(context: typer.Context, device: str) -> tuple[str, ...]:
    """What a device is called: its name and its id, where the collector answers."""
    try:
        with collector_client(context) as client:
            listed = client.list_devices()
    except CollectorError:
        return (device,)
    same = [each for each in listed if device in (each.name, each.device_id)]
    return tuple(dict.fromkeys((device, *(text for each in same for text in (each.name, each.device_id)))))


def _is_of(line: dict[str, Any], names: tuple[str, ...]) -> bool:
    whole = "|".join(re.escape(name) for name in names)
    return not names or re.search(rf"(?<![\w.-])({whole})(?![\w-])", line["message"]) is not None


def _text(line: dict[str, Any]) -> str:
    parts = (str(line.get(key, "")) for key in ("time", "level", "message"))
    text = clean(" ".join(part for part in parts if part))
    return f"{text}\n{clean_lines(str(line['error']))}" if line.get("error") else text
