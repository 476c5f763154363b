"""A Gaussian process over members: what is expected of one that nobody has measured, and how unsure that is.

Matern 5/2 over zeros and ones, with a length scale for each value of each parameter, so that two
convolutions can be near each other and far from no operation. The noise of each observation is what its
measurement says; a small nugget stands for what the kernel cannot follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.linalg.lapack import dpotri
from scipy.optimize import minimize

if TYPE_CHECKING:
    from .space import Floats

_ROOT5 = 5**0.5
_JITTER = 1e-8
#: Of the logarithms of length scales, of the variance and of the nugget: where they are expected to be, how
#: far from there, and within which bounds. Values are standardised, and distances are roots of small counts.
_LENGTH, _VARIANCE, _NUGGET = (
    (np.log(2.0), 0.7, (-2.0, 4.0)),
    (0.0, 1.0, (-3.0, 4.0)),
    (np.log(1e-3), 1.5, (np.log(1e-6), 0.0)),
)
_STEPS_MAX = 25


@dataclass(frozen=True)
class Observations:
    """What was measured: `encoded` members (n, w), their `values` (n,), and `variances` (n,) of the noise."""

    encoded: Floats
    values: Floats
    variances: Floats


@dataclass(frozen=True)
class Surrogate:
    """A fitted process; `expect` asks it. `logs` are the logarithms of length scales, variance and nugget."""

    observations: Observations
    logs: Floats
    centre: float
    unit: float
    root: Floats
    weights: Floats

    def covariance(self, encoded: Floats) -> Floats:
        """(m, n) between members `encoded` (m, w) and the observations, in squared units."""
        squares = _squares(encoded, self.observations.encoded, np.exp(-2.0 * self.logs[:-2]))
        return np.asarray(np.exp(self.logs[-2]) * _matern(squares))

    def mean(self, covariance: Floats) -> Floats:
        """(m,) what is expected where the `covariance` (m, n) with the observations is this."""
        return np.asarray(self.centre + self.unit * (covariance @ self.weights))

    def deviation(self, covariance: Floats) -> Floats:
        """(m,) the standard deviation of the same, without the noise of measuring."""
        explained = solve_triangular(self.root, covariance.T, lower=True, check_finite=False)
        left = np.exp(self.logs[-2]) - (explained**2).sum(axis=0)
        return np.asarray(self.unit * np.sqrt(np.maximum(left, 1e-10)))


def fit(observations: Observations) -> Floats:
    """The logarithms of length scales, variance and nugget that explain the `observations` best.

    The maximum of likelihood times prior, by L-BFGS from the prior's middle. Source: Rasmussen, Williams
    2006, Gaussian processes for machine learning, 5.4.1.
    """
    terms = [_LENGTH] * observations.encoded.shape[1] + [_VARIANCE, _NUGGET]
    middle, spread = (np.array([term[k] for term in terms]) for k in (0, 1))
    centre, unit = _standard(observations.values)
    values, noise = (observations.values - centre) / unit, observations.variances / unit**2

    def loss(logs: Floats) -> tuple[float, Floats]:
        value, slope = _negative_likelihood(logs, observations, values, noise)
        off = (logs - middle) / spread
        return value + 0.5 * float(off @ off), slope + off / spread

    bounds = [term[2] for term in terms]
    best = minimize(loss, middle, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": _STEPS_MAX})
    return np.asarray(best.x)


def condition(observations: Observations, logs: Floats) -> Surrogate:
    """The process with these `logs` (of `fit`) given the `observations`."""
    centre, unit = _standard(observations.values)
    reaches = np.exp(-2.0 * logs[:-2])
    covariance = np.exp(logs[-2]) * _matern(_squares(observations.encoded, observations.encoded, reaches))
    covariance[np.diag_indices_from(covariance)] += (
        observations.variances / unit**2 + np.exp(logs[-1]) + _JITTER
    )
    root = cholesky(covariance, lower=True, check_finite=False)
    weights = cho_solve((root, True), (observations.values - centre) / unit, check_finite=False)
    return Surrogate(observations, logs, centre, unit, root, weights)


def _standard(values: Floats) -> tuple[float, float]:
    """The centre and the unit in which the `values` are standard; the unit is 1 where all are the same."""
    spread = float(values.std())
    return float(values.mean()), spread if spread > 0.0 else 1.0


def _squares(first: Floats, second: Floats, reaches: Floats) -> Floats:
    """(m, n) squared distances between encoded members, each column counted by its `reaches` (w,)."""
    scaled = first * reaches
    squares = scaled.sum(axis=1)[:, None] + (second * reaches).sum(axis=1) - 2.0 * scaled @ second.T
    return np.asarray(np.maximum(squares, 0.0))


def _matern(squares: Floats) -> Floats:
    """Matern 5/2 of squared distances."""
    distances = _ROOT5 * np.sqrt(squares)
    return np.asarray((1.0 + distances + distances**2 / 3.0) * np.exp(-distances))


def _negative_likelihood(
    logs: Floats, observations: Observations, values: Floats, noise: Floats
) -> tuple[float, Floats]:
    """Minus the logarithm of the likelihood without its constant, and its slope in each of the `logs`."""
    encoded, reaches = observations.encoded, np.exp(-2.0 * logs[:-2])
    distances = _ROOT5 * np.sqrt(_squares(encoded, encoded, reaches))
    decay = np.exp(logs[-2]) * np.exp(-distances)
    signal = (1.0 + distances + distances**2 / 3.0) * decay
    covariance = signal.copy()
    covariance[np.diag_indices_from(covariance)] += noise + np.exp(logs[-1]) + _JITTER
    root = cholesky(covariance, lower=True, check_finite=False)
    lower, _ = dpotri(root, lower=1)
    inverse = np.tril(lower) + np.tril(lower, -1).T
    weights = inverse @ values
    pull = 0.5 * (inverse - np.outer(weights, weights))
    # the slope in a squared distance; over a column it is a sum over pairs of which one has it
    by_square = pull * (1.0 + distances) * decay * (-5.0 / 6.0)
    columns = 2.0 * (by_square.sum(axis=1) @ encoded - ((by_square @ encoded) * encoded).sum(axis=0))
    lengths = -2.0 * reaches * columns
    last = [(pull * signal).sum(), np.exp(logs[-1]) * np.trace(pull)]
    value = 0.5 * float(values @ weights) + float(np.log(np.diag(root)).sum())
    return value, np.concatenate([lengths, last])
