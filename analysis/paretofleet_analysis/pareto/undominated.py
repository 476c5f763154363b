"""Which points no other dominates."""

from __future__ import annotations

import numpy as np

from .samples import Flags, Floats

#: Up to so many points each is held against each, which is sooner done than moocore is loaded.
_PAIRS_UP_TO = 128


def undominated_points(costs: Floats, *, keep_weakly: bool) -> Flags:
    """(N,) whether no other of the (N, d) `costs` is at most as large everywhere and smaller somewhere.

    Of equal points each counts, or not `keep_weakly` one of them.
    """
    if len(costs) > _PAIRS_UP_TO:
        import moocore

        return np.asarray(moocore.is_nondominated(costs, keep_weakly=keep_weakly), dtype=np.bool_)
    no_worse = (costs[:, None] <= costs).all(axis=2)  # of each row against each column
    equal = no_worse & no_worse.T
    beaten = no_worse & ~equal
    if not keep_weakly:
        beaten |= np.triu(equal, 1)
    return np.asarray(~beaten.any(axis=0), dtype=np.bool_)
