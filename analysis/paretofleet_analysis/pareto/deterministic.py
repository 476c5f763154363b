"""The frontier of points that are taken as certain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .at_most import weights_at_most, weights_equal
from .kernel.rank_codes import RankCodes
from .undominated import undominated_points
from .validation import check_directions

_CELLS = 4_000_000
#: Values held against values from which on not all pairs are looked at.
_DIVIDED_FROM = 50_000_000


def nondominated(points: np.ndarray, *, maximize: Sequence[bool]) -> np.ndarray:
    """(N,) booleans: whether no other of the (N, d) points dominates this one.

    j dominates i when it is at least as good in every objective and better in one. Equal points do not
    dominate each other, so all copies of a point share its answer (`keep_weakly`), whatever the order of
    the rows. Raises ValueError for what is no table of finite numbers, and where `maximize` has not one
    boolean for each of the d objectives.

    >>> nondominated(np.array([[1.0, 9.0], [1.0, 9.0], [2.0, 9.0], [2.0, 8.0]]), maximize=[False, False])
    array([ True,  True, False,  True])
    """
    points = np.asarray(points, dtype=float)
    if len(points) == 0:
        return np.zeros(0, dtype=bool)
    if points.ndim != 2:
        raise ValueError(f"points have the shape {points.shape}; give a table (N, d)")
    check_directions(list(maximize), points.shape[1])
    wild = np.argwhere(~np.isfinite(points))
    if len(wild):
        i, k = (int(at) for at in wild[0])
        raise ValueError(f"point {i}, objective {k} is {points[i, k]}, not a finite number; leave it out")
    costs = np.where(np.asarray(maximize, dtype=bool), -points, points)
    return undominated_points(costs, keep_weakly=True)


def dominator_counts(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N,) how many of the `others` (R, d) dominate each of the `points` (N, d), of which less is better.

    >>> dominator_counts(np.array([[1.0, 2.0], [2.0, 2.0]]), np.array([[1.0, 2.0], [0.0, 3.0]])).tolist()
    [0, 1]
    """
    if len(points) * others.size <= _DIVIDED_FROM:
        return _counted(points, others)
    codes = RankCodes(np.concatenate([points, others]).astype(np.float64)).codes
    ours, theirs = codes[: len(points)], codes[len(points) :]
    return weights_at_most(ours, theirs) - weights_equal(ours, theirs)


def _counted(costs: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N,) how many of the points `others` (R, d) dominate each of the `costs` (N, d)."""
    counts = np.zeros(len(costs), dtype=np.int64)
    step = max(1, _CELLS // max(others.size, 1))
    for a in range(0, len(costs), step):
        part = costs[a : a + step]
        at_most = np.ones((len(part), len(others)), dtype=bool)
        less = np.zeros_like(at_most)
        for k in range(costs.shape[1]):
            at_most &= others[None, :, k] <= part[:, None, k]
            less |= others[None, :, k] < part[:, None, k]
        counts[a : a + step] = (at_most & less).sum(axis=1)
    return counts
