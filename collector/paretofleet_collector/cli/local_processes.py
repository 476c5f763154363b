"""A collector and an agent on this machine, each a process of its own that ends with this one."""

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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from paretofleet_collector.cli.slow_start import SlowStart
from paretofleet_collector.errors import CollectorError, Refused

READY = "listening on "
#: Seconds for a process to end once it was asked to.
STOP_S = 20.0
COLLECTOR, AGENT = "collector", "agent"
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class ChildProcess:
    """One of the two processes, with the thread that passes its lines on."""

    name: str
    process: subprocess.Popen[str]
    reader: threading.Thread


def agent_command() -> list[str]:
    """How to start the agent: in this interpreter where it is installed, else by its name; raises Refused."""
    if importlib.util.find_spec("paretofleet_agent") is not None:
        return [sys.executable, "-m", "paretofleet_agent.main"]
    script = shutil.which("paretofleet-agent")
    if script is None:
        raise Refused(
            "The agent is not installed here; add it with `pip install 'paretofleet-agent[onnxruntime]'`."
        )
    return [script]


def collector_command(home: Path) -> list[str]:
    """How to start a collector that keeps everything in `home`."""
    return [sys.executable, "-m", "paretofleet_collector", "collector", "serve", "--home", str(home)]


def start(
    name: str,
    command: Sequence[str],
    on_line: Callable[[str], None],
    env: Mapping[str, str] | None = None,
) -> ChildProcess:
    """Starts the process `name` by its `command`, which ends with this process.

    Each of its lines is given to `on_line`, in a thread. `env`: its environment variables; None: ours.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        # a few system calls, before any thread of ours matters
        preexec_fn=_collector_first if name == COLLECTOR else _end_with_parent,  # noqa: PLW1509
        env={**(os.environ if env is None else env), "PYTHONUNBUFFERED": "1"},
    )
    if process.stdout is None:
        raise CollectorError(f"The {name} was started without a pipe; its lines cannot be read.")
    reader = threading.Thread(target=_pass_on, args=(process.stdout, on_line), daemon=True)
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


def _pass_on(lines: IO[str], on_line: Callable[[str], None]) -> None:
    for line in lines:
        on_line(line.rstrip())


def wait_until_ready(
    part: ChildProcess, lines: queue.SimpleQueue[str], is_stopped: Callable[[], bool] = lambda: False
) -> str | None:
    """The address at which the collector `part` listens, by its `lines`; None when it `is_stopped` first.

    Raises CollectorError when it ends, or works no more (`SlowStart`).
    """
    patience = SlowStart(part.name, part.process.pid, "does not listen")
    while not is_stopped():
        try:
            patience.check()
        except CollectorError as error:
            raise CollectorError(f"{error} Its lines above say how far it came.") from None
        try:
            line = lines.get(timeout=0.1)
        except queue.Empty:
            if part.process.poll() is not None and lines.empty():
                raise CollectorError(
                    f"The {part.name} ended {how_ended(part)} before anything else was started; "
                    "its lines above say why."
                ) from None
            continue
        if READY in line:
            return line.rpartition(READY)[2].strip()
    return None


def how_ended(part: ChildProcess) -> str:
    """How the process of `part` ended, as in "with exit code 1"; its last lines have been passed on."""
    part.reader.join(1.0)
    code = part.process.returncode
    return f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"


def end(parts: Sequence[ChildProcess], tell: Callable[[str], None]) -> None:
    """Ends the last of `parts` first, so that an agent's last chunks find the collector.

    `tell` takes the line of one that had to be killed.
    """
    for part in reversed(parts):
        if part.process.poll() is None:
            part.process.terminate()
        try:
            part.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            tell(f"the {part.name} did not end within {STOP_S:.0f} s and is killed")
            part.process.kill()
            part.process.wait()
        part.reader.join(1.0)
