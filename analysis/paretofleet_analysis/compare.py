"""Are two configurations of one device different? Within blocks, so that what drifts between them cancels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import stdtr, stdtrit

from paretofleet_analysis.intervals import CONFIDENCE, RUNS_MIN

#: Of the pairs that are called different, at most this share is expected to be alike.
FALSE_DISCOVERY_RATE = 0.05
#: What the standard error of a difference is multiplied by. The stop sees each configuration's own spread and
#: little of their difference's, so this is far less than `intervals.STOPPING_FACTOR`; with 1, twins are told
#: apart in 5.9 % of pairs and a sweep of 40 has 5.6 % of false discoveries (`bench/aa.py`).
PAIR_FACTOR = 1.05


@dataclass(frozen=True)
class Comparison:
    """How many times `a` is what `b` is, with the ends of the 95 % interval; None where nothing can be said.

    `p_value`: two-sided, that a ratio at least so far from 1 comes of configurations that are alike.
    """

    ratio: float | None
    lo: float | None
    hi: float | None
    p_value: float | None
    blocks: int


def compare(a: Mapping[int, float], b: Mapping[int, float]) -> Comparison:
    """Compares the runs of two configurations of one device, each as block to value (positive).

    Student's t of the logarithms of the ratios within the blocks that hold both (Georges, Buytaert,
    Eeckhout, OOPSLA 2007, 3.3, paired), its standard error a little inflated for the stop of the runs.

    >>> result = compare({1: 1.10, 2: 2.20, 3: 4.44, 4: 1.1}, {1: 1.0, 2: 2.0, 3: 4.0, 5: 1.0})
    >>> round(result.ratio, 3), result.blocks, result.p_value < 0.01
    (1.103, 3, True)
    >>> compare({1: 1.0, 2: 1.0}, {1: 2.0, 2: 2.0}).p_value is None
    True
    """
    shared = sorted(a.keys() & b.keys())
    if not shared:
        return Comparison(None, None, None, None, 0)
    logs = np.array([np.log(a[block]) - np.log(b[block]) for block in shared])
    mean, ratio = logs.mean(), float(np.exp(logs.mean()))
    if logs.size < RUNS_MIN:
        return Comparison(ratio, None, None, None, logs.size)
    spread = logs.std(ddof=1)
    student = stdtrit(logs.size - 1, (1 + CONFIDENCE) / 2)
    reach = PAIR_FACTOR * student * spread / np.sqrt(logs.size)
    p_value = float(p_values(mean, spread, logs.size))
    lo, hi = (float(np.exp(mean + side * reach)) for side in (-1, 1))
    return Comparison(ratio, lo, hi, p_value, logs.size)


def p_values(means: np.ndarray | float, spreads: np.ndarray | float, blocks: np.ndarray | int) -> np.ndarray:
    """Two-sided p-values of mean logarithms of ratios, given their standard deviations and numbers."""
    means, spreads, blocks = np.asarray(means), np.asarray(spreads), np.asarray(blocks)
    distance = np.abs(means) * np.sqrt(blocks) / PAIR_FACTOR
    t = np.divide(distance, spreads, out=np.where(distance > 0, np.inf, 0.0), where=spreads > 0)
    return np.asarray(2 * stdtr(blocks - 1.0, -t))


def discoveries(p_values: Sequence[float | None], rate: float = FALSE_DISCOVERY_RATE) -> list[bool]:
    """Which of many comparisons are findings, by Benjamini and Hochberg (1995), step up; None never is.

    >>> discoveries([0.001, 0.013, 0.9, None, 0.04])
    [True, True, False, False, False]
    """
    ordered = np.sort([p for p in p_values if p is not None])
    passes = np.flatnonzero(ordered * ordered.size <= rate * np.arange(1, ordered.size + 1))
    limit = ordered[passes[-1]] if passes.size else -1.0
    return [p is not None and bool(p <= limit) for p in p_values]


def told_apart(
    runs: Mapping[str, Mapping[int, float]], rate: float = FALSE_DISCOVERY_RATE
) -> dict[tuple[str, str], Comparison]:
    """The pairs of one device's configurations that differ, with the false discovery rate held at `rate`.

    `runs`: configuration to block to value.
    """
    pairs = list(combinations(runs, 2))
    compared = [compare(runs[a], runs[b]) for a, b in pairs]
    found = discoveries([one.p_value for one in compared], rate)
    return {pair: one for pair, one, is_found in zip(pairs, compared, found, strict=True) if is_found}
