"""`paretofleet up`: a collector and a local agent on this machine, each a process of its own."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Annotated

import typer

from paretofleet_collector.cli.session import notify
from paretofleet_collector.config import UNIX, default_home, local_address, socket_path
from paretofleet_collector.errors import CollectorError, Refused

EXAMPLE = "Example: paretofleet up --home ./fleet"
READY = "listening on "
#: Seconds for the collector to say that it listens, and for a process to end once it was asked to.
START_S, STOP_S = 60.0, 20.0
#: The agent's exit code where the collector will not have it.
AGENT_REFUSED = 5
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class ChildProcess:
    """One of the two processes, with the thread that passes its lines on."""

    name: str
    process: subprocess.Popen[str]
    reader: threading.Thread


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
    name: Annotated[str, typer.Option(help="Name of this device in the fleet; by default the host's.")] = "",
) -> None:
    """Start a collector and a local agent here; Ctrl-C ends both."""
    if not sys.platform.startswith("linux"):
        raise Refused(
            f"Collector and agent run on Linux, this is {sys.platform}; `paretofleet rank` works here."
        )
    agent = _agent_command()
    chosen = home.absolute() if home else default_home("")
    stop = _stop_on_signals()
    parts: list[ChildProcess] = []
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    try:
        service = [sys.executable, "-m", "paretofleet_collector", "collector", "serve"]
        service += ["--home", str(chosen / "collector"), *(["--listen", listen] if listen else [])]
        parts.append(_start("collector", service, lines))
        address = _wait_until_ready(parts[0], lines, stop)
        if address is None:
            return
        notify(f"collector at {address}, process {parts[0].process.pid}, home {chosen / 'collector'}")
        more = ["--name", name] if name else []
        local = UNIX + str(socket_path(chosen / "collector"))
        options = ["--collector", local, "--home", str(chosen / "agent"), *more]
        parts.append(_start("agent", [*agent, "run", *options], None))
        notify(f"agent, process {parts[1].process.pid}, home {chosen / 'agent'}")
        where = "" if local_address() == local else f"--collector {local} "
        notify(f"try `paretofleet {where}sweep submit --model zoo:resnet18 --protocol quick --watch`")
        _wait_for_the_end(parts, stop)
    finally:
        _end(parts)


def _agent_command() -> list[str]:
    """How to start the agent: in this interpreter where it is installed, else by its name."""
    if importlib.util.find_spec("paretofleet_agent") is not None:
        return [sys.executable, "-m", "paretofleet_agent.main"]
    script = shutil.which("paretofleet-agent")
    if script is None:
        raise Refused(
            "The agent is not installed here; add it with `pip install 'paretofleet-agent[onnxruntime]'`."
        )
    return [script]


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()

    def remember(_: int, __: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, remember)
    return stop


def _start(name: str, command: Sequence[str], queued: queue.SimpleQueue[str] | None) -> ChildProcess:
    """Starts a process that ends with this one; its lines are passed on with its name before them."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        # a few system calls, before any thread of ours matters
        preexec_fn=_collector_first if name == "collector" else _end_with_parent,  # noqa: PLW1509
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    if process.stdout is None:
        raise CollectorError(f"The {name} was started without a pipe; its lines cannot be read.")
    reader = threading.Thread(target=_pass_on, args=(name, process.stdout, queued), daemon=True)
    reader.start()
    return ChildProcess(name, process, reader)


def _collector_first() -> None:
    """Keeps the collector and its workers on the agent's housekeeping CPU, so that no runner feels them."""
    _end_with_parent()
    cpus = os.sched_getaffinity(0)
    if len(cpus) > 1:
        os.sched_setaffinity(0, {max(cpus)})


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _pass_on(name: str, lines: IO[str], queued: queue.SimpleQueue[str] | None) -> None:
    for line in lines:
        notify(f"{name} | {line.rstrip()}")
        if queued is not None:
            queued.put(line)


def _wait_until_ready(part: ChildProcess, lines: queue.SimpleQueue[str], stop: threading.Event) -> str | None:
    """The address at which the collector listens; None when the user ended it first."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if stop.is_set():
            return None
        try:
            line = lines.get(timeout=0.1)
        except queue.Empty:
            if part.process.poll() is not None and lines.empty():
                part.reader.join(1.0)
                raise CollectorError(_ended(part)) from None
            continue
        if READY in line:
            return line.rpartition(READY)[2].strip()
    raise CollectorError(f"The collector did not listen within {START_S:.0f} s; see its lines above.")


def _wait_for_the_end(parts: Sequence[ChildProcess], stop: threading.Event) -> None:
    """Returns when the user ends it; raises CollectorError when one of the processes ends by itself.

    A refused agent leaves the collector to the user, who may need it to take the device back.
    """
    serving = list(parts)
    while not stop.wait(0.2):
        for part in list(serving):
            if part.process.poll() is None:
                continue
            part.reader.join(1.0)
            if part.name != "agent" or part.process.returncode != AGENT_REFUSED:
                raise CollectorError(_ended(part))
            serving.remove(part)
            notify(
                "the collector refuses this agent and goes on without it; do what the agent's last line "
                "says, then end this with Ctrl-C and start `paretofleet up` again"
            )


def _ended(part: ChildProcess) -> str:
    code = part.process.returncode
    how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    return f"The {part.name} ended {how}, so everything is stopped; its lines above say why."


def _end(parts: Sequence[ChildProcess]) -> None:
    """Ends the agent first, so that its last chunks find the collector."""
    for part in reversed(parts):
        if part.process.poll() is None:
            part.process.terminate()
        try:
            part.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            notify(f"the {part.name} did not end within {STOP_S:.0f} s and is killed")
            part.process.kill()
            part.process.wait()
        part.reader.join(1.0)
    if parts:
        notify("ended")
