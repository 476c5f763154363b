"""The user's commands, run under limits by a keeper, which ends them with all their descendants.

A keeper stands between, so that nothing is left of a command when the search is killed.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from paretofleet_collector.errors import CollectorError, Refused
from paretofleet_collector.plain_text import printable

_POLL_S = 0.2
_LINES, _LETTERS, _LOG_BYTES = 3, 400, 16_384
StoppedBy = Literal["", "timeout", "memory", "disk"]
#: What the log says when a command has to wait for this host's lock, and once it has waited.
WAITS = "waits: an agent measures on this machine, and meanwhile nothing is built or trained here"
GOES_ON = "goes on: nothing is measured on this machine"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptCommand:
    """A `command` to run in a `folder`, whose size counts, with what it prints in a file `log`.

    `env`: its whole environment. `lock_folder`: of the lock of this host, None for the agents' usual one.
    """

    command: tuple[str, ...]
    folder: Path
    log: Path
    env: Mapping[str, str]
    timeout_s: float
    memory_bytes: int
    disk_bytes: int
    lock_folder: Path | None = None


@dataclass(frozen=True)
class CommandEnd:
    """How a command ended: its `code`, below 0 the signal that ended it; the limit by which it was stopped.

    `cpu_s` of it and its descendants; peaks as far as they were seen.
    """

    code: int
    stopped_by: StoppedBy
    wall_s: float
    cpu_s: float
    memory_peak_bytes: int
    disk_peak_bytes: int


def run_kept(
    command: KeptCommand,
    is_stopped: Callable[[], bool] = lambda: False,
    on_wait: Callable[[], None] = lambda: None,
) -> CommandEnd | None:
    """Runs the `command` while this host is locked, so that nothing is measured here meanwhile.

    None where `is_stopped` said so before its end. `on_wait` is called where the lock has to be waited for.
    Raises Refused where the command cannot be started, CollectorError where its keeper was killed.
    """
    keeper = subprocess.Popen(
        [sys.executable, "-P", "-m", "paretofleet_collector.searches.keeper"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    stdin, stdout = keeper.stdin, keeper.stdout
    if stdin is None or stdout is None:
        raise CollectorError("The process that keeps a command has no pipes: run this again.")
    started, is_waiting = 0, False
    try:
        with suppress(BrokenPipeError):
            stdin.write(json.dumps(_request(command)).encode() + b"\n")
            stdin.flush()
        for event in _events(stdout, is_stopped):
            if event is None:
                return None
            if "started" in event:
                started = event["started"]
                if is_waiting:
                    _log.info("%s", GOES_ON)
            if "waiting" in event:
                is_waiting = True
                _log.info("%s", WAITS)
                on_wait()
            elif "code" in event:
                return _end(event)
            elif "missing" in event:
                raise Refused(
                    f"{command.command[0]} cannot be started ({event['missing']}): name a program that is "
                    "here, by its whole path where it is not found."
                )
            elif "unlockable" in event:
                raise Refused(
                    f"The lock of this host cannot be used ({event['unlockable']}), by which nothing is "
                    "trained while something is measured: make its folder writable."
                )
        raise CollectorError(f"The process that kept {command.command[0]} was killed: run this again.")
    finally:
        with suppress(OSError):
            stdin.close()  # by this it ends, with everything below it
        keeper.wait()
        stdout.close()
        if started:
            with suppress(OSError):
                os.killpg(started, signal.SIGKILL)  # where the keeper itself was killed


def _request(command: KeptCommand) -> dict[str, Any]:
    return {
        "command": command.command,
        "folder": str(command.folder),
        "log": str(command.log),
        "env": dict(command.env),
        "timeout_s": command.timeout_s,
        "memory_bytes": command.memory_bytes,
        "disk_bytes": command.disk_bytes,
        "lock": str(command.lock_folder) if command.lock_folder else "",
    }


def _events(stdout: IO[bytes], is_stopped: Callable[[], bool]) -> Any:
    """What the keeper says; None once `is_stopped`."""
    rest = b""
    while True:
        if is_stopped():
            yield None
        if select.select([stdout], [], [], _POLL_S)[0]:
            part = os.read(stdout.fileno(), 65_536)
            if not part:
                return
            *lines, rest = (rest + part).split(b"\n")
            yield from map(json.loads, lines)


def _end(event: Mapping[str, Any]) -> CommandEnd:
    return CommandEnd(
        code=event["code"],
        stopped_by=event["why"],
        wall_s=event["wall_s"],
        cpu_s=event["cpu_s"],
        memory_peak_bytes=event["memory_peak_bytes"],
        disk_peak_bytes=event["disk_peak_bytes"],
    )


def last_lines(log: Path) -> str:
    """The last lines of a `log` as part of a sentence."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _LOG_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        text = ""
    lines = [printable(line.strip()) for line in text.splitlines() if line.strip()]
    joined = " / ".join(lines[-_LINES:]) or "it printed nothing"
    return joined if len(joined) <= _LETTERS else f"…{joined[-_LETTERS:]}"


def user_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of the user's commands: ours without our own variables, and `extra`."""
    ours = {key: value for key, value in os.environ.items() if not key.startswith("PARETOFLEET_")}
    return {**ours, **extra}
