"""Means and spreads of the runs of many configurations at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paretofleet_analysis.statistics.flat_runs import flat


@dataclass(frozen=True)
class Moments:
    """Of N configurations: (N,) `counts` of runs; (N, d) `means` and `spreads`, the standard deviations of
    runs with one degree of freedom less, 0 for one run.
    """

    counts: np.ndarray
    means: np.ndarray
    spreads: np.ndarray


def moments(samples: Sequence[np.ndarray]) -> Moments:
    """The moments of `samples`, N arrays (m_i, d), none empty.

    Equal values have exactly themselves as mean and no spread, whatever their number: 0.1 is the mean of
    three times 0.1, so that what configurations have in common stays equal.

    >>> both = moments([np.array([[0.1], [0.1], [0.1]]), np.array([[1.0], [3.0]])])
    >>> both.means.tolist(), both.spreads.round(3).tolist()
    ([[0.1], [2.0]], [[0.0], [1.414]])
    """
    runs = flat(samples)
    counts, starts, rows = runs.counts, runs.starts[:-1], runs.values
    lowest = np.minimum.reduceat(rows, starts, axis=0)
    constant = lowest == np.maximum.reduceat(rows, starts, axis=0)
    means = np.where(constant, lowest, np.add.reduceat(rows, starts, axis=0) / counts[:, None])
    squares = np.add.reduceat((rows - np.repeat(means, counts, axis=0)) ** 2, starts, axis=0)
    return Moments(counts, means, np.sqrt(squares / np.maximum(counts - 1, 1)[:, None]))
