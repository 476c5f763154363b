"""`paretofleet up`: a collector and a local agent on this machine, each a process of its own."""

from __future__ import annotations

import os
import queue
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from paretofleet_collector.cli.local_processes import (
    AGENT,
    COLLECTOR,
    ChildProcess,
    agent_command,
    collector_command,
    end,
    how_ended,
    start,
    wait_until_ready,
)
from paretofleet_collector.cli.open_page import page_link
from paretofleet_collector.cli.session import notify
from paretofleet_collector.config import (
    PAGE_ADDRESS,
    UNIX,
    default_home,
    is_set,
    local_address,
    socket_path,
)
from paretofleet_collector.errors import CollectorError, Refused

EXAMPLE = "Example: paretofleet up --home ./fleet"
#: The agent's exit code where the collector will not have it.
AGENT_REFUSED = 5


def up(
    home: Annotated[
        Path | None, typer.Option(help="Folder for both.", show_default="~/.local/state/paretofleet")
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT",
            help="Address beside the local socket; port 0 picks one.",
            show_default="the local socket only",
        ),
    ] = None,
    web: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Serve the live page at HOST:PORT on loopback; port 0 picks one, `off` serves none.",
            show_default=f"{PAGE_ADDRESS}, or another port where that is taken",
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="Name of this device in the fleet; by default the host's.")] = "",
) -> None:
    """Start a collector and a local agent here; Ctrl-C ends both."""
    if not sys.platform.startswith("linux"):
        raise Refused(
            f"Collector and agent run on Linux, this is {sys.platform}; `paretofleet rank` works here."
        )
    agent = agent_command()
    chosen = home.absolute() if home else default_home("")
    stop = _stop_on_signals()
    parts: list[ChildProcess] = []
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    try:
        service = [
            *collector_command(chosen / "collector"),
            *(["--listen", listen] if listen else []),
            *_page_options(chosen / "collector", web),
        ]
        parts.append(start(COLLECTOR, service, _passed_on(COLLECTOR, lines)))
        address = wait_until_ready(parts[0], lines, stop.is_set)
        if address is None:
            return
        notify(f"collector at {address}, process {parts[0].process.pid}, home {chosen / 'collector'}")
        more = ["--name", name] if name else []
        local = UNIX + str(socket_path(chosen / "collector"))
        _tell_page(local)
        options = ["--collector", local, "--home", str(chosen / "agent"), *more]
        beside = {"PARETOFLEET_AGENT_MODELS_BESIDE": str(chosen / "collector" / "lake" / "models")}
        started = start(AGENT, [*agent, "run", *options], _passed_on(AGENT), {**os.environ, **beside})
        parts.append(started)
        notify(f"agent, process {parts[1].process.pid}, home {chosen / 'agent'}")
        where = "" if local_address() == local else f"--collector {local} "
        notify(f"try `paretofleet {where}sweep submit --model zoo:resnet18 --protocol quick --watch`")
        _wait_for_the_end(parts, stop)
    finally:
        end(parts, notify)
        if parts:
            notify("ended")


def _page_options(home: Path, web: str | None) -> list[str]:
    """Where the collector of `home` serves the page: as the user said, else at the usual port if free."""
    if web is None and is_set(home, "web"):
        return []
    if web is None:
        host, _, port = PAGE_ADDRESS.rpartition(":")
        with socket.socket() as probe:
            is_taken = probe.connect_ex((host, int(port))) == 0
        web = f"{host}:0" if is_taken else PAGE_ADDRESS
    return ["--web", web]


def _tell_page(local: str) -> None:
    """Says the link of the live page of the collector at its `local` socket, if it serves one."""
    with suppress(Refused):
        notify(f"live page, opened once by this link: {page_link(local)}")


def _passed_on(name: str, lines: queue.SimpleQueue[str] | None = None) -> Callable[[str], None]:
    """Tells the user each line with the process's name before it; `lines` get it, too."""

    def pass_on(line: str) -> None:
        notify(f"{name} | {line}")
        if lines is not None:
            lines.put(line)

    return pass_on


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()

    def remember(_: int, __: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, remember)
    return stop


def _wait_for_the_end(parts: Sequence[ChildProcess], stop: threading.Event) -> None:
    """Returns when the user ends it; raises CollectorError when one of the processes ends by itself.

    A refused agent leaves the collector to the user, who may need it to take the device back.
    """
    serving = list(parts)
    while not stop.wait(0.2):
        for part in list(serving):
            if part.process.poll() is None:
                continue
            if part.name != AGENT or part.process.returncode != AGENT_REFUSED:
                raise CollectorError(_ended(part))
            part.reader.join(1.0)
            serving.remove(part)
            notify(
                "the collector refuses this agent and goes on without it; do what the agent's last line "
                "says, then end this with Ctrl-C and start `paretofleet up` again"
            )


def _ended(part: ChildProcess) -> str:
    return f"The {part.name} ended {how_ended(part)}, so everything is stopped; its lines above say why."
