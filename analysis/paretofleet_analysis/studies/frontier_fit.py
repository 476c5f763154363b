"""The parameters of a stochastic frontier: the most likely ones, and what the runs leave open of them."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from . import ensemble, frontier_likelihood
from .frontier_likelihood import Floats, UnitRuns

#: Shares of the residuals' deviation that the two deviations start from.
_SHARES = (0.1, 0.3, 0.6, 0.95)
#: Logarithms of deviations beyond this are none that a computer tells apart.
_LOG_MAX = 40.0
_BAD = 1e12
#: Of all starts the likeliest so many are followed.
_TRIES = 4
_WALKERS, _STEPS, _MOMENTS = 48, 600, 25


def greatest(runs: UnitRuns, law: str, coefficients: Floats, sigma: float) -> tuple[Floats, float]:
    """The parameters (k + 2,) under which the `runs` are likeliest by a `law`, and the logarithm of that.

    `coefficients` (k,) and `sigma` are those of the plain regression, from which the searches start. Each
    start moves the frontier to where the mean of its inefficiency is allowed for.
    """

    def loss(parameters: Floats) -> float:
        if (np.abs(parameters[-2:]) > _LOG_MAX).any():
            return _BAD
        value = float(frontier_likelihood.log_likelihood(runs, parameters, law))
        return -value if np.isfinite(value) else _BAD

    def slope(parameters: Floats) -> Floats:
        shifts = np.diag(1e-6 * np.maximum(1.0, np.abs(parameters)))
        with np.errstate(all="ignore"):
            values = frontier_likelihood.log_likelihood(
                runs, parameters + np.concatenate([shifts, -shifts]), law
            )
        up, down = np.split(values, 2)
        return np.asarray(np.nan_to_num((down - up) / (2.0 * shifts.diagonal())))

    mean = np.sqrt(2.0 / np.pi) if law == "half-normal" else 1.0
    starts = []
    for share in _SHARES:
        for noise in _SHARES:
            start = np.r_[coefficients, np.log(sigma * share), np.log(sigma * noise)]
            start[0] -= sigma * share * mean
            starts.append(start)
    hopeful = sorted(starts, key=loss)[:_TRIES]
    options = {"gtol": 1e-7}
    tries = [minimize(loss, start, jac=slope, method="BFGS", options=options) for start in hopeful]
    best = min(tries, key=lambda each: float(each.fun))
    return np.asarray(best.x), -float(best.fun)


def standard_errors(runs: UnitRuns, law: str, best: Floats) -> Floats:
    """(k + 2,) standard errors of the parameters `best` of the `runs` by a `law`; NaN where it is no peak."""
    shifts = np.diag(1e-4 * np.maximum(1.0, np.abs(best)))
    size = len(best)
    curvature = np.empty((size, size))
    for i, a in enumerate(shifts):
        for j, b in enumerate(shifts):
            corners = np.array([best + a + b, best - a - b, best + a - b, best - a + b])
            up, down, *mixed = frontier_likelihood.log_likelihood(runs, corners, law)
            curvature[i, j] = (sum(mixed) - up - down) / (4.0 * a[i] * b[j])
    try:
        variances = np.diag(np.linalg.inv(curvature))
    except np.linalg.LinAlgError:
        return np.full(size, np.nan)
    return np.sqrt(np.where(variances > 0, variances, np.nan))


def bounds(
    runs: UnitRuns, law: str, best: Floats, *, confidence: float, seed: int
) -> tuple[Floats, Floats, Floats]:
    """(N,) the mean of exp(-u) and bounds that hold it with `confidence`, whatever is open of the parameters.

    Parameters are drawn from their law given the `runs`, from around the `best` on, with a prior that is flat
    in the coefficients and in both deviations; then each unit's u from its own `law`. `seed` is of all draws.
    """

    def log_density(points: Floats) -> Floats:
        with np.errstate(all="ignore"):
            value = frontier_likelihood.log_likelihood(runs, points, law) + points[:, -2:].sum(axis=1)
        is_wild = (np.abs(points[:, -2:]) > _LOG_MAX).any(axis=1) | ~np.isfinite(value)
        return np.where(is_wild, -np.inf, value)

    rng = np.random.default_rng([seed, 1])
    scale = np.r_[np.full(len(best) - 2, np.exp(best[-1])), 0.2, 0.2]
    start = best + 0.3 * scale * rng.normal(size=(_WALKERS, len(best)))
    start[:, -2] = np.maximum(start[:, -2], best[-1] - 3.0 + 0.2 * rng.normal(size=_WALKERS))
    draws = ensemble.sample(log_density, start, steps=_STEPS, keep=_MOMENTS, seed=seed)
    left = frontier_likelihood.inefficiencies(runs, draws, law)
    efficiency = np.exp(-frontier_likelihood.quantile(left, rng.random(left.center.shape)))
    tail = 0.5 * (1.0 - confidence)
    low, high = np.quantile(efficiency, [tail, 1.0 - tail], axis=0)
    return efficiency.mean(axis=0), low, high
