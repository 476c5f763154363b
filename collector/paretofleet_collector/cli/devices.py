"""`paretofleet devices`: the fleet."""

from __future__ import annotations

from typing import Annotated

import typer

from paretofleet_collector.cli.output import Column, Format, Output, column, row_of, show, write_json
from paretofleet_collector.cli.session import connected, tell
from paretofleet_collector.cli.units import ago, clock
from paretofleet_collector.errors import NotFound, Refused
from paretofleet_collector.model.views import DeviceView
from paretofleet_collector.suggest import hint

app = typer.Typer(
    no_args_is_help=True, help="The devices of the fleet.", epilog="Example: paretofleet devices list"
)

Name = Annotated[str, typer.Argument(metavar="DEVICE", help="A device's name or id.")]

_COLUMNS = (
    column("name"),
    column("device_class", "class"),
    column("state"),
    column("targets"),
    column("runtimes"),
    Column("power", lambda row: ", ".join(sorted({one["scope"] for one in row["sensors"]})) or "-"),
    column("labels"),
    Column("seen", lambda row: ago(row["last_seen_unix_s"])),
    column("running"),
)


@app.command("list", epilog="Example: paretofleet devices list -o json")
def list_(context: typer.Context, output: Output = Format.table) -> None:
    """List the devices that joined."""
    with connected(context) as client:
        rows = [row_of(one) for one in client.list_devices()]
    show(rows, _COLUMNS, output, nothing="no device has joined; start one with `paretofleet-agent run`")


@app.command("show", epilog="Example: paretofleet devices show tx2-a")
def show_(context: typer.Context, device: Name, output: Output = Format.table) -> None:
    """Show one device with its targets, runtimes and power sensors."""
    with connected(context) as client:
        found = client.list_devices()
    one = _find(found, device)
    if output is Format.json:
        write_json(row_of(one))
        return
    facts = {
        "name": one.name,
        "device id": one.device_id,
        "class": one.device_class,
        "state": one.state,
        "simulated": "yes" if one.simulated else "no",
        "labels": ", ".join(f"{key}={value}" for key, value in one.labels.items()),
        "targets": ", ".join(one.targets),
        "runtimes": ", ".join(one.runtimes),
        "power": "; ".join(f"{s.source} {s.rail} ({s.scope}, {s.kind})" for s in one.sensors) or "no sensor",
        "agent": one.agent_version,
        "last seen": f"{clock(one.last_seen_unix_s)} ({ago(one.last_seen_unix_s)})",
        "running": one.running,
    }
    rows = [{"what": key, "value": value} for key, value in facts.items()]
    show(rows, (column("what"), column("value")), output)


@app.command(epilog="Example: paretofleet devices label tx2-a rack=3 owner=")
def label(
    context: typer.Context,
    device: Name,
    labels: Annotated[list[str], typer.Argument(metavar="KEY=VALUE..", help="Labels; KEY= removes one.")],
) -> None:
    """Set or remove labels, by which sweeps can choose devices."""
    pairs = {}
    for text in labels:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise Refused(f"'{text}' is not a label; write KEY=VALUE, or KEY= to remove it.")
        pairs[key] = value
    with connected(context) as client:
        changed = client.change_device(device, "label", pairs)
    there = ", ".join(f"{key}={value}" for key, value in changed.labels.items()) or "none"
    tell(f"{changed.name}: labels {there}")


@app.command(epilog="Example: paretofleet devices pause tx2-a")
def pause(context: typer.Context, device: Name) -> None:
    """Give a device no further runs; the one that it runs is finished."""
    _change(context, device, "pause")


@app.command(epilog="Example: paretofleet devices resume tx2-a")
def resume(context: typer.Context, device: Name) -> None:
    """Give a paused device runs again."""
    _change(context, device, "resume")


@app.command(epilog="Example: paretofleet devices remove tx2-a")
def remove(context: typer.Context, device: Name) -> None:
    """Remove a device from the fleet; its results stay."""
    _change(context, device, "remove")


def _change(context: typer.Context, device: str, action: str) -> None:
    with connected(context) as client:
        changed = client.change_device(device, action)
    tell(f"{changed.name} is {changed.state}")


def _find(devices: tuple[DeviceView, ...], wanted: str) -> DeviceView:
    for one in devices:
        if wanted in (one.name, one.device_id):
            return one
    raise NotFound(
        f"Unknown device '{wanted}': {hint(wanted, (one.name for one in devices)) or 'none has joined'}"
    )
