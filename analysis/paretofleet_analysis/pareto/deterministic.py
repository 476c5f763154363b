"""The frontier of points that are taken as certain."""

from __future__ import annotations

from collections.abc import Sequence

import moocore
import numpy as np


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
