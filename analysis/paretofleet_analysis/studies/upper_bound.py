"""A line that bounds points from above: the regression of a high quantile."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations

import numpy as np
from scipy.optimize import linprog

Floats = np.ndarray
#: The share of points that the bound leaves below.
QUANTILE = 0.95
#: Up to so many points every line through two of them is tried, which is faster than a linear program.
_PAIRS_MAX = 40


def upper_line(x: Floats, y: Floats) -> tuple[float, float, float]:
    """Intercept, slope and mean check loss of the line below which 95 % of the points (`x`, `y`), (n,), lie.

    Koenker and Bassett 1978. The best line goes through two points, so few points are tried in pairs; of
    many the dual program is solved. NaN where all `x` are the same.

    >>> alpha, beta, _ = upper_line(np.array([1.0, 2.0, 3.0, 2.0]), np.array([1.0, 2.0, 3.0, 0.0]))
    >>> round(alpha, 9), round(beta, 9)
    (0.0, 1.0)
    """
    if len(x) < 2 or np.ptp(x) == 0:
        return np.nan, np.nan, np.nan
    alpha, beta = _by_pairs(x, y) if len(x) <= _PAIRS_MAX else _by_program(x, y)
    rest = y - alpha - beta * x
    return alpha, beta, float(np.maximum(QUANTILE * rest, (QUANTILE - 1) * rest).mean())


def _by_pairs(x: Floats, y: Floats) -> tuple[float, float]:
    first, second = _pairs(len(x))
    is_apart = x[first] != x[second]
    first, second = first[is_apart], second[is_apart]
    beta = (y[second] - y[first]) / (x[second] - x[first])
    alpha = y[first] - beta * x[first]
    rest = y - alpha[:, None] - beta[:, None] * x
    best = int(np.maximum(QUANTILE * rest, (QUANTILE - 1) * rest).sum(axis=1).argmin())
    return float(alpha[best]), float(beta[best])


@lru_cache(maxsize=64)
def _pairs(count: int) -> tuple[Floats, Floats]:
    pairs = np.array(list(combinations(range(count), 2)))
    return pairs[:, 0], pairs[:, 1]


def _by_program(x: Floats, y: Floats) -> tuple[float, float]:
    scale, shift = float(np.ptp(x)), float(x.min())
    design = np.column_stack([np.ones_like(x), (x - shift) / scale])
    solved = linprog(
        -y, A_eq=design.T, b_eq=(1 - QUANTILE) * design.sum(axis=0), bounds=(0, 1), method="highs"
    )
    if not solved.success:
        return np.nan, np.nan
    level, slope = (-float(value) for value in solved.eqlin.marginals)
    return level - slope * shift / scale, slope / scale
