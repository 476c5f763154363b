"""Stochastic frontier analysis: how far a unit lies from a frontier that is itself estimated, beside noise.

ln cost = b0 + sum b_k ln x_k + u + v: v is noise between runs, u >= 0 the unit's own inefficiency and exp(-u)
its efficiency; where more is better, ln gain = b0 + ... - u + v. In the spirit of arXiv 2202.09275, whose
equations are not known here: this is our own reading of its random frontier. Sources: Aigner, Lovell, Schmidt
1977; Battese, Coelli 1988; the rest in `frontier_likelihood`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from paretofleet_analysis.special_functions import chdtrc

from . import frontier_fit, frontier_likelihood
from .frontier_likelihood import LAWS, Floats, UnitRuns

Law = Literal["half-normal", "exponential"]
Direction = Literal["cost", "gain"]
#: A log-likelihood that grows by less than this has found no inefficiency.
_NOTHING = 1e-4


@dataclass(frozen=True)
class StochasticFrontier:
    """A fitted frontier. `coefficients` (k + 1,) begins with b0; `coefficient_errors` are standard errors.

    `sigma_u`, `sigma_v`: deviations of the inefficiency's law before truncation (of the exponential law: its
    mean) and of the noise, on the log scale. `efficiency` (N,) is E[exp(-u)], `jondrow` exp(-E[u]), both at
    the parameters of the greatest likelihood. With the doubt about the parameters included `expected` (N,) is
    the mean of exp(-u), and `low` and `high` (N,) hold it with the asked confidence. `p_value` is of the test
    that there is no inefficiency at all. Where `has_inefficiency` is false none was detected, every
    efficiency is 1 and `low` says what may be.
    """

    law: str
    coefficients: Floats
    coefficient_errors: Floats
    sigma_u: float
    sigma_v: float
    log_likelihood: float
    p_value: float
    has_inefficiency: bool
    efficiency: Floats
    jondrow: Floats
    expected: Floats
    low: Floats
    high: Floats


def fit(
    runs: Sequence[Sequence[float]] | Sequence[Floats],
    regressors: Sequence[Sequence[float]] | Floats,
    *,
    direction: Direction = "cost",
    law: Law = "half-normal",
    confidence: float = 0.95,
    seed: int = 1,
) -> StochasticFrontier:
    """The frontier of N units.

    `runs` holds for each unit one response per run, positive: a cost (`direction` "cost") or a gain.
    `regressors` (N, k), positive, is what the response is expected to depend on; `law` is that of u.
    `confidence` lies between 0 and 1, `seed` is of the draws behind the bounds. ValueError for other
    values, and where there are fewer than k + 4 units.

    >>> units = [[2.0, 2.02], [3.0, 3.01], [2.2, 2.21], [4.4, 4.38], [2.5, 2.51], [2.1, 2.09]]
    >>> fit(units, [[1.0], [1.0], [1.1], [1.1], [1.2], [1.0]]).has_inefficiency
    True
    """
    units = _checked(runs, regressors, direction, law, confidence)
    coefficients, sigma, plain = frontier_likelihood.without_inefficiency(units)
    best, value = frontier_fit.greatest(units, law, coefficients, sigma)
    sign = 1.0 if direction == "cost" else -1.0
    has_any = value > plain + _NOTHING and not _is_skewed_wrongly(units, coefficients)
    ratio = 2.0 * max(value - plain, 0.0)
    errors = frontier_fit.standard_errors(units, law, best)
    expected, low, high = frontier_fit.bounds(units, law, best, confidence=confidence, seed=seed)
    left = frontier_likelihood.inefficiencies(units, best, law)
    ones = np.ones(len(units.counts))
    return StochasticFrontier(
        law=law,
        coefficients=sign * (best[:-2] if has_any else coefficients),
        coefficient_errors=errors[:-2],
        sigma_u=float(np.exp(best[-2])) if has_any else 0.0,
        sigma_v=float(np.exp(best[-1])) if has_any else sigma,
        log_likelihood=value if has_any else plain,
        p_value=0.5 * float(chdtrc(1, ratio)) if has_any else 1.0,
        has_inefficiency=has_any,
        efficiency=frontier_likelihood.expected_efficiency(left) if has_any else ones,
        jondrow=np.exp(-frontier_likelihood.expected(left)) if has_any else ones,
        expected=expected if has_any else ones,
        low=low,
        high=high if has_any else ones,
    )


def _is_skewed_wrongly(units: UnitRuns, coefficients: Floats) -> bool:
    """Whether single runs lean away from inefficiency; where runs are repeated they tell the noise apart."""
    if (units.counts > 1).any():
        return False
    residuals = units.means - units.regressors @ coefficients
    return float(np.sum((residuals - residuals.mean()) ** 3)) <= 0.0


def _checked(
    runs: Sequence[Sequence[float]] | Sequence[Floats],
    regressors: Sequence[Sequence[float]] | Floats,
    direction: str,
    law: str,
    confidence: float,
) -> UnitRuns:
    if direction not in ("cost", "gain"):
        raise ValueError(f"direction is {direction!r}; give 'cost' or 'gain'")
    if law not in LAWS:
        raise ValueError(f"law is {law!r}; give 'half-normal' or 'exponential'")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence is {confidence}; give a share between 0 and 1, such as 0.95")
    table = np.asarray(regressors, dtype=np.float64)
    arrays = [np.asarray(unit, dtype=np.float64) for unit in runs]
    if table.ndim != 2 or len(table) != len(arrays):
        raise ValueError(
            f"regressors have the shape {table.shape}; give a row for each of {len(arrays)} units"
        )
    if len(arrays) < table.shape[1] + 4:
        raise ValueError(
            f"{len(arrays)} units are too few for {table.shape[1]} regressors; give {table.shape[1] + 4}"
        )
    for number, values in enumerate([*arrays, table.ravel()]):
        if values.ndim != 1 or not values.size or not np.isfinite(values).all() or (values <= 0).any():
            what = f"unit {number}" if number < len(arrays) else "a regressor"
            raise ValueError(f"{what} is empty or holds what is not finite and positive")
    sign = 1.0 if direction == "cost" else -1.0
    logs = [sign * np.log(values) for values in arrays]
    means = np.array([log.mean() for log in logs])
    return UnitRuns(
        np.array([float(len(log)) for log in logs]),
        means,
        np.array([float(((log - mean) ** 2).sum()) for log, mean in zip(logs, means, strict=True)]),
        np.c_[np.ones(len(table)), np.log(table)],
    )
