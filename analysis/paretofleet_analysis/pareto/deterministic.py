"""The frontier of points that are taken as certain."""

from __future__ import annotations

from collections.abc import Sequence

import moocore
import numpy as np
from scipy.stats import spearmanr


def nondominated(points: np.ndarray, *, maximize: Sequence[bool]) -> np.ndarray:
    """(N,) booleans: whether no other of the (N, d) points dominates this one.

    j dominates i when it is at least as good in every objective and better in one. Equal points do not
    dominate each other, so all copies of a point share its answer (`keep_weakly`), whatever the order of
    the rows.

    >>> nondominated(np.array([[1.0, 9.0], [1.0, 9.0], [2.0, 9.0], [2.0, 8.0]]), maximize=[False, False])
    array([ True,  True, False,  True])
    """
    points = np.asarray(points, dtype=float)
    if len(points) == 0:
        return np.zeros(0, dtype=bool)
    return np.asarray(moocore.is_nondominated(points, maximise=list(maximize), keep_weakly=True), dtype=bool)


def near_identical(
    points: np.ndarray, *, maximize: Sequence[bool], threshold: float = 0.99
) -> list[tuple[int, int, float]]:
    """Pairs of objectives that order the points alike: rank correlation (Spearman, costs) above the
    threshold.

    Fewer than five distinct points say nothing and give no pair.

    >>> line = np.arange(6.0)
    >>> near_identical(np.column_stack([line, line**2, -line]), maximize=[False, False, False])
    [(0, 1, 1.0)]
    """
    points = np.unique(np.where(np.asarray(maximize), -1.0, 1.0) * points, axis=0)
    found = []
    for first in range(points.shape[1]):
        for second in range(first + 1, points.shape[1]):
            pair = points[:, [first, second]]
            if len(pair) < 5 or (np.ptp(pair, axis=0) == 0).any():
                continue
            rho = round(float(spearmanr(pair).statistic), 12)
            if rho > threshold:
                found.append((first, second, rho))
    return found
