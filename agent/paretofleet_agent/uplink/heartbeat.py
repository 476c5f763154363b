"""The heartbeat: a thread that keeps leases alive and hears which attempts to give up."""

from __future__ import annotations

import logging
import threading
from typing import Callable, Iterable, Mapping, Protocol

from paretofleet_agent.errors import PfError, Refused
from paretofleet_agent.model import AttemptKey
from paretofleet_agent.uplink.wire import Held, HeldState, Welcome

log = logging.getLogger(__name__)


class Line(Protocol):
    """What a heartbeat needs of the link."""

    def hello(self, held: Iterable[AttemptKey]) -> Welcome: ...
    def progress(
        self, held: Iterable[AttemptKey], running: AttemptKey | None, phase: str, iterations: int
    ) -> dict[AttemptKey, Held]: ...


class Running:
    """The attempt that runs: told to stop by one thread, asked and informed by another."""

    def __init__(self, key: AttemptKey, shutting_down: Callable[[], bool]) -> None:
        self.key = key
        self.now: tuple[str, int] = ("", 0)
        self.given_up = ""
        self._shutting_down = shutting_down

    def stopped(self) -> bool:
        """Whether the attempt shall end soon."""
        return bool(self.given_up) or self._shutting_down()

    def phase(self, phase: str, iterations: int) -> None:
        """Takes note of how far the attempt is."""
        self.now = (phase, iterations)

    def give_up(self, why: str) -> None:
        """Ends the attempt at its next look."""
        self.given_up = why


class Heart:
    """Beats every `heartbeat_s`; a beat that fails is followed by a hello."""

    def __init__(self, line: Line, heartbeat_s: float) -> None:
        self._line = line
        self.heartbeat_s = heartbeat_s
        self.running: Running | None = None
        self.held: tuple[AttemptKey, ...] = ()
        self.refusal: Refused | None = None
        self._greet = False
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begins to beat."""
        self._thread.start()

    def stop(self) -> None:
        """Stops beating. A beat that waits for its answer ends when the link is closed."""
        self._end.set()

    def beat(self) -> None:
        """One beat. What fails is left to the next one; a refusal is kept for the daemon."""
        running = self.running
        try:
            if self._greet:
                held = dict.fromkeys((*self.held, running.key) if running else self.held)
                words: Mapping[AttemptKey, Held] = self._line.hello(held).held
            else:
                phase, iterations = running.now if running else ("", 0)
                words = self._line.progress(self.held, running.key if running else None, phase, iterations)
        except Refused as error:
            self.refusal = error
            if running:
                running.give_up("The collector refuses this agent.")
            return
        except PfError as error:
            log.debug("no heartbeat: %s", error)
            self._greet = True
            return
        self._greet = False
        if running and running.key in words:
            if words[running.key].state is HeldState.SUPERSEDED:
                running.give_up("The attempt was cancelled, or another one took its place.")
            elif words[running.key].state is HeldState.UNKNOWN:
                running.give_up("The collector does not know the run any more.")

    def _beat_on(self) -> None:
        while not self._end.wait(self.heartbeat_s):
            if self.refusal is None:
                self.beat()
