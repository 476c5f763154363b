"""`paretofleet devices`: the fleet."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from paretofleet_collector.cli import board_install
from paretofleet_collector.cli.completion import device_names
from paretofleet_collector.cli.device_watch import watch
from paretofleet_collector.cli.output import FACTS, Column, Format, Output, column, row_of, show, write_json
from paretofleet_collector.cli.session import access_client, collector_client, notify
from paretofleet_collector.cli.units import ago, clock
from paretofleet_collector.errors import CollectorError, NotFound, Refused, misused
from paretofleet_collector.model.views import DeviceView, TokenView
from paretofleet_collector.suggest import did_you_mean

app = typer.Typer(
    no_args_is_help=True, help="The devices of the fleet.", epilog="Example: paretofleet devices list"
)

Name = Annotated[
    str, typer.Argument(metavar="DEVICE", help="A device's name or id.", autocompletion=device_names)
]

_COLUMNS = (
    column("name", kept=True),
    column("state"),
    column("device_class", "class"),
    Column("seen", lambda row: ago(row["last_seen_unix_s"])),
    column("running"),
    column("targets"),
    column("runtimes"),
    Column("power", lambda row: ", ".join(sorted({one["scope"] for one in row["sensors"]})) or "-"),
    column("labels"),
    column("pool"),
    column("identity"),
)


_NOTHING = "no device has joined; start one with `paretofleet-agent run`"


@app.command("list", epilog="Example: paretofleet devices list -o json")
def list_(
    context: typer.Context,
    *,
    is_watched: Annotated[
        bool, typer.Option("--watch", "-w", help="Again and again, in place on a terminal, until Ctrl-C.")
    ] = False,
    output: Output = Format.table,
) -> None:
    """List the devices that joined."""
    if is_watched and output is not Format.table:
        raise misused(f"--watch is for people; without it -o {output.value} lists the devices as they are.")
    with collector_client(context) as client:
        if is_watched:
            watch(lambda: [row_of(one) for one in client.list_devices()], _COLUMNS, _NOTHING)
        else:
            show([row_of(one) for one in client.list_devices()], _COLUMNS, output, nothing=_NOTHING)


@app.command(epilog="Example: paretofleet devices add ssh://nvidia@tx2-1 --class jetson-tx2")
def add(
    context: typer.Context,
    board: Annotated[str, typer.Argument(metavar="ssh://BOARD", help="ssh://[USER@]HOST[:PORT].")],
    *,
    name: Annotated[str, typer.Option(help="Its name in the fleet; by default its host's.")] = "",
    device_class: Annotated[str, typer.Option("--class", help="Its class, such as jetson-tx2.")] = "cpu",
    bundle: Annotated[
        Path | None, typer.Option(help="The bundle of `make bundle`.", show_default="the newest in dist")
    ] = None,
    address: Annotated[
        str,
        typer.Option(
            metavar="HOST:PORT",
            help="The collector's join server as the board reaches it.",
            show_default="this machine as the board sees it",
        ),
    ] = "",
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="OPTION", help="A further option of install.sh, such as --no-systemd."),
    ] = None,
) -> None:
    """Copy the bundle to a board, install the agent there, and let it join: over your own SSH."""
    place = board_install.board_of(board)
    archive = bundle or board_install.newest_bundle(Path("dist"))
    if not archive.is_file():
        raise Refused(f"There is no bundle {archive}; make one with `make bundle`.")
    facts = board_install.look(place)
    known_as = board_install.checked_word("--name", name) if name else _free_name(context, facts.name)
    with access_client(context) as client:
        token, text, join_address = client.create_token(TokenView("agent", known_as, "", False, 1), 3600.0)
    host, _, port = (address or join_address).rpartition(":")
    options = ["--name", known_as, "--class", board_install.checked_word("--class", device_class)]
    options += ["--join", f"{host or facts.this_machine}:{port}", *(option or [])]
    try:
        board_install.install(place, facts, archive, options, text, notify)
    except CollectorError:
        with access_client(context) as client:
            client.revoke_token(token.token_id)
        raise
    notify(f"{known_as} has joined; `paretofleet devices list` shows it")


@app.command("show", epilog="Example: paretofleet devices show tx2-a")
def show_(context: typer.Context, device: Name, output: Output = Format.table) -> None:
    """Show one device with its targets, runtimes and power sensors."""
    with collector_client(context) as client:
        view = _find(client.list_devices(), device)
    if output is Format.json:
        write_json(row_of(view))
        return
    facts = {
        "name": view.name,
        "device id": view.device_id,
        "class": view.device_class,
        "state": view.state,
        "simulated": "yes" if view.simulated else "no",
        "labels": view.labels,
        "targets": ", ".join(view.targets),
        "runtimes": ", ".join(view.runtimes),
        "power": "; ".join(f"{s.source} {s.rail} ({s.scope}, {s.kind})" for s in view.sensors) or "no sensor",
        "pool": view.pool,
        "identity": view.identity,
        "agent": view.agent_version,
        "last seen": f"{clock(view.last_seen_unix_s)} ({ago(view.last_seen_unix_s)})",
        "running": view.running,
        "queue": ", ".join(view.queue),
        **{f"environment: {name}": value for name, value in _environment(view).items()},
    }
    rows = [{"what": key, "value": value} for key, value in facts.items()]
    show(rows, FACTS, output)


def _environment(device: DeviceView) -> Mapping[str, Any]:
    """What a `device` told of its environment, fact by fact; empty for what is none."""
    try:
        facts = json.loads(device.environment_json or "{}")
    except (ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


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
            raise misused(f"'{text}' is not a label; write KEY=VALUE, or KEY= to remove it.")
        pairs[key] = value
    with collector_client(context) as client:
        changed = client.change_device(device, "label", pairs)
    there = ", ".join(f"{key}={value}" for key, value in sorted(changed.labels.items())) or "none"
    notify(f"{changed.name}: labels {there}")


@app.command(epilog="Example: paretofleet devices rename tx2-a rack3-left")
def rename(
    context: typer.Context,
    device: Name,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name from now on, unique in the fleet.")],
) -> None:
    """Call a device by another name; its id, its results and its runs stay."""
    with collector_client(context) as client:
        changed = client.rename_device(device, name)
    notify(f"{device} is called {changed.name} now")


@app.command(epilog="Example: paretofleet devices pause tx2-a")
def pause(context: typer.Context, device: Name) -> None:
    """Give a device no further runs; the one that it runs is finished."""
    _change(context, device, "pause")


@app.command(epilog="Example: paretofleet devices resume tx2-a")
def resume(context: typer.Context, device: Name) -> None:
    """Give a paused device runs again."""
    _change(context, device, "resume")


@app.command(epilog="Example: paretofleet devices remove tx2-a --yes")
def remove(
    context: typer.Context,
    device: Name,
    *,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask; nothing asks where there is no terminal.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also one that is online: its agent is refused from then on.")
    ] = False,
) -> None:
    """Remove a device that is gone from the fleet; its results stay, what it has open is cancelled."""
    with collector_client(context) as client:
        view = _find(client.list_devices(), device)
        if not yes and sys.stdin.isatty():
            typer.confirm(
                f"Remove {view.name}? Its agent is refused, and its open runs are cancelled.",
                abort=True,
                err=True,
            )
        changed = client.remove_device(view.device_id, force=force)
    notify(
        f"{changed.name} is {changed.state}; `paretofleet devices resume {changed.device_id}` takes it back"
    )


@app.command(epilog="Example: paretofleet devices reset tx2-a")
def reset(context: typer.Context, device: Name) -> None:
    """Take the next agent of this name for this device: after a restored image, a new disk, a new board."""
    with collector_client(context) as client:
        changed = client.change_device(device, "reset")
    notify(
        f"{changed.name}: its agent may start from an older folder, a new one or another machine now; "
        "the first that says hello is this device"
    )


@app.command(epilog="Example: paretofleet devices approve tx2-a")
def approve(
    context: typer.Context,
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="Its name or the fingerprint of its key.")],
    name: Annotated[str, typer.Option(help="The name that it gets; by default the one it asked for.")] = "",
) -> None:
    """Let a device in that waits; compare the fingerprint with the one that it shows."""
    with collector_client(context) as client:
        changed = client.approve_device(device, name)
    notify(f"{changed.name} ({changed.device_id}) is {changed.state}; it goes on by itself")


@app.command(epilog="Example: paretofleet devices revoke tx2-a")
def revoke(context: typer.Context, device: Name) -> None:
    """End a device's certificate, and what it has open; or refuse one that waits."""
    with collector_client(context) as client:
        changed = client.change_device(device, "revoke")
    again = f"`paretofleet token create --name {changed.name}` lets it in again"
    notify(f"{changed.name}: identity {changed.identity or changed.state}; {again}")


def _change(context: typer.Context, device: str, action: str) -> None:
    with collector_client(context) as client:
        changed = client.change_device(device, action)
    notify(f"{changed.name} is {changed.state}")


def _free_name(context: typer.Context, name: str) -> str:
    with collector_client(context) as client:
        names = {device.name for device in client.list_devices() if device.state != "removed"}
    return board_install.free_name(name, names)


def _find(devices: tuple[DeviceView, ...], name: str) -> DeviceView:
    """The device of that name or id; raises NotFound."""
    for device in devices:
        if name in (device.name, device.device_id):
            return device
    near = did_you_mean(name, (device.name for device in devices))
    raise NotFound(f"Unknown device '{name}': {near or 'none has joined'}")
