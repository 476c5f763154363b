"""Quantiles of iterations, and their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.statistics.intervals import quantile, quantile_interval


@pytest.mark.parametrize(("n", "q"), [(6, 0.5), (20, 0.5), (29, 0.9), (100, 0.9), (299, 0.99)])
def test_the_interval_of_a_quantile_covers_as_often_as_it_says(n, q):
    rng = np.random.default_rng(3)
    truth = -np.log(1 - q)
    covered = 0
    for _ in range(600):
        lo, hi = quantile_interval(rng.exponential(size=n), q)
        covered += lo <= truth <= hi
    assert covered / 600 >= 0.93


def test_a_quantile_is_the_textbooks():
    assert quantile(np.array([3.0, 1.0, 2.0, 4.0, 5.0, 6.0]), 0.5) == 3.5
