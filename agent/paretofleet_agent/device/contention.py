"""How much of the runner's CPUs somebody else used during the window."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Sequence

from paretofleet_agent.hardware.environment import busy_ticks, process_ticks

#: A run with more foreign work than this share of the runner's busy time is flagged `contaminated`. A runner
#: that rests between its items is given the time of one CPU: what works while it rests is in nobody's way.
SHARE_MAX = 0.03
#: Ticks are 10 ms: fewer foreign ones than this are within the counting error.
TICKS_MIN = 5


class ContentionMeter:
    """Counts from its making. `pids` are our own processes on `cpus`, everything else is foreign."""

    def __init__(self, sysroot: Path, cpus: Sequence[int], pids: Sequence[int]) -> None:
        self._sysroot, self._cpus, self._pids = sysroot, cpus, pids
        self._busy_ticks, self._own_ticks = self._ticks()
        self._begin_s = time.monotonic()

    def contaminates(self) -> bool:
        """Whether foreign work was more than counting error and more than its allowed share."""
        busy_ticks_now, own_ticks_now = self._ticks()
        if busy_ticks_now is None or self._busy_ticks is None:
            return False
        all_ticks = busy_ticks_now - self._busy_ticks
        foreign_ticks = all_ticks - (own_ticks_now - self._own_ticks)
        elapsed_ticks = (time.monotonic() - self._begin_s) * os.sysconf("SC_CLK_TCK")
        return foreign_ticks >= TICKS_MIN and foreign_ticks > SHARE_MAX * max(all_ticks, elapsed_ticks)

    def _ticks(self) -> tuple[int | None, int]:
        return busy_ticks(self._sysroot, self._cpus), sum(process_ticks(pid) for pid in self._pids)
