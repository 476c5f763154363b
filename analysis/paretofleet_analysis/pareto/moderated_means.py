"""What a few runs say of a configuration's true mean, on the scale where noise is a factor.

Few runs estimate their own variance badly, so variances are moderated (Smyth 2004): each is drawn towards
the fleet's by as many degrees of freedom as the spread of the variances over the fleet supports, and the
tails are those of a t distribution with what that gives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr, digamma, ndtr, zeta

from .samples import Flags, Floats, Ints

#: More prior degrees of freedom than this are as good as infinitely many.
_FREEDOM_MAX = 1000.0
_CONFIGURATIONS_MIN = 4
#: Of a 95 % interval, on each side.
_TAIL = 0.025


@dataclass(frozen=True)
class Scale:
    """The logarithm for objectives that are positive in every run, the value itself for the others."""

    logarithmic: Flags

    def forward(self, values: Floats) -> Floats:
        """Values (..., d) on the working scale."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.logarithmic, np.log(values), values)

    def back(self, values: Floats) -> Floats:
        """The inverse of `forward`."""
        with np.errstate(over="ignore"):
            return np.where(self.logarithmic, np.exp(values), values)


@dataclass(frozen=True)
class Means:
    """Of N configurations: the estimated mean `location` (N, d) on the working scale, the moderated
    `covariance` of one run (N, d, d), its degrees of `freedom` (N,), and the number of `runs` (N,).
    """

    location: Floats
    covariance: Floats
    freedom: Floats
    runs: Ints

    @property
    def error(self) -> Floats:
        """(N, d, d): the covariance of `location`."""
        return self.covariance / self.runs[:, None, None]

    def draw(self, rng: np.random.Generator, count: int) -> Floats:
        """(N, count, d) draws of the true means on the working scale, given the runs."""
        size, d = self.location.shape
        normal = rng.standard_normal((size, count, d))
        stretch = np.sqrt(self.freedom[:, None] / rng.chisquare(self.freedom[:, None], (size, count)))
        return self.spread(normal, stretch)

    def spread(self, normal: Floats, stretch: Floats) -> Floats:
        """`location` plus standard normals (N, count, d) times factors (N, count), as far as the runs
        allow.
        """
        return self.location[:, None] + (normal @ roots(self.error).swapaxes(1, 2)) * stretch[..., None]

    @property
    def deviations(self) -> Floats:
        """(N, d): the standard deviations of one run."""
        return np.sqrt(self.covariance.diagonal(axis1=1, axis2=2))

    def uniforms(self, i: int, normal: Floats) -> Floats:
        """(count, d) uniforms, correlated between objectives as configuration i's runs are, by a normal
        copula on standard normals (count, d).
        """
        scaled = normal @ roots(self.covariance[i : i + 1])[0].T
        deviations = self.deviations[i]
        return np.asarray(ndtr(scaled / np.where(deviations > 0, deviations, 1.0)))


def estimate(samples: list[Floats], *, of_scaled: bool = False) -> tuple[Means, Scale]:
    """The means of `samples` (N arrays (m_i, d)), at least two runs each, and the scale they are on.

    `of_scaled`: the means of the values on the working scale, which are the medians of log-normal ones.
    """
    runs = np.array([len(x) for x in samples])
    rows = np.concatenate(samples)
    scale = Scale(np.all(rows > 0, axis=0))
    starts = np.concatenate([[0], np.cumsum(runs)[:-1]])
    scaled = scale.forward(rows)
    means = np.add.reduceat(scaled if of_scaled else rows, starts, axis=0) / runs[:, None]
    location = means if of_scaled else scale.forward(means)
    return fit(location, _covariances(scaled, starts, runs), runs), scale


def fit(location: Floats, covariance: Floats, runs: Ints) -> Means:
    """The means at `location` (N, d) with the `covariance` (N, d, d) of their `runs` (N,) moderated, each of
    runs - 1 degrees of freedom.
    """
    freedom = (runs - 1).astype(np.float64)
    prior = _prior_freedom(np.diagonal(covariance, axis1=1, axis2=2), freedom)
    pooled = np.average(covariance, axis=0, weights=freedom)
    weights = (freedom / (freedom + prior))[:, None, None]
    return Means(location, weights * covariance + (1 - weights) * pooled, freedom + prior, runs)


def roots(matrices: Floats) -> Floats:
    """(N, d, d): R with R R' = the matrix, for matrices that may be singular."""
    values, vectors = np.linalg.eigh(matrices)
    varies = matrices.diagonal(axis1=1, axis2=2) > 0.0  # rounding must not move what is constant
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :] * varies[..., None])


def _covariances(rows: Floats, starts: Ints, runs: Ints) -> Floats:
    centred = rows - np.repeat(np.add.reduceat(rows, starts, axis=0) / runs[:, None], runs, axis=0)
    varies = np.maximum.reduceat(rows, starts, axis=0) > np.minimum.reduceat(rows, starts, axis=0)
    centred *= np.repeat(varies, runs, axis=0)
    products = centred[:, :, None] * centred[:, None, :]
    return np.asarray(np.add.reduceat(products, starts, axis=0) / (runs - 1)[:, None, None])


def _prior_freedom(variances: Floats, freedom: Floats) -> float:
    """How many degrees of freedom the fleet lends to each of the variances (N, d) with theirs (N,); 0 if
    there are too few to tell.
    """
    lent = []
    for column in variances.T:
        usable = column > 0
        if usable.sum() < _CONFIGURATIONS_MIN:
            continue
        half = freedom[usable] / 2
        logs = np.log(column[usable]) - digamma(half) + np.log(half)
        excess = np.var(logs, ddof=1) - np.mean(zeta(2, half))
        lent.append(2 * _inverse_trigamma(excess) if excess > 0 else _FREEDOM_MAX)
    return min(float(np.median(lent)), _FREEDOM_MAX) if lent else 0.0


def _inverse_trigamma(value: float) -> float:
    """x with trigamma(x) = value, by Newton's method on 1 / trigamma (Smyth 2004, appendix).

    Trigamma is the Hurwitz zeta function at 2; its slope is -2 times that at 3.
    """
    x = 0.5 + 1.0 / value
    for _ in range(50):
        current = float(zeta(2, x))
        step = current * (1 - current / value) / (-2.0 * float(zeta(3, x)))
        x += step
        if abs(step) < 1e-8 * x:
            break
    return x


def quantile_by_ranks(
    runs: Floats, quantile: float, uniforms: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64] | None:
    """(count, d): draws of a `quantile` of what m `runs` (m, d) come from, whatever its distribution, by
    `uniforms` (count, d).

    The k-th lowest run is above the quantile unless k or more runs are below it, whose number is binomial:
    that is the draws' distribution at each run, straight between runs. None where the runs are too few for
    a 95 % interval: 6 hold a median, 368 a 99th percentile.
    """
    m = len(runs)
    levels = bdtr(np.arange(m), m, quantile)
    if levels[0] > _TAIL or 1 - levels[-1] > _TAIL:
        return None
    columns = zip(uniforms.T, np.sort(runs, axis=0).T, strict=True)
    return np.column_stack([np.interp(uniform, levels, ordered) for uniform, ordered in columns])
