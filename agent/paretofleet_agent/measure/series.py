"""The iterations of a run so far, and the next block of them: data for the rules of warm-up and window."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Sequence

#: Bounds the memory of a block that only time ends.
BLOCK_ITERATIONS_MAX = 200_000
#: The least that a block lasts: below it the frames would cost more than the work.
BLOCK_S_MIN = 0.05


@dataclass(frozen=True)
class Series:
    """Iterations so far: durations in ns, and the time in ns from the first start to the last end.

    `blocks`: of each block how many iterations it had, and its ns from its first start to its last end.
    """

    durations_ns: tuple[int, ...] = ()
    first_ns: int = 0
    last_ns: int = 0
    blocks: tuple[tuple[int, int], ...] = ()

    def extended(self, starts_ns: Sequence[int], durations_ns: Sequence[int]) -> Series:
        """The series with one more block."""
        if not starts_ns:
            return self
        first_ns = self.first_ns if self.durations_ns else starts_ns[0]
        last_ns = starts_ns[-1] + durations_ns[-1]
        return replace(
            self,
            durations_ns=self.durations_ns + tuple(durations_ns),
            first_ns=first_ns,
            last_ns=last_ns,
            blocks=(*self.blocks, (len(starts_ns), last_ns - starts_ns[0])),
        )

    @property
    def n(self) -> int:
        """How many iterations."""
        return len(self.durations_ns)

    @property
    def mean_s(self) -> float:
        """Seconds of an iteration, on average."""
        return sum(self.durations_ns) / self.n / 1e9

    @property
    def elapsed_s(self) -> float:
        """Seconds from the start of the first to the end of the last iteration."""
        return (self.last_ns - self.first_ns) / 1e9


@dataclass(frozen=True)
class Block:
    """What to ask of the runner next."""

    seconds: float
    max_iterations: int
    min_iterations: int = 1


def quantile(ordered: Sequence[float], p: float) -> float:
    """The `p`-quantile of an `ordered`, non-empty sequence, interpolated linearly (type 7)."""
    position = p * (len(ordered) - 1)
    low = math.floor(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (position - low) * (ordered[high] - ordered[low])
