"""Who is ahead of a configuration, counted: expected dominators, ranks, and who is surely dominated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.pareto import dominator_distribution, expected_dominators, rank_interval
from paretofleet_analysis.pareto.deterministic import dominator_counts, nondominated
from paretofleet_analysis.pareto.margins import tightest
from paretofleet_analysis.ranking.verdicts import tolerances
from paretofleet_analysis.statistics.flat_runs import flat, mapped
from paretofleet_analysis.statistics.moments import moments

#: Dominators are told apart up to this many; beyond, a rank is only "more than".
RANKS = 20
#: In fleets up to this size all are told apart: their law has the expectation, too.
_ALL_TOLD = 32
#: Standard errors of a mean, each way, beyond which it is not looked for.
_REACH = 10.0
_POINTS_MAX = 60_000
_POINTS_MIN = 20
_CELLS = 4_000_000
#: Worst corners that are looked at before the others, and rows from which on there are only so few.
_FIRST, _MANY = 32, 20_000


def dominance_counts(
    points: Sequence[np.ndarray], *, maximize: Sequence[bool]
) -> tuple[np.ndarray, np.ndarray]:
    """Expected dominators (N,) and ranks (N, 2) of configurations, each (m, d) `points` for its true means.

    Ranks are the central 95 % of 1 + the number of dominators; `RANKS + 2` is more than `RANKS + 1`. Exact
    given the points; large fleets use the first of them. `maximize` (d,): whether more is better.
    """
    used = [values[: max(_POINTS_MIN, _POINTS_MAX // len(points))] for values in points]
    is_whole = len(points) <= _ALL_TOLD
    law = dominator_distribution(
        used, maximize=maximize, up_to=len(points) - 1 if is_whole else min(RANKS, len(points) - 1)
    )
    expected = law @ np.arange(law.shape[1]) if is_whole else expected_dominators(used, maximize=maximize)
    law = law[:, : RANKS + 1]
    ranks = rank_interval(law)
    ranks[ranks > law.shape[1]] = RANKS + 2
    return expected, ranks


def is_surely_dominated(
    runs: Sequence[np.ndarray], *, maximize: Sequence[bool], margins: Sequence[Margin]
) -> np.ndarray:
    """(N,) whether another's mean is no worse in every objective and better by more than the margin in one,
    each by ten standard errors of both.

    By (m_i, d) `runs` and `margins` (d,); `maximize` (d,): whether more is better. Whomever such a row
    beats, the better one beats, too, so it matters to nobody's place on the frontier, and its own is
    settled.
    """
    signs = np.where(np.asarray(maximize), -1.0, 1.0)
    whole = flat(runs)
    first = whole.values[whole.starts[:-1]]
    constant: np.ndarray = (whole.values == np.repeat(first, whole.counts, axis=0)).all(axis=0)
    if any(not margin.relative and not fixed for margin, fixed in zip(margins, constant, strict=True)):
        return np.zeros(len(runs), dtype=bool)
    logs = moments(mapped(np.log, whole))
    spreads = np.maximum(logs.spreads, np.median(logs.spreads, axis=0))
    reach = np.where(constant, 0.0, _REACH * spreads / np.sqrt(logs.counts)[:, None])
    middle = logs.means * signs
    middle[:, constant] = (first * signs)[:, constant]
    bars = middle - reach
    cuts = bars.copy()
    for k, (margin, tolerance) in enumerate(zip(margins, tolerances(margins), strict=True)):
        cuts[:, k] = tightest(bars[:, k], tolerance) if constant[k] else bars[:, k] - np.log1p(margin.value)
    return _is_dominated(middle + reach, bars, cuts)


def _is_dominated(worst: np.ndarray, bars: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """(N,) whether some worst corner is at most the bars everywhere and below a cut somewhere."""
    corners = worst[nondominated(worst, maximize=[False] * worst.shape[1])]
    if len(corners) <= _FIRST:
        return _is_behind(corners, bars, cuts)
    # a few corners in the middle leave most rows behind, and the others need not look at those
    apart = np.abs(corners - np.median(corners, axis=0)) / np.maximum(np.ptp(corners, axis=0), 1e-300)
    first = np.argsort(apart.max(axis=1), kind="stable")[: len(corners) // 8 if len(bars) < _MANY else _FIRST]
    dominated = _is_behind(corners[first], bars, cuts)
    rest = np.flatnonzero(~dominated)
    dominated[rest] = _is_behind(corners, bars[rest], cuts[rest])
    return dominated


def _is_behind(corners: np.ndarray, bars: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """(N,) whether one of the `corners` is at most the bars everywhere and below a cut somewhere."""
    dominated = np.zeros(len(bars), dtype=bool)
    step = max(1, _CELLS // max(corners.size, 1))
    for a in range(0, len(bars), step):
        below = np.zeros((len(bars[a : a + step]), len(corners)), dtype=bool)
        everywhere = np.ones_like(below)
        for k in range(bars.shape[1]):
            below |= corners[None, :, k] < cuts[a : a + step, None, k]
            everywhere &= corners[None, :, k] <= bars[a : a + step, None, k]
        dominated[a : a + step] = (everywhere & below).any(axis=1)
    return dominated


def dominators_of_means(means: np.ndarray, rivals: np.ndarray, *, maximize: Sequence[bool]) -> np.ndarray:
    """(N,) how many of the (R, d) `rivals` dominate each of the (N, d) `means`, both taken as certain.

    `maximize` (d,): whether more is better.
    """
    signs = np.where(np.asarray(maximize), -1.0, 1.0)
    return dominator_counts(means * signs, rivals * signs)
