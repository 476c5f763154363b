"""The frontier of points that are taken as certain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .undominated import undominated_points
from .validation import check_directions


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
