"""What the variances of many rows say of each one's: few runs estimate their own variance badly.

Rows are taken to have true variances that scatter around `variance` as `variance * freedom / chi2(freedom)`
(Smyth 2004, Linear models and empirical Bayes methods, Stat. Appl. Genet. Mol. Biol. 3(1) 3). A variance of f
degrees of freedom is then F distributed with f and `freedom`. Both numbers are fitted so that hopeless rows
cannot move them, and such rows borrow less (Phipson, Lee, Majewski, Alexander, Smyth 2016, Robust
hyperparameter estimation, Ann. Appl. Stat. 10(2) 946).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from paretofleet_analysis.special_functions import fdtr, fdtrc, ndtr, ndtri, psi

Floats = npt.NDArray[np.float64]

#: More prior degrees of freedom than this are as good as infinitely many.
FREEDOM_MAX = 1000.0
#: From so many rows on something is said of the others; fewer keep their own variances.
ROWS_MIN = 4
#: Rows beyond this are thinned out before the fit, evenly in the order of their variances.
_ROWS_MAX = 500
#: Where scores are cut, in standard deviations: low while rows may be hopeless, higher once they are out.
_CUT, _CUT_AFTER = 1.0, 2.0
#: A row less probable than this, over all rows, has no part in the fit.
_OUTLIER = 0.01
#: How exactly logarithms of the common variance and of the degrees of freedom are found.
_LOCATION_ERROR, _LEVEL_ERROR = 1e-6, 1e-3
#: The least prior degrees of freedom: rows of one group may be as unlike as that.
_FREEDOM_LEAST = 0.25


@dataclass(frozen=True)
class VariancePrior:
    """Of a group of rows: their common `variance`, and the degrees of `freedom` that it lends to a row.

    `rows`: how many it was fitted to; below `ROWS_MIN` nothing is lent.
    """

    variance: float
    freedom: float
    rows: int

    def lent(self, variances: Floats, freedom: Floats) -> Floats:
        """(n,) the degrees of freedom that it lends to each of `variances` (n,), of `freedom` (n,) each.

        A row whose variance is far above what its group has borrows less: its share falls with the
        probability of the largest of so many to be as large. A row without freedom, of one run, has no
        variance of its own, and borrows all.
        """
        if self.freedom == 0.0:
            return np.zeros(len(variances))
        has_own = np.asarray(freedom) > 0
        free = np.where(has_own, freedom, 1.0)
        beyond = np.where(has_own, fdtrc(free, self.freedom, variances / self.variance), 1.0)
        return np.asarray(self.freedom * np.clip(2.0 * self.rows * beyond, 0.0, 1.0))

    def moderated(self, variances: Floats, freedom: Floats) -> tuple[Floats, Floats]:
        """(n,) the `variances` (n,), of `freedom` (n,) each, drawn towards the common one; their freedom."""
        lent = self.lent(variances, freedom)
        total = np.maximum(lent + freedom, np.finfo(float).tiny)
        common = np.where(lent > 0, self.variance, 0.0)
        return np.asarray((lent * common + freedom * variances) / total), lent + freedom


def fit_variance_prior(variances: Floats, freedom: Floats) -> VariancePrior:
    """The prior that the `variances` (n,), of `freedom` (n,) degrees each, were drawn from.

    Variances of 0 say nothing of the others and are left out. Each variance is put on the normal scale by
    the law that it should have; cut there, the mean and the mean square must be those of a normal (proposal 2
    of Huber 1964, Robust estimation of a location parameter, Ann. Math. Statist. 35, 73). Rows that are
    still improbable are left out and the rest is fitted again.

    >>> quiet = fit_variance_prior(np.array([1.0, 2.0, 0.5, 1.5, 0.7, 1.1]), np.full(6, 4.0))
    >>> round(quiet.variance, 2), quiet.freedom
    (1.26, 24.0)
    """
    usable = (variances > 0) & (freedom > 0)
    values, free = variances[usable], freedom[usable].astype(float)
    if len(values) < ROWS_MIN:
        return VariancePrior(0.0, 0.0, len(values))
    prior = _fit(*_thinned(values, free), _CUT)
    for _ in range(5):
        beyond = fdtrc(free, prior.freedom, values / prior.variance)
        kept = beyond * len(values) >= _OUTLIER
        is_settled = kept.all() or kept.sum() < max(ROWS_MIN, len(values) / 2)
        if not is_settled:
            values, free = values[kept], free[kept]
        prior = _fit(*_thinned(values, free), _CUT_AFTER)
        if is_settled:
            break
    # a common variance is itself known no better than all runs together know it
    lent = min(prior.freedom, float(free.sum()))
    return VariancePrior(prior.variance, lent, int(usable.sum()))


def _thinned(values: Floats, freedom: Floats) -> tuple[Floats, Floats]:
    if len(values) <= _ROWS_MAX:
        return values, freedom
    order = np.lexsort((values, freedom))
    picks = order[np.linspace(0, len(order) - 1, _ROWS_MAX).round().astype(int)]
    return values[picks], freedom[picks]


def _mean_square(cut: float) -> float:
    """Of a standard normal that is cut at `cut`."""
    density = np.exp(-(cut**2) / 2) / np.sqrt(2 * np.pi)
    return float(1 - 2 * cut * density - 2 * (1 - cut**2) * ndtr(-cut))


def _fit(values: Floats, freedom: Floats, cut: float) -> VariancePrior:
    """Location for each level of freedom, then the level whose scores scatter as they should."""
    due, count = _mean_square(cut), len(values)
    start = float(np.median(np.log(values) - psi(freedom / 2) + np.log(freedom / 2)))
    at = {"location": start}

    def excess(log_level: float) -> float:
        at["location"], scores = _location(values, freedom, float(np.exp(log_level)), cut, at["location"])
        return float(scores @ scores) / (count - 1) - due

    low, high = float(np.log(_FREEDOM_LEAST)), float(np.log(FREEDOM_MAX))
    # what still scatters too little with infinitely many degrees of freedom has them, and the other way round
    level = high
    if (at_most := excess(high)) > 0:
        at_least = excess(low)
        level = low if at_least >= 0 else _root(excess, (low, at_least), (high, at_most), _LEVEL_ERROR)
        excess(level)
    return VariancePrior(float(np.exp(at["location"])), float(np.exp(level)), count)


def _location(
    values: Floats, freedom: Floats, level: float, cut: float, start: float
) -> tuple[float, Floats]:
    """The logarithm of the common variance under `level` degrees of freedom, and the scores (n,) there."""

    def scores(location: float) -> Floats:
        below = fdtr(freedom, level, values * math.exp(-location))
        # np.clip and mean do the same at twice the price, and this is asked thousands of times
        normal = ndtri(np.minimum(np.maximum(below, 1e-300), 1 - 1e-16))
        return np.asarray(np.minimum(np.maximum(normal, -cut), cut))

    def mean_score(location: float) -> float:
        return -float(np.add.reduce(scores(location))) / len(values)

    low = high = start
    step, at_low = 0.5, mean_score(start)
    at_high = at_low
    while at_low > 0:
        high, at_high = low, at_low
        low, step = low - step, 2 * step
        at_low = mean_score(low)
    while at_high < 0:
        low, at_low = high, at_high
        high, step = high + step, 2 * step
        at_high = mean_score(high)
    location = low if low == high else _root(mean_score, (low, at_low), (high, at_high), _LOCATION_ERROR)
    return location, scores(location)


def _root(
    rising: Callable[[float], float], low: tuple[float, float], high: tuple[float, float], error: float
) -> float:
    """Where a `rising` function is 0, between two points (x, value) of unlike sign, to an `error` in x.

    The false position with the Illinois correction (Dowell and Jarratt 1971).
    """
    (a, at_a), (b, at_b) = low, high
    x = a
    for _ in range(40):
        before, x = x, b - at_b * (b - a) / (at_b - at_a) if at_b > at_a else (a + b) / 2
        if abs(x - before) < error or at_b <= at_a:
            break
        value = rising(x)
        if value > 0:
            b, at_b, at_a = x, value, at_a / (1.0 if before == a else 2.0)
        elif value < 0:
            a, at_a, at_b = x, value, at_b / (1.0 if before == b else 2.0)
        else:
            break
    return x
