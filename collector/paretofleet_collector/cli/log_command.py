"""`paretofleet logs`: what the collector here did; of a device what it heard, and what a local agent did."""

from __future__ import annotations

import json
import re
from collections import deque
from pathlib import Path
from typing import Annotated, Any

import typer

from paretofleet_collector import config
from paretofleet_collector.cli import logs
from paretofleet_collector.cli.agent_log import agent_lines
from paretofleet_collector.cli.completion import device_names
from paretofleet_collector.cli.output import Format, Output, clean, clean_lines, escaped, write_json
from paretofleet_collector.cli.session import collector_client, notify
from paretofleet_collector.cli.terminal import write_text
from paretofleet_collector.errors import CollectorError, NotFound, Refused
from paretofleet_collector.suggest import did_you_mean

EXAMPLE = "Example: paretofleet logs tx2-a --lines 50"
ELSEWHERE = (
    "{} keeps its own log in logs/ of its agent's folder: there, `paretofleet-agent logs` shows it; on a "
    "board that `devices add` set up, `ssh BOARD sudo -u paretofleet /opt/paretofleet/venv/bin/"
    "paretofleet-agent logs --home /var/lib/paretofleet/agent`"
)


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
    """Show the collector's log, kept on its machine; of a DEVICE of this machine also the agent's own."""
    folder = config.load(home).home
    if not (folder / logs.FILE).exists():
        raise Refused(
            f"There is no log {folder / logs.FILE}: the collector keeps it on its own machine; --home names "
            "its folder."
        )
    names = _names(context, device) if device else ()
    last = deque((line for line in logs.kept_lines(folder) if _is_of(line, names)), maxlen=lines)
    by_agent = agent_lines(folder, names, lines) if device else None
    if by_agent:
        last = deque(sorted((*last, *by_agent), key=lambda line: str(line.get("time"))), maxlen=lines)
    if output is Format.json:
        write_json([*last])
    elif output is Format.csv:
        for line in last:
            typer.echo(escaped(json.dumps(line)))
    else:
        for line in last:
            write_text(_text(line))
    if device and by_agent is None:
        notify(ELSEWHERE.format(device))


def _names(context: typer.Context, device: str) -> tuple[str, ...]:
    """What a device is called: its name and its id, where the collector answers; raises NotFound."""
    try:
        with collector_client(context) as client:
            listed = client.list_devices()
    except CollectorError:
        return (device,)
    same = [each for each in listed if device in (each.name, each.device_id)]
    if not same:
        near = did_you_mean(device, (each.name for each in listed))
        raise NotFound(f"Unknown device '{device}': {near or 'none has joined'}")
    return tuple(dict.fromkeys((device, *(text for each in same for text in (each.name, each.device_id)))))


def _is_of(line: dict[str, Any], names: tuple[str, ...]) -> bool:
    whole = "|".join(re.escape(name) for name in names)
    return not names or re.search(rf"(?<![\w.-])({whole})(?![\w-])", line["message"]) is not None


def _text(line: dict[str, Any]) -> str:
    by = "agent |" if str(line.get("logger")).startswith("paretofleet_agent") else ""
    parts = (str(line.get("time", "")), str(line.get("level", "")), by, str(line.get("message", "")))
    text = clean(" ".join(part for part in parts if part))
    return f"{text}\n{clean_lines(str(line['error']))}" if line.get("error") else text
