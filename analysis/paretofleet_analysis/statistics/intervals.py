"""Intervals for a handful of runs and for quantiles of iterations; nothing where nothing can be said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paretofleet_analysis.special_functions import bdtr, stdtrit
from paretofleet_analysis.statistics.resolution import grid_step, rounding_reach
from paretofleet_analysis.statistics.variance_prior import VariancePrior

CONFIDENCE = 0.95
#: Fewer runs give no interval: two runs leave a t quantile of 12.7, which helps nobody.
RUNS_MIN = 3
#: What Student's quantile is multiplied by. Runs that stop when their interval is narrow stop too often on a
#: spread that is small by luck: plain intervals cover 90 to 94 % of such sweeps, these 93 to 97 %.
#: `bench/coverage.py` prints the table; a factor below 1.15 or above 1.2 leaves that range for some noise.
STOPPING_FACTOR = 1.18
#: The same where rows share their variances is 1 + 0.25 * sqrt(own share of the degrees of freedom): a shared
#: spread is rarely small by luck.
_SHARED_FACTOR = 0.25


Reals = float | int | np.ndarray


@dataclass(frozen=True)
class Estimate:
    """A mean over runs with the ends of its 95 % interval; the ends are None where none can be given.

    `holds_drift`: what drift between blocks did to all rows of a device is in the mean and the interval.
    """

    mean: float | None
    lo: float | None
    hi: float | None
    runs: int
    holds_drift: bool = True

    @property
    def half_width(self) -> float | None:
        """Half the interval's length, in the unit of the mean."""
        return None if self.lo is None or self.hi is None else (self.hi - self.lo) / 2


def check_confidence(confidence: float) -> float:
    """The `confidence` of an interval; ValueError unless it is a share, above 0 and below 1."""
    if not isinstance(confidence, (int, float)) or not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence is {confidence!r}; give a share below 1, such as 0.95")
    return float(confidence)


def check_values(values: np.ndarray) -> np.ndarray:
    """The `values` (n,); ValueError naming the first that is NaN or infinite, or that they are no list."""
    if values.ndim != 1:
        raise ValueError(f"values have the shape {values.shape}; give one list of numbers")
    wild = np.flatnonzero(~np.isfinite(values))
    if len(wild):
        raise ValueError(f"value {int(wild[0])} is {values[wild[0]]}, not a finite number; leave it out")
    return values


def log_reach(
    spread: Reals, runs: Reals, *, confidence: float = CONFIDENCE, freedom: Reals | None = None
) -> Reals:
    """How far the interval of a mean reaches on the log scale, to either side.

    `spread`: standard deviation of the logarithms of the runs' values; `runs`: how many. Both may be arrays.
    `confidence`: of the interval. `freedom`: the degrees of freedom of the spread, if it is shared with other
    rows (`variance_prior.shared_spreads`); runs - 1 otherwise. `factor * t(freedom) * spread / sqrt(runs)`.

    >>> round(float(log_reach(0.02, 5)), 5)
    0.0293
    """
    check_confidence(confidence)
    seen = np.asarray(runs, dtype=float) - 1
    total = seen if freedom is None else np.asarray(freedom, dtype=float)
    shared = 1 + _SHARED_FACTOR * np.sqrt(seen / total)
    factor = np.where(total > seen, np.minimum(shared, STOPPING_FACTOR), STOPPING_FACTOR)
    student = stdtrit(total, (1 + confidence) / 2)
    return np.asarray(factor * student * np.asarray(spread) / np.sqrt(runs))


