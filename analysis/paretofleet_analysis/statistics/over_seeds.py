"""Means over trainings of one network from several seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence

from paretofleet_analysis.statistics.intervals import CONFIDENCE


def over_seeds(values: Sequence[float]) -> tuple[float, float | None, float | None]:
    """The mean of `values`, one for each seed, and the ends of its interval; None of a single one.

    Student's interval of 95 %: seeds are independent and few.

    >>> [round(end, 2) for end in over_seeds([97.0, 98.0, 99.0])]
    [98.0, 95.52, 100.48]
    """
    from paretofleet_analysis.special_functions import stdtrit

    count = len(values)
    mean = math.fsum(values) / count
    if count < 2:
        return mean, None, None
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    reach = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2)) * math.sqrt(variance / count)
    return mean, mean - reach, mean + reach
