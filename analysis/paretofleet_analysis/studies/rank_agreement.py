"""How far two orders of the same models agree: Kendall's tau with an interval over models."""

from __future__ import annotations

import math

import numpy as np

from paretofleet_analysis.studies.resampling import MODELS_MIN, Interval

Floats = np.ndarray
_REACH = 1.96
#: So many models are held against all others for the variance; more add nothing.
_HELD_MAX = 300
#: On the scale of Fisher's z the variance of tau of normal variables (Fieller, Hartley, Pearson 1957).
_FIELLER = 0.437


def kendall(x: Floats, y: Floats) -> float:
    """Kendall's tau-b of (n,) values `x` and `y`; NaN where all values of one are the same.

    >>> kendall(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])).__round__(3)
    0.333
    """
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return math.nan
    of_x, of_y = (np.unique(values, return_inverse=True)[1] for values in (x, y))
    every, x_tied, y_tied = _pairs(np.array([len(x)])), _tied(of_x), _tied(of_y)
    ordered = every - x_tied - y_tied + _tied(of_x * (of_y.max() + 1) + of_y)
    difference = ordered - 2 * _inversions(of_y[np.lexsort((of_y, of_x))])
    return _tau_b(difference, every - x_tied, every - y_tied)


def _kendall_of_signs(of_x: Floats, of_y: Floats, alike: Floats) -> float:
    """The same by the signs (n, n) of all differences, and their products: quicker for few models."""
    untied = (int(np.count_nonzero(signs)) // 2 for signs in (of_x, of_y))
    return _tau_b(int(alike.sum()) // 2, *untied)


def _tau_b(difference: int, x_untied: int, y_untied: int) -> float:
    """Tau-b of so many more pairs in one order than reversed, of those that are not tied in x, and in y."""
    if 0 in (x_untied, y_untied):
        return math.nan
    return float(np.clip(difference / np.sqrt(x_untied) / np.sqrt(y_untied), -1.0, 1.0))


def _pairs(counts: Floats) -> int:
    return int((counts * (counts - 1) // 2).sum())


def _tied(codes: Floats) -> int:
    """How many pairs of (n,) whole numbers are equal."""
    return _pairs(np.unique(codes, return_counts=True)[1])


def _inversions(ranks: Floats) -> int:
    """How many pairs of (n,) whole numbers from 0 on stand in falling order.

    From the highest bit on: of those alike above it, a number with the bit falls before one without.
    """
    total = 0
    for bit in range(int(ranks.max(initial=0)).bit_length() - 1, -1, -1):
        above = ranks >> (bit + 1)
        ranks = ranks[np.argsort(above, kind="stable")]
        above = np.sort(above)
        is_set = (ranks >> bit & 1).astype(np.int64)
        before = np.cumsum(is_set) - is_set
        start = np.searchsorted(above, above)
        total += int(((before - before[start]) * (1 - is_set)).sum())
    return total


def spearman(x: Floats, y: Floats) -> float:
    """Spearman's rho of (n,) values `x` and `y`, which are not all the same.

    >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0]))
    0.5
    """
    return float(np.corrcoef(np.column_stack([_ranks(x), _ranks(y)]), rowvar=False)[1, 0])


def _ranks(values: Floats) -> Floats:
    """(n,) ranks from 1; values that are equal share the mean of theirs."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[which])


def agreement(x: Floats, y: Floats) -> Interval:
    """Kendall's tau-b of (n,) values `x` and `y` of the same models, with its 95 % interval for others alike.

    The variance is that of the models' own concordances (Hoeffding 1948), and at least what normal variables
    have, on the scale of Fisher's z. Where all pairs agree half a pair is taken as reversed, so that few
    models do not look certain. No interval below five models; NaN where all values of one are the same.

    >>> agreement(np.arange(10.0), np.arange(10.0)).lo < 0.95
    True
    """
    count = len(x)
    held = np.arange(count)
    if count > _HELD_MAX:
        held = np.random.default_rng(1).choice(count, _HELD_MAX, replace=False)
    if count < 2 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        return Interval(math.nan, None, None)
    of_x, of_y = (np.sign(values[held, None] - values).astype(np.int8) for values in (x, y))
    alike = of_x * of_y
    tau = kendall(x, y) if len(held) < count else _kendall_of_signs(of_x, of_y, alike)
    if count < MODELS_MIN or not math.isfinite(tau):
        return Interval(tau, None, None)
    pairs = count * (count - 1) / 2
    bounded = float(np.clip(tau, 1 / pairs - 1, 1 - 1 / pairs))
    concordance = alike.sum(axis=1) / (count - 1)
    own = 4 * float(concordance.var(ddof=1)) / count / (1 - bounded**2) ** 2
    error = math.sqrt(max(own, _FIELLER / max(count - 4, 1)))
    middle = math.atanh(bounded)
    lo, hi = math.tanh(middle - _REACH * error), math.tanh(middle + _REACH * error)
    return Interval(tau, min(lo, tau), max(hi, tau))
