"""The heartbeat: a thread that keeps leases alive and hears which attempts to give up."""

from __future__ import annotations

import logging
import threading
from typing import Callable, Iterable, Mapping, Protocol

from paretofleet_agent.errors import PfError, Refused
from paretofleet_agent.model import AttemptKey, LiveReading
from paretofleet_agent.uplink.replies import AttemptState, AttemptStatus, Welcome

log = logging.getLogger(__name__)


class Collector(Protocol):
    """What a heartbeat needs of the collector; both calls raise PfError, Refused where it is for good."""

    def hello(self, attempts: Iterable[AttemptKey], collector_id: str = "") -> Welcome: ...
    def progress(
        self,
        attempts: Iterable[AttemptKey],
        running: AttemptKey | None,
        phase: str,
        iterations: int,
        live: LiveReading,
    ) -> Mapping[AttemptKey, AttemptStatus]: ...


class RunningAttempt:
    """The attempt that runs: one thread measures and reports its phase, another may tell it to stop."""

    def __init__(self, key: AttemptKey, shutting_down: Callable[[], bool]) -> None:
        self.key = key
        self.progress: tuple[str, int] = ("", 0)
        self.power_now: tuple[float | None, str] = (None, "")
        self.stop_reason = ""
        self._shutting_down = shutting_down

    def stopped(self) -> bool:
        """Whether the attempt shall end soon."""
        return bool(self.stop_reason) or self._shutting_down()

    def phase(self, phase: str, iterations: int) -> None:
        """Takes note of how far the attempt is."""
        self.progress = (phase, iterations)

    def power(self, power_w: float | None, scope: str) -> None:
        """Takes note of what the power sensors of a `scope` showed last, in watts."""
        self.power_now = (power_w, scope)

    def give_up(self, why: str) -> None:
        """Ends the attempt when it next asks whether it is stopped."""
        self.stop_reason = why


class Heartbeat:
    """Beats every `heartbeat_s` seconds; a beat that fails is followed by a hello.

    The daemon sets `running`, `attempts`, those in the spool, and `collector_id`, whose they are. It reads
    `refusal`, and `is_foreign`: another collector answers. `temperature_c` gives degrees Celsius at once, or
    None.
    """

    def __init__(
        self, collector: Collector, heartbeat_s: float, temperature_c: Callable[[], float | None]
    ) -> None:
        self._collector = collector
        self._temperature_c = temperature_c
        self.heartbeat_s = heartbeat_s
        self.running: RunningAttempt | None = None
        self.attempts: tuple[AttemptKey, ...] = ()
        self.collector_id = ""
        self.is_foreign = False
        self.refusal: Refused | None = None
        self._needs_hello = False
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begins to beat."""
        self._thread.start()

    def stop(self) -> None:
        """Stops beating. A beat that waits for its answer ends when the client is closed."""
        self._end.set()

    def beat(self) -> None:
        """One beat. What fails is left to the next one; a refusal is kept for the daemon."""
        running = self.running
        try:
            statuses = self._say_hello(running) if self._needs_hello else self._report(running)
        except Refused as error:
            self.refusal = error
            if running:
                running.give_up("The collector refuses this agent.")
            return
        except PfError as error:
            log.debug("no heartbeat: %s", error)
            self._needs_hello = True
            return
        self._needs_hello = self.is_foreign
        if running and running.key in statuses:
            if statuses[running.key].state is AttemptState.SUPERSEDED:
                running.give_up("The attempt was cancelled, or another one took its place.")
            elif statuses[running.key].state is AttemptState.UNKNOWN:
                running.give_up("The collector does not know the run any more.")

    def _say_hello(self, running: RunningAttempt | None) -> Mapping[AttemptKey, AttemptStatus]:
        attempts = (*self.attempts, running.key) if running else self.attempts
        welcome = self._collector.hello(dict.fromkeys(attempts), self.collector_id)
        # What another collector says of these attempts means nothing; what runs goes on.
        self.is_foreign = welcome.collector_id != self.collector_id
        return {} if self.is_foreign else welcome.attempts

    def _report(self, running: RunningAttempt | None) -> Mapping[AttemptKey, AttemptStatus]:
        temperature_c = self._temperature_c()
        if running is None:
            idle = LiveReading(temperature_c=temperature_c)
            return self._collector.progress(self.attempts, None, "", 0, idle)
        phase, iterations = running.progress
        live = LiveReading(*running.power_now, temperature_c)
        return self._collector.progress(self.attempts, running.key, phase, iterations, live)

    def _beat_on(self) -> None:
        while not self._end.wait(self.heartbeat_s):
            if self.refusal is None:
                self.beat()
