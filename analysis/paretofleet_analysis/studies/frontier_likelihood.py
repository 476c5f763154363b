"""What a stochastic frontier says of the runs of units: likelihoods, and what is left to know of each unit.

A unit's runs lie above its cost frontier by one inefficiency u >= 0, the same in all its runs, and by noise
of each run: epsilon_t = u + v_t, v normal. Given the parameters u is a normal truncated at 0, for both laws
of u. Sources: Aigner, Lovell, Schmidt 1977; Battese, Coelli 1988 for repeated runs; Jondrow, Lovell, Materov,
Schmidt 1982 for the truncated normal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from paretofleet_analysis.special_functions import log_ndtr, ndtri_exp

Floats = np.ndarray
LAWS = ("half-normal", "exponential")


@dataclass(frozen=True)
class UnitRuns:
    """What is needed of the runs of N units, on the log scale.

    `counts` (N,) runs, their `means` (N,) and the sum of squares `within` (N,) about them; `regressors`
    (N, k) with a column of ones.
    """

    counts: Floats
    means: Floats
    within: Floats
    regressors: Floats


@dataclass(frozen=True)
class Inefficiencies:
    """The normals of `center` and `spread`, (..., N) each, which truncated at 0 are the laws of u."""

    center: Floats
    spread: Floats


def parts(parameters: Floats) -> tuple[Floats, Floats, Floats]:
    """Coefficients (..., k), sigma_u and sigma_v (..., 1) of `parameters` (..., k + 2), the last two logs."""
    scales = np.exp(parameters[..., -2:])
    return parameters[..., :-2], scales[..., :1], scales[..., 1:]


def inefficiencies(runs: UnitRuns, parameters: Floats, law: str) -> Inefficiencies:
    """What the `runs` leave open of each unit's u by a `law` of `LAWS`; `parameters` as for `parts`."""
    coefficients, sigma_u, sigma_v = parts(parameters)
    excess = runs.means - coefficients @ runs.regressors.T
    if law == "half-normal":
        total = sigma_v**2 + runs.counts * sigma_u**2
        return Inefficiencies(
            sigma_u**2 * runs.counts * excess / total, sigma_u * sigma_v / np.sqrt(total) + 0.0 * excess
        )
    spread = sigma_v / np.sqrt(runs.counts)
    return Inefficiencies(excess - spread**2 / sigma_u, spread + 0.0 * excess)


def log_likelihood(runs: UnitRuns, parameters: Floats, law: str) -> Floats:
    """(...) the log-likelihood of `parameters` (..., k + 2), given `runs` and a `law` of `LAWS`."""
    coefficients, sigma_u, sigma_v = parts(parameters)
    excess = runs.means - coefficients @ runs.regressors.T
    noise = (
        -0.5 * runs.counts * np.log(2 * np.pi)
        - runs.counts * np.log(sigma_v)
        - 0.5 * runs.within / sigma_v**2
    )
    left = inefficiencies(runs, parameters, law)
    ratio = left.center / left.spread
    if law == "half-normal":
        unit = (
            np.log(2.0)
            + np.log(left.spread / sigma_u)
            - 0.5 * runs.counts * excess**2 / sigma_v**2
            + 0.5 * ratio**2
        )
    else:
        unit = (
            0.5 * np.log(2 * np.pi)
            + np.log(left.spread / sigma_u)
            - excess / sigma_u
            + 0.5 * (left.spread / sigma_u) ** 2
        )
    return np.asarray((noise + unit + log_ndtr(ratio)).sum(axis=-1))


def without_inefficiency(runs: UnitRuns) -> tuple[Floats, float, float]:
    """The plain regression of all runs: coefficients (k,), sigma_v and its log-likelihood."""
    root = np.sqrt(runs.counts)[:, None]
    coefficients = np.linalg.lstsq(runs.regressors * root, runs.means * root[:, 0], rcond=None)[0]
    residuals = runs.means - runs.regressors @ coefficients
    total = float(runs.counts.sum())
    variance = float((runs.within + runs.counts * residuals**2).sum() / total)
    return coefficients, float(np.sqrt(variance)), -0.5 * total * (np.log(2 * np.pi * variance) + 1.0)


def expected(left: Inefficiencies) -> Floats:
    """E[u] of what is `left`, the estimate of Jondrow, Lovell, Materov and Schmidt."""
    ratio = left.center / left.spread
    away = np.exp(-0.5 * ratio**2 - 0.5 * np.log(2 * np.pi) - log_ndtr(ratio))
    return np.asarray(left.center + left.spread * away)


def expected_efficiency(left: Inefficiencies) -> Floats:
    """E[exp(-u)] of what is `left`, the efficiency of Battese and Coelli."""
    ratio = left.center / left.spread
    shift = log_ndtr(ratio - left.spread) - log_ndtr(ratio)
    return np.asarray(np.exp(-left.center + 0.5 * left.spread**2 + shift))


def quantile(left: Inefficiencies, level: Floats | float) -> Floats:
    """The u below which lies the share `level` of the law that is `left`.

    >>> float(quantile(Inefficiencies(np.array([0.0]), np.array([1.0])), 0.5).round(4)[0])
    0.6745
    """
    ratio = left.center / left.spread
    above = log_ndtr(ratio) + np.log1p(-np.asarray(level))
    return np.asarray(np.maximum(left.center - left.spread * ndtri_exp(above), 0.0))
