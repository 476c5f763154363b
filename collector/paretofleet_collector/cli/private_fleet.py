"""A collector and an agent that live as long as one command, in a folder that goes with them."""

from __future__ import annotations

import os
import queue
import shutil
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

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
from paretofleet_collector.cli.session import notify
from paretofleet_collector.cli.slow_start import SlowStart
from paretofleet_collector.config import UNIX, default_home, socket_path
from paretofleet_collector.errors import CollectorError

if TYPE_CHECKING:
    from paretofleet_collector.rpc.client import Client

#: Lines of the two processes that are shown where one of them ends by itself.
_LINES = 12


@dataclass(frozen=True)
class PrivateFleet:
    """A `client` of the private collector, and its one agent; `lines`: what both said last."""

    client: Client
    parts: tuple[ChildProcess, ...]
    lines: deque[str]

    def wait_until_online(self) -> str:
        """The name of the device once it is online; raises CollectorError where the agent does not come."""
        patience = [SlowStart(part.name, part.process.pid, "is not online") for part in self.parts[-1:]]
        while True:
            self.check()
            for device in self.client.list_devices():
                if device.state == "online":
                    return device.name
            try:
                for each in patience:
                    each.check()
            except CollectorError as error:
                raise CollectorError(f"{error} {self._last_words()}") from None
            time.sleep(0.1)

    def check(self) -> None:
        """Raises CollectorError where one of the two processes has ended, with what they said last."""
        for part in self.parts:
            if part.process.poll() is not None:
                how = how_ended(part)
                raise CollectorError(f"The {part.name} ended {how}. {self._last_words()}")

    def _last_words(self) -> str:
        return f"Last it said: {' / '.join(self.lines) or 'nothing'}"


@contextmanager
def private_fleet() -> Iterator[PrivateFleet]:
    """Starts a collector and an agent for now, as processes of their own; all goes at the end.

    Settings of the user's collector are not theirs; the agent has those of this machine's agent.ini. Raises
    Refused without an agent, and CollectorError where one does not start.
    """
    command = agent_command()
    parts: list[ChildProcess] = []
    lines: deque[str] = deque(maxlen=_LINES)
    queued: queue.SimpleQueue[str] = queue.SimpleQueue()
    with tempfile.TemporaryDirectory(prefix="paretofleet-", ignore_cleanup_errors=True) as folder:
        env = _environment(Path(folder))
        state = Path(folder) / "paretofleet"
        try:
            say = _kept(COLLECTOR, lines, queued)
            parts.append(start(COLLECTOR, collector_command(state / "collector"), say, env))
            local = UNIX + str(socket_path(state / "collector"))
            _wait_for_collector(parts[0], queued, lines)
            _take_settings(state / "agent")
            options = ["run", "--collector", local, "--home", str(state / "agent")]
            parts.append(start(AGENT, [*command, *options], _kept(AGENT, lines), env))
            from paretofleet_collector.rpc.client import Client

            with Client(local) as client:
                yield PrivateFleet(client, tuple(parts), lines)
        finally:
            end(parts, notify)


def _wait_for_collector(part: ChildProcess, queued: queue.SimpleQueue[str], lines: deque[str]) -> None:
    """Until it listens; what it said before it ended is part of the error, since nobody saw its lines."""
    try:
        wait_until_ready(part, queued)
    except CollectorError as error:
        part.reader.join(1.0)
        raise CollectorError(f"{error} They are: {' / '.join(lines) or 'none'}") from None


def _environment(folder: Path) -> dict[str, str]:
    """The user's variables without what points to their own collector, or would be written down as theirs."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith("PARETOFLEET_COLLECTOR_")
    }
    return {**kept, "XDG_STATE_HOME": str(folder)}


def _take_settings(home: Path) -> None:
    """Gives the agent in `home` the settings of this machine's: its interpreters, variables and sensors."""
    own = Path(os.environ.get("PARETOFLEET_AGENT_HOME") or default_home("agent")) / "agent.ini"
    home.mkdir(parents=True, exist_ok=True)
    if own.is_file():
        shutil.copyfile(own, home / "agent.ini")


def _kept(
    name: str, lines: deque[str], queued: queue.SimpleQueue[str] | None = None
) -> Callable[[str], None]:
    """Keeps each line of the process `name` among the last; `queued` gets it, too."""

    def keep(line: str) -> None:
        lines.append(f"{name} | {line}")
        if queued is not None:
            queued.put(line)

    return keep


@contextmanager
def time_limit(seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Calls `act` in a thread once so many `seconds` have passed, unless the block has ended by then."""
    timer = threading.Timer(max(0.0, seconds), act)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
