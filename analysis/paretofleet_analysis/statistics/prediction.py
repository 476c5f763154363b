"""Where another process would end up: an interval for one more run, not for the mean of all of them.

Processes of one network differ by more than their iterations say. What the mean of the next will be is
unknown by that difference and by the error of the mean seen so far. With one process the first is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paretofleet_analysis.statistics.intervals import (
    CONFIDENCE,
    check_confidence,
    check_values,
    log_reach,
    spread_of,
)
from paretofleet_analysis.statistics.variance_prior import VariancePrior

#: A reach beyond this on the log scale is no number any more, and says nothing.
_REACH_MAX = 690.0


@dataclass(frozen=True)
class Prediction:
    """The ends `lo` and `hi` of the interval, in the unit of the values, from so many `processes`.

    `is_borrowed`: from one process, by how the processes of other rows differ.
    """

    lo: float
    hi: float
    processes: int
    is_borrowed: bool


def another_process(
    values: Sequence[float | None], *, prior: VariancePrior | None = None, confidence: float = CONFIDENCE
) -> Prediction | None:
    """The interval that holds the value of another process, or None where nothing can be known of it.

    `values`: one of each process of a row, positive; None of one without. `prior`: what the rows of the
    device lend one another (`stopping.device_prior`). `confidence`: how probable it is that the interval
    holds the next. On the log scale it is `mean -+ t(n) s sqrt(1 + 1 / m)`, the interval of one more normal
    value (Hahn and Meeker 1991, Statistical intervals, p. 61), with the moderated s and its n degrees
    of freedom, and widened as `log_reach` is for the rule that stops the runs. One process has no s: there is
    an interval by the others' alone, or none. None, too, where equal values leave no s. Raises ValueError
    for NaN and infinities.

    >>> five = another_process([1.0, 1.02, 0.99, 1.01, 0.98])
    >>> round(five.lo, 2), round(five.hi, 2)
    (0.94, 1.06)
    >>> another_process([1.0]) is None
    True
    """
    check_confidence(confidence)
    present = check_values(np.array([value for value in values if value is not None], dtype=float))
    m = present.size
    if m == 0 or present.min() <= 0:
        return None
    if m > 1:
        spread, freedom = spread_of(present, prior)
    elif prior is not None and prior.freedom > 0:
        spread, freedom = math.sqrt(prior.variance), prior.freedom
    else:
        return None
    reach = float(log_reach(spread, m, confidence=confidence, freedom=freedom)) * math.sqrt(m + 1)
    if not 0.0 < reach <= _REACH_MAX:
        return None
    middle = float(np.log(present).mean())
    return Prediction(math.exp(middle - reach), math.exp(middle + reach), m, is_borrowed=m == 1)
