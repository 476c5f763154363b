"""The standard error of a mean of values that resemble their neighbours, from the means of batches."""

from __future__ import annotations

import math

import numpy as np

#: Consecutive parts of a window whose means are taken as independent, and the least window for it.
BATCHES, ITERATIONS_MIN = 10, 30


def mean_error(values: np.ndarray) -> float | None:
    """The standard error of the mean of `values`, a run's iterations in their order; None below 30 of them.

    In the unit of `values`. By batch means, which allows for the correlation between neighbours.
    """
    if values.size < ITERATIONS_MIN:
        return None
    means = [part.mean() for part in np.array_split(values, BATCHES)]
    return float(np.std(means, ddof=1) / math.sqrt(BATCHES))
