"""How much of the runner's CPUs somebody else used during the window."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

from paretofleet_agent.hardware.environment import busy_ticks, process_ticks

#: A run with more foreign work than this share of the runner's busy time is flagged `contaminated`.
SHARE_MAX = 0.03
#: Ticks are 10 ms: fewer foreign ones than this are within the counting error.
TICKS_MIN = 5


class ForeignLoad:
    """Counts from its making. `pids` are our own processes on these CPUs, everything else is foreign."""

    def __init__(self, sysroot: Path, cpus: Sequence[int], pids: Sequence[int]) -> None:
        self._sysroot, self._cpus, self._pids = sysroot, cpus, pids
        self._busy, self._own = self._ticks()

    def contaminates(self) -> bool:
        """Whether foreign work was more than counting error and more than its allowed share."""
        busy, own = self._ticks()
        if busy is None or self._busy is None:
            return False
        all_ticks = busy - self._busy
        foreign = all_ticks - (own - self._own)
        return foreign >= TICKS_MIN and foreign > SHARE_MAX * all_ticks

    def _ticks(self) -> tuple[int | None, int]:
        return busy_ticks(self._sysroot, self._cpus), sum(process_ticks(pid) for pid in self._pids)
