"""Pairs of measurements that differ in one thing, taken side by side: how much that thing changes a time.

A change is kept as log(with / without), so that both directions count alike; it is shown as a fraction.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Sequence

#: Fewer pairs are not looked at, more are not taken.
PAIRS_MIN, PAIRS_MAX = 20, 300
#: A 95 % interval this narrow is enough, and its upper end may be so much.
WIDTH_MAX, HIGH_MAX = 0.01, 0.015
#: The interval is looked at after every so many pairs: every look is a chance to stop by luck.
LOOK_EVERY = 5
#: Below this many values no order statistics enclose the median with 95 %.
MEDIAN_MIN = 6


@dataclass(frozen=True)
class PairedChange:
    """The median change over `pairs` pairs and its 95 % interval, as fractions: 0.01 is 1 % slower."""

    pairs: int
    median: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """How wide the interval is."""
        return self.high - self.low

    @property
    def is_narrow(self) -> bool:
        """Whether the interval is narrow enough to tell."""
        return self.width <= WIDTH_MAX

    @property
    def is_harmless(self) -> bool:
        """Whether the change is known to be small: a narrow interval that does not reach far up."""
        return self.is_narrow and self.high <= HIGH_MAX

    def facts(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.median:+.2%} (95 %: {self.low:+.2%} to {self.high:+.2%}, {self.pairs} pairs)"


def change(logs: Sequence[float]) -> PairedChange | None:
    """The median of the changes with an interval free of any distribution; None for fewer than 6 pairs.

    `logs`: log(with / without) of each pair.

    >>> change([0.0] * 20)
    PairedChange(pairs=20, median=0.0, low=0.0, high=0.0)
    """
    n = len(logs)
    if n < MEDIAN_MIN:
        return None
    ordered, rank = sorted(logs), median_rank(n)
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    median, low, high = (math.expm1(value) for value in (middle, ordered[rank - 1], ordered[n - rank]))
    return PairedChange(n, median, low, high)


def median_rank(n: int) -> int:
    """The largest rank r for which the r-th smallest and the r-th largest of n enclose the median with 95 %.

    >>> median_rank(6), median_rank(20), median_rank(100)
    (1, 6, 40)
    """
    outside, rank = 0.0, 0
    while True:
        outside += 2 * math.comb(n, rank) / 2**n
        if outside > 0.05:
            return rank
        rank += 1


def is_enough(logs: Sequence[float]) -> bool:
    """Whether `logs` are pairs enough: the interval is narrow, or there are as many as allowed."""
    n = len(logs)
    if n >= PAIRS_MAX:
        return True
    if n < PAIRS_MIN or n % LOOK_EVERY:
        return False
    so_far = change(logs)
    return so_far is not None and so_far.is_narrow
