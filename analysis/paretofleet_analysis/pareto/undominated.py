"""Which points no other dominates."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from paretofleet_analysis.bare_module import bare_module

from .samples import Flags, Floats


def undominated_points(costs: Floats, *, keep_weakly: bool) -> Flags:
    """(N,) whether no other of the (N, d) `costs` is at most as large everywhere and smaller somewhere.

    Of equal points each counts, or not `keep_weakly` one of them.
    """
    return np.asarray(_moocore().is_nondominated(costs, keep_weakly=keep_weakly), dtype=np.bool_)


@cache
def _moocore() -> Any:
    """moocore, without the client by which it fetches examples: that takes four times as long to load."""
    return bare_module("moocore", "_moocore", ["is_nondominated"])
