"""What a few runs say of a configuration's true mean, on the scale where noise is a factor.

Few runs estimate their own variance badly, so variances are moderated: each is drawn towards that of its
group (`fleet_prior`) by as many degrees of freedom as the spread of the variances over the group supports,
and the tails are those of a t distribution with what that gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from paretofleet_analysis.special_functions import bdtr, ndtr

from .fleet_prior import FleetPrior, correlations, fit_fleet_prior
from .samples import Flags, Floats, Ints
from .winsorised_runs import winsorise

#: How often outlying runs are looked for, at most.
_PASSES = 3
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
    `covariance` of one run (N, d, d), its degrees of `freedom` (N,), the number of `runs` (N,), and the
    `prior` by which it was moderated.
    """

    location: Floats
    covariance: Floats
    freedom: Floats
    runs: Ints
    prior: FleetPrior

    def subset(self, chosen: Flags) -> Means:
        """The same of the configurations that are `chosen` (N,)."""
        return Means(
            self.location[chosen],
            self.covariance[chosen],
            self.freedom[chosen],
            self.runs[chosen],
            self.prior.subset(chosen),
        )

    @property
    def is_noisy(self) -> Flags:
        """(N,) whose noise is so unlike its group's that it borrows less than half of what others do."""
        lent = self.freedom - (self.runs - 1)
        most = np.zeros(len(self.prior.variances))
        np.maximum.at(most, self.prior.group, lent)
        return np.asarray(lent < 0.5 * most[self.prior.group])

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


def estimate(
    samples: list[Floats], *, of_scaled: bool = False, noise_groups: Sequence[Ints] = ()
) -> tuple[Means, Scale]:
    """The means of `samples` (N arrays (m_i, d)), at least two runs each, and the scale they are on.

    `of_scaled`: the means of the values on the working scale, which are the medians of log-normal ones.
    `noise_groups`: whole numbers (N,) of what may share its noise, the finest first; see `fit_fleet_prior`.
    """
    runs = np.array([len(x) for x in samples])
    rows = np.concatenate(samples)
    scale = Scale(np.all(rows > 0, axis=0))
    starts = np.concatenate([[0], np.cumsum(runs)[:-1]])
    measured = scaled = scale.forward(rows)
    seen = _covariances(scaled, starts, runs)
    prior = fit_fleet_prior(seen, runs - 1.0, noise_groups)
    for _ in range(_PASSES):
        # without what was drawn in so far the prior knows better what is far off
        before, (scaled, drawn_in) = scaled, winsorise(measured, starts, runs, prior)
        if np.array_equal(scaled, before):
            break
        # what is drawn in makes a spread look smaller than it is
        less = np.sqrt((runs[:, None] - 1) / (runs[:, None] - 1 - drawn_in))
        seen = _covariances(scaled, starts, runs) * less[:, :, None] * less[:, None, :]
        prior = fit_fleet_prior(seen, runs - 1.0, noise_groups)
    values = scaled if of_scaled else np.where(scaled == measured, rows, scale.back(scaled))
    means = np.add.reduceat(values, starts, axis=0) / runs[:, None]
    return fit(means if of_scaled else scale.forward(means), seen, runs, prior), scale


def fit(location: Floats, covariance: Floats, runs: Ints, prior: FleetPrior) -> Means:
    """The means at `location` (N, d) with the `covariance` (N, d, d) of their `runs` (N,), each of runs - 1
    degrees of freedom, moderated by the `prior`.
    """
    freedom = (runs - 1).astype(np.float64)
    seen = covariance.diagonal(axis1=1, axis2=2)
    variances, total = prior.moderated(seen, freedom)
    # one run's objectives vary together, so their deviations have one freedom: that of the heavier tails
    weights = (variances > 0) + np.finfo(float).tiny
    together = 1.0 / np.average(1.0 / total, axis=1, weights=weights)
    # of its own correlations a configuration knows less than of its variances
    own = (freedom / (together + covariance.shape[1]))[:, None, None]
    alike = own * correlations(covariance) + (1 - own) * prior.correlation[prior.group]
    deviations = np.sqrt(variances)
    moderated = alike * deviations[:, :, None] * deviations[:, None, :]
    return Means(location, moderated, together, runs, prior)


def roots(matrices: Floats) -> Floats:
    """(N, d, d): the symmetric R with R R' = the matrix, for matrices that may be singular.

    Unlike a root by eigenvectors it does not turn round where a processor rounds another way.
    """
    values, vectors = np.linalg.eigh(matrices)
    varies = matrices.diagonal(axis1=1, axis2=2) > 0.0  # rounding must not move what is constant
    root = (vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]) @ vectors.swapaxes(1, 2)
    return np.asarray(root * varies[:, None, :] * varies[..., None])


def _covariances(rows: Floats, starts: Ints, runs: Ints) -> Floats:
    centred = rows - np.repeat(np.add.reduceat(rows, starts, axis=0) / runs[:, None], runs, axis=0)
    varies = np.maximum.reduceat(rows, starts, axis=0) > np.minimum.reduceat(rows, starts, axis=0)
    centred *= np.repeat(varies, runs, axis=0)
    products = centred[:, :, None] * centred[:, None, :]
    return np.asarray(np.add.reduceat(products, starts, axis=0) / (runs - 1)[:, None, None])


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
