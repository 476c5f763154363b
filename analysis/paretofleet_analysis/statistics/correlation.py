"""How many independent values a series of correlated ones is worth."""

from __future__ import annotations

import numpy as np

#: Neighbours are never taken as more alike than this.
CORRELATION_MAX = 0.95


def effective_count(values: np.ndarray) -> float:
    """How many independent values the correlated `values`, in order of time, are worth, at least 1.

    >>> effective_count(np.array([1.0, 2.0, 1.0, 2.0, 1.0]))
    5.0
    """
    rho = _first_autocorrelation(values)
    return float(max(values.size * (1 - rho) / (1 + rho), 1.0))


def _first_autocorrelation(values: np.ndarray) -> float:
    """Lag-one autocorrelation, clipped to [0, 0.95]; 0 where it is not defined."""
    if values.size < 3:
        return 0.0
    centred = values - values.mean()
    total = float(centred @ centred)
    return float(np.clip(centred[1:] @ centred[:-1] / total, 0, CORRELATION_MAX)) if total > 0 else 0.0
