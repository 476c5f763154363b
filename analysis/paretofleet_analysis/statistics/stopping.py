"""When a configuration has runs enough: the one rule of the collector's schedule and of the simulations.

The rule looks at the interval that the report prints, after every run from the least number on, and stops
when its half-width is small enough. `intervals.log_reach` allows for being looked at that often.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from paretofleet_analysis.statistics.intervals import Reals, log_reach, mean_interval
from paretofleet_analysis.statistics.variance_prior import VariancePrior, fit_variance_prior

#: The least and the most runs for which coverage was tried.
RUNS_MIN, RUNS_MAX = 5, 20
#: Rows of a device from which on they share their variances.
DEVICE_ROWS_MIN = 8


def device_prior(rows: Iterable[Sequence[float]]) -> VariancePrior | None:
    """What the `rows` of a device, each the positive values of its runs, lend one another's variances.

    None below 8 rows with 2 runs or more: fewer say too little of each other.

    >>> device_prior([[1.0, 1.1], [2.0, 2.1]]) is None
    True
    """
    logs = [np.log(values) for values in rows if len(values) >= 2 and min(values) > 0]
    if len(logs) < DEVICE_ROWS_MIN:
        return None
    variances = np.array([values.var(ddof=1) for values in logs])
    prior = fit_variance_prior(variances, np.array([len(values) - 1.0 for values in logs]))
    return prior if prior.freedom > 0 else None


def is_precise(
    values: Sequence[float | None], relative_half_width: float, prior: VariancePrior | None = None
) -> bool:
    """Whether half the length of the mean's 95 % interval is at most `relative_half_width` of the mean.

    `values`: one of each run, None where it has none. `prior`: see `device_prior`.

    >>> is_precise([1.0, 1.01, 0.99, 1.0, 1.02], 0.02)
    True
    >>> is_precise([1.0, 1.02, 0.98, 1.0, 1.04], 0.02), is_precise([1.0, 1.0], 0.02)
    (False, False)
    """
    estimate = mean_interval(values, prior=prior)
    if estimate.mean is None or estimate.half_width is None:
        return False
    return estimate.half_width <= relative_half_width * estimate.mean


def half_widths(spread: Reals, runs: Reals) -> np.ndarray:
    """The same half-width, relative to the mean, for many configurations at once.

    `spread`: standard deviations of the logarithms of the runs' values; `runs`: their numbers, at least 3.
    """
    return np.asarray(np.sinh(log_reach(spread, runs)))
