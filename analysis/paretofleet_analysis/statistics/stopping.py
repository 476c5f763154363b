"""When a configuration has runs enough: the one rule of the collector's schedule and of the simulations.

The rule looks at the interval that the report prints, after every run from the least number on, and stops
when its half-width is small enough. `intervals.log_reach` allows for being looked at that often.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from paretofleet_analysis.statistics.intervals import Reals, log_reach, mean_interval

#: The least and the most runs for which coverage was tried.
RUNS_MIN, RUNS_MAX = 5, 20


def is_precise(values: Sequence[float | None], relative_half_width: float) -> bool:
    """Whether half the length of the mean's 95 % interval is at most `relative_half_width` of the mean.

    `values`: one of each run, None where it has none.

    >>> is_precise([1.0, 1.01, 0.99, 1.0, 1.02], 0.02)
    True
    >>> is_precise([1.0, 1.02, 0.98, 1.0, 1.04], 0.02), is_precise([1.0, 1.0], 0.02)
    (False, False)
    """
    estimate = mean_interval(values)
    if estimate.mean is None or estimate.half_width is None:
        return False
    return estimate.half_width <= relative_half_width * estimate.mean


def half_widths(spread: Reals, runs: Reals) -> np.ndarray:
    """The same half-width, relative to the mean, for many configurations at once.

    `spread`: standard deviations of the logarithms of the runs' values; `runs`: their numbers, at least 3.
    """
    return np.asarray(np.sinh(log_reach(spread, runs)))