def mean_interval(
    values: Sequence[float | None],
    *,
    confidence: float = CONFIDENCE,
    prior: VariancePrior | None = None,
    resolution: float | None = None,
) -> Estimate:
    """The mean of the runs' own `values` with its interval, which allows for the rule that stopped the runs.

    `confidence`: of the interval. `prior`: what the rows of the device lend one another, if they are enough.
    `resolution`: the width of the uniform error that a clock's tick or a sensor's step leaves in each value,
    in their unit; None takes the grid on which the values stand (`resolution.grid_step`).
    `exp(log(mean) -+ log_reach)`: Student's interval (Georges, Buytaert,
    Eeckhout, OOPSLA 2007) where noise is multiplicative, so the ends stay positive, inflated for the
    stop, and as far as what all values may share of their rounding. None among the values are runs without
    one. Below three runs, or with a value that is not positive, there is a mean and no interval; nor where
    all values are the same in every digit: they are copies, and say nothing of a spread. A fixed number of
    runs makes it cover more than it says (96.7 % with 5, 97.7 % with 20, normal noise); very skewed noise
    less (exponential: 86 to 91 %), and so do runs that resemble their predecessors. Raises ValueError for
    NaN, infinities and a confidence that is no share.

    >>> estimate = mean_interval([0.9, 1.0, 1.1, 1.0, 1.0])
    >>> round(estimate.mean, 3), round(estimate.lo, 3), round(estimate.hi, 3), estimate.runs
    (1.0, 0.901, 1.11, 5)
    >>> stepped = mean_interval([0.01] * 5, resolution=0.001)
    >>> round(stepped.lo, 4), round(stepped.hi, 4)
    (0.0095, 0.0105)
    >>> mean_interval([2.0, None])
    Estimate(mean=2.0, lo=None, hi=None, runs=1, holds_drift=True)
    """
    check_confidence(confidence)
    present = check_values(np.array([value for value in values if value is not None], dtype=float))
    if present.size == 0:
        return Estimate(None, None, None, 0)
    mean = float(present.mean())
    if present.size < RUNS_MIN or present.min() <= 0:
        return Estimate(mean, None, None, int(present.size))
    is_constant = present.min() == present.max()
    if is_constant:
        mean = float(present[0])
    spread, freedom = (0.0, 1.0) if is_constant and prior is None else spread_of(present, prior)
    step = grid_step(present) if resolution is None else resolution
    if spread == 0 and not step:
        return Estimate(mean, None, None, int(present.size))
    noise = 0.0 if is_constant else float(present.std(ddof=1))
    shared = float(rounding_reach(step or 0.0, noise, confidence)) / mean
    own = float(log_reach(spread, present.size, confidence=confidence, freedom=freedom))
    reach = math.exp(math.hypot(own, shared))
    return Estimate(mean, mean / reach, mean * reach, int(present.size))


def spread_of(values: np.ndarray, prior: VariancePrior | None = None) -> tuple[float, float]:
    """The standard deviation of the logarithms of positive `values` (n,), with what the `prior` lends; and
    its degrees of freedom.
    """
    own, freedom = float(np.log(values).var(ddof=1)), values.size - 1.0
    if prior is None or prior.freedom == 0:
        return math.sqrt(own), freedom
    variance, total = prior.moderated(np.array([own]), np.array([freedom]))
    return math.sqrt(float(variance[0])), float(total[0])


def quantile_is_supported(n: int, q: float, *, confidence: float = CONFIDENCE) -> bool:
    """Whether `n` independent values support an interval for the quantile `q` without a distribution.

    `confidence`: of the interval. The widest such interval, smallest to largest value, covers with `1 - q**n
    - (1 - q)**n`. At 95 % that needs 6 values for the median, 29 for the 90th percentile and 299 for the
    99th. Raises ValueError unless `q` and `confidence` are shares between 0 and 1.

    >>> [next(n for n in range(1, 400) if quantile_is_supported(n, q)) for q in (0.5, 0.9, 0.99)]
    [6, 29, 299]
    """
    check_confidence(confidence)
    if not 0.0 < q < 1.0:
        raise ValueError(f"q is {q!r}; give a share between 0 and 1, such as 0.9")
    return bool(n > 0 and 1 - q**n - (1 - q) ** n >= confidence)


def quantile(values: np.ndarray, q: float) -> float | None:
    """The quantile `q` of `values`, median-unbiased; None where `quantile_is_supported` says no.

    Hyndman and Fan (1996), definition 8.

    >>> quantile(np.arange(1.0, 8.0), 0.5)
    4.0
    >>> quantile(np.arange(1.0, 8.0), 0.99) is None
    True
    """
    if not quantile_is_supported(values.size, q):
        return None
    check_values(values)
    return float(np.quantile(values, q, method="median_unbiased"))


def quantile_interval(
    values: np.ndarray, q: float, *, confidence: float = CONFIDENCE
) -> tuple[float, float] | None:
    """The shortest pair of order statistics that covers the quantile `q`; None where `values` are too few.

    `confidence`: of the cover. The pair (l, u) covers with `P(l <= K < u)`, K binomial(n, q) (David and
    Nagaraja 2003, Order Statistics). It needs no distribution, but it needs independence, which consecutive
    iterations do not quite have.

    >>> quantile_interval(np.arange(1.0, 7.0), 0.5)
    (1.0, 6.0)
    >>> quantile_interval(np.arange(1.0, 6.0), 0.5) is None
    True
    """
    n = check_values(values).size
    if not quantile_is_supported(n, q, confidence=confidence):
        return None
    below = np.concatenate([[0.0], bdtr(np.arange(n), n, q)])  # below[k] = P(K < k), k = 0..n
    lows = np.arange(1, n + 1)
    highs = np.searchsorted(below, below[lows] + confidence - 1e-12)
    possible = highs <= n
    lows, highs = lows[possible], highs[possible]
    lengths = highs - lows
    shortest = np.flatnonzero(lengths == lengths.min())
    centre = shortest[np.argmin(np.abs((lows[shortest] + highs[shortest]) / 2 - n * q))]
    ordered = np.sort(values)
    return float(ordered[lows[centre] - 1]), float(ordered[highs[centre] - 1])
