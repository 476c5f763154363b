"""What a few runs say of a configuration's true mean, on the scale where noise is a factor.

Few runs estimate their own variance badly, so variances are moderated (Smyth 2004): each is drawn towards
the fleet's by as many degrees of freedom as the spread of the variances over the fleet supports, and the
tails are those of a t distribution with what that gives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, polygamma

from .samples import Flags, Floats, Ints

#: More prior degrees of freedom than this are as good as infinitely many.
_FREEDOM_MAX = 1000.0
_CONFIGURATIONS_MIN = 4


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


def estimate(samples: list[Floats]) -> tuple[Means, Scale]:
    """The means of configurations with at least two runs each, and the scale they are on."""
    runs = np.array([len(x) for x in samples])
    rows = np.concatenate(samples)
    scale = Scale(np.all(rows > 0, axis=0))
    starts = np.concatenate([[0], np.cumsum(runs)[:-1]])
    means = np.add.reduceat(rows, starts, axis=0) / runs[:, None]
    return fit(scale.forward(means), _covariances(scale.forward(rows), starts, runs), runs), scale


def fit(location: Floats, covariance: Floats, runs: Ints) -> Means:
    """Moderate the runs' own covariances (N, d, d), each of runs - 1 degrees of freedom."""
    own = (runs - 1).astype(np.float64)
    prior = _prior_freedom(np.diagonal(covariance, axis1=1, axis2=2), own)
    pooled = np.average(covariance, axis=0, weights=own)
    weights = (own / (own + prior))[:, None, None]
    return Means(location, weights * covariance + (1 - weights) * pooled, own + prior, runs)


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


def _prior_freedom(variances: Floats, own: Floats) -> float:
    """How many degrees of freedom the fleet lends to each variance (N, d); 0 if there are too few to tell."""
    found = []
    for column in variances.T:
        usable = column > 0
        if usable.sum() < _CONFIGURATIONS_MIN:
            continue
        half = own[usable] / 2
        logs = np.log(column[usable]) - digamma(half) + np.log(half)
        excess = np.var(logs, ddof=1) - np.mean(polygamma(1, half))
        found.append(2 * _inverse_trigamma(excess) if excess > 0 else _FREEDOM_MAX)
    return min(float(np.median(found)), _FREEDOM_MAX) if found else 0.0


def _inverse_trigamma(value: float) -> float:
    """x with trigamma(x) = value, by Newton's method on 1 / trigamma (Smyth 2004, appendix)."""
    x = 0.5 + 1.0 / value
    for _ in range(50):
        current = float(polygamma(1, x))
        step = current * (1 - current / value) / float(polygamma(2, x))
        x += step
        if abs(step) < 1e-8 * x:
            break
    return x


def quantile_replicates(
    runs: Floats, quantile: float, scale: Scale, rng: np.random.Generator, count: int
) -> npt.NDArray[np.float64]:
    """(count, d): Bayesian bootstrap of a quantile of the runs (m, d), a weight vector for all objectives.

    The bootstrap understates the variance by (m - 1) / (m + 1), so deviations are widened by that much.
    """
    m, d = runs.shape
    logs = scale.forward(runs)
    weights = rng.dirichlet(np.ones(m), count)
    out = np.empty((count, d))
    for k in range(d):
        order = np.argsort(logs[:, k], kind="stable")
        centre = np.interp(quantile, (np.arange(m) + 0.5) / m, logs[order, k])
        cumulated = np.cumsum(weights[:, order], axis=1)
        middles = cumulated - weights[:, order] / 2
        found = [np.interp(quantile, middle, logs[order, k]) for middle in middles]
        out[:, k] = centre + (np.array(found) - centre) * np.sqrt((m + 1) / (m - 1))
    return scale.back(out)
