"""Whether the machine was idle enough for a figure by the clock: what others took while it was measured."""

from __future__ import annotations

import os
import time

import psutil

UNDECIDED = "undecided: the machine is not idle"
#: A core counts as idle while others take no more of it than this.
TAKEN_MAX = 0.15


class Watch:
    """From its making on: how many cores other processes left idle."""

    def __init__(self) -> None:
        self._begin = (time.perf_counter(), _busy_s(), time.process_time())

    def idle_cores(self) -> float:
        """Cores, on average, that others did not use; this process counts as nobody."""
        wall, busy, own = (
            now - then
            for now, then in zip(
                (time.perf_counter(), _busy_s(), time.process_time()), self._begin, strict=True
            )
        )
        return (os.cpu_count() or 1) - max(0.0, busy - own) / wall

    def had(self, cores: int) -> bool:
        """Whether so many cores were idle."""
        return self.idle_cores() >= cores * (1.0 - TAKEN_MAX)


def is_idle(cores: int, seconds: float = 1.0) -> bool:
    """Whether so many cores are idle now: for a bench whose own processes fill them later."""
    watch = Watch()
    time.sleep(seconds)
    return watch.had(cores)


def judged(*, kept: bool, idle: bool) -> str:
    """What a limit by the clock says: nothing where it is kept, MISSED only where the machine was idle."""
    return "" if kept else "MISSED" if idle else UNDECIDED


def _busy_s() -> float:
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    return sum(times[:8]) - idle  # guests' times, which follow, are in user's and nice's
