"""What becomes known of a run: samples and marks on their way out, facts and flags for its outcome."""

from __future__ import annotations

from typing import Protocol, Sequence

from paretofleet_agent import __version__
from paretofleet_agent.errors import Stopped
from paretofleet_agent.hardware.cgroups import Throttled
from paretofleet_agent.hardware.environment import QUOTA_REACHED
from paretofleet_agent.model import PHASES, Facts, Inventory, Lease
from paretofleet_agent.runner import frames

SHORT, CONTAMINATED, SENSOR_MISSING = "short_protocol", "contaminated", "sensor_missing"
#: What of a configuration is kept beside what really ran.
REQUESTED = ("precision", "threads", "batch_size", "options")


class Sink(Protocol):
    """Takes samples. It is called between blocks only and may buffer: durable after the window."""

    def put(self, stream: str, schema: str, n: int, columns: bytes) -> None:
        """Takes `n` samples of a stream: int64 little-endian, one column after the other."""


class RunMonitor(Protocol):
    """What the daemon tells an attempt and hears from it."""

    def stopped(self) -> bool:
        """Whether the attempt shall end soon: cancelled, superseded or shutting down."""

    def phase(self, phase: str, iterations: int) -> None:
        """Takes note of the phase and of the iterations so far, for heartbeats."""

    def power(self, power_w: float | None, scope: str) -> None:
        """Takes note of what the power sensors of a `scope` showed last; None: nothing yet."""


class RunRecord:
    """The samples, marks, facts and flags of one attempt, also of one that fails."""

    def __init__(self, lease: Lease, inventory: Inventory, sink: Sink, monitor: RunMonitor) -> None:
        self._sink, self._monitor = sink, monitor
        self._marks: list[tuple[int, int]] = []
        self._iterations = 0
        self.flags: list[str] = [SHORT] if lease.limits.is_short else []
        configuration = lease.configuration
        self.facts: Facts = {
            "agent_version": __version__,
            "simulated": inventory.simulated,
            "target_id": configuration["target_id"],
            "requested": {key: configuration[key] for key in REQUESTED},
            "flags": self.flags,
            "counted": True,
            "not_counted_why": None,
        }
        if configuration["mode"] == "paced":
            items_s = configuration["items_s"]
            period_ns = configuration["batch_size"] * 1e9 / items_s
            self.facts["paced"] = {"items_s": items_s, "period_ns": period_ns, "due": []}

    def stopped(self) -> bool:
        """Whether the attempt shall end soon."""
        return self._monitor.stopped()

    def raise_if_stopped(self) -> None:
        """Raises Stopped when the attempt shall end."""
        if self._monitor.stopped():
            raise Stopped("the attempt was told to end")

    def add_flag(self, flag: str) -> None:
        """Adds a flag that the run may have already."""
        if flag not in self.flags:
            self.flags.append(flag)

    def set_aside(self, why: str) -> None:
        """The run does not count, for a reason that lies with the device and never with its value."""
        self.facts.update(counted=False, not_counted_why=why)

    def note_throttling(self, before: Throttled | None, after: Throttled | None) -> None:
        """Keeps how often a quota of CPU time stopped the processes between two countings."""
        if before is None or after is None:
            return
        periods = after.periods - before.periods
        cpu_s = None if before.cpu_s is None or after.cpu_s is None else after.cpu_s - before.cpu_s
        self.facts["window_throttled"] = {"periods": periods, "cpu_s": cpu_s}
        if periods > 0:
            self.add_flag(QUOTA_REACHED)

    def show_phase(self, phase: str) -> None:
        """Tells the monitor the phase and the iterations so far."""
        self._monitor.phase(phase, self._iterations)

    def show_power(self, power_w: float | None, scope: str) -> None:
        """Tells the monitor what the power sensors of a `scope` showed last."""
        self._monitor.power(power_w, scope)

    def mark(self, now_ns: int, phase: str) -> None:
        """A phase begins at `now_ns` of the attempt's clock."""
        self._marks.append((now_ns, PHASES.index(phase)))
        self.show_phase(phase)

    def put_iterations(self, n: int, columns: bytes) -> None:
        """Hands on the start and duration of `n` iterations."""
        self._iterations += n
        self.put("iterations", "iterations/1", n, columns)

    def put_predictions(self, n: int, columns: bytes) -> None:
        """Hands on `n` pairs of an item and one of its best classes."""
        self._iterations += n
        self.put("predictions", "predictions/1", n, columns)

    def put(self, stream: str, schema: str, n: int, columns: bytes) -> None:
        """Hands on `n` samples of a stream."""
        self._sink.put(stream, schema, n, columns)

    def put_due(self, parts: Sequence[Sequence[int]]) -> None:
        """Keeps when the next batches were due: [the first in ns, how many] of each part of a grid."""
        if not parts:
            return
        paced = self.facts["paced"]
        for first_ns, n in parts:
            before = paced["due"][-1] if paced["due"] else None
            if before is not None and first_ns == before[0] + round(before[1] * paced["period_ns"]):
                before[1] += n
            else:
                paced["due"].append([first_ns, n])

    def close(self) -> None:
        """Hands on the marks."""
        if self._marks:
            self.put("marks", "marks/1", len(self._marks), frames.pack_columns(zip(*self._marks)))
