"""How a device drifted through a sweep, by its canary: the configuration that ran in the most blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from paretofleet_analysis.intervals import CONFIDENCE, RUNS_MIN

#: A drift of more than this in a block is one that block effects must be fitted for.
DRIFT_MAX = 0.02


@dataclass(frozen=True)
class Drift:
    """What the canary did: relative change of its value from block to block, with its 95 % interval.

    `largest_step`: the largest relative change from one of its blocks to the next, up or down.
    """

    canary: str
    blocks: int
    per_block: float
    lo: float
    hi: float
    largest_step: float

    @property
    def is_large(self) -> bool:
        """Whether the trend is above what can be left alone, beyond chance."""
        return abs(self.per_block) > DRIFT_MAX and not self.lo <= 0 <= self.hi


def canary_drift(runs: Mapping[str, Mapping[int, float]]) -> Drift | None:
    """The drift of one device; None where no configuration ran in three blocks.

    `runs`: configuration to block to value (positive). Least squares of the logarithms on the block's number.

    >>> drift = canary_drift({"a": {1: 1.0, 2: 1.01, 3: 1.0201, 4: 1.030301}, "b": {1: 5.0, 2: 4.0, 3: 5.0}})
    >>> drift.canary, drift.blocks, round(drift.per_block, 6), round(drift.largest_step, 6), drift.is_large
    ('a', 4, 0.01, 0.01, False)
    """
    if not runs:
        return None
    canary = max(runs, key=lambda name: len(runs[name]))
    blocks = np.array(sorted(runs[canary]), dtype=float)
    if blocks.size < RUNS_MIN:
        return None
    logs = np.log([runs[canary][int(block)] for block in blocks])
    centred = blocks - blocks.mean()
    square = float((centred**2).sum())
    slope = float(centred @ logs) / square
    left = logs - logs.mean() - slope * centred
    error = np.sqrt(float(left @ left) / (blocks.size - 2) / square)
    reach = float(stdtrit(blocks.size - 2, (1 + CONFIDENCE) / 2)) * error
    per_block, lo, hi = (float(np.expm1(slope + side * reach)) for side in (0, -1, 1))
    steps = np.expm1(np.diff(logs))
    return Drift(canary, int(blocks.size), per_block, lo, hi, float(steps[np.abs(steps).argmax()]))
