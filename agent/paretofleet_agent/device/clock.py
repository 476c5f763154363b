"""The clock of an attempt: the device's own, or a virtual one that simulated work moves."""

from __future__ import annotations

import time
from typing import Callable, Protocol

SLICE_S = 0.2


class Clock(Protocol):
    """CLOCK_MONOTONIC or its stand-in."""

    def now_ns(self) -> int:
        """Nanoseconds."""

    def sleep(self, seconds: float, stopped: Callable[[], bool]) -> None:
        """Waits, or ends early once `stopped()`."""

    def reached(self, now_ns: int) -> None:
        """Work ended at that time; a real clock knows."""


class RealClock:
    """The device's clock, the same in all its processes."""

    def now_ns(self) -> int:
        """Nanoseconds of CLOCK_MONOTONIC."""
        return time.perf_counter_ns()

    def sleep(self, seconds: float, stopped: Callable[[], bool]) -> None:
        """Waits in slices, so that an end is noticed."""
        end_s = time.monotonic() + seconds
        while not stopped():
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                return
            time.sleep(min(SLICE_S, left_s))

    def reached(self, now_ns: int) -> None:
        """Nothing to do."""


class VirtualClock:
    """Moves only when told to, so that a simulated run takes no longer than drawing its numbers."""

    def __init__(self, start_ns: int) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        """Virtual nanoseconds."""
        return self._now_ns

    def sleep(self, seconds: float, stopped: Callable[[], bool]) -> None:
        """Moves on by `seconds` at once."""
        del stopped
        self._now_ns += int(seconds * 1e9)

    def reached(self, now_ns: int) -> None:
        """Moves on to the end of the work."""
        self._now_ns = max(self._now_ns, now_ns)
