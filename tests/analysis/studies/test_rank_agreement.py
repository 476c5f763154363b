"""How alike two orders are: the numbers of scipy, to the last bit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from paretofleet_analysis.studies.rank_agreement import kendall, spearman
from scipy.stats import kendalltau, spearmanr


@pytest.mark.parametrize("levels", [2, 5, 1000])
@pytest.mark.parametrize("size", [2, 3, 10, 60])
def test_both_are_those_of_scipy_with_ties_and_without(size, levels):
    rng = np.random.default_rng([size, levels])
    for _ in range(30):
        x, y = rng.integers(0, levels, (2, size)).astype(float)
        if np.ptp(x) and np.ptp(y):
            assert spearman(x, y) == spearmanr(x, y).statistic
            assert kendall(x, y) == kendalltau(x, y).statistic


def test_where_all_values_are_the_same_there_is_no_order():
    assert math.isnan(kendall(np.ones(4), np.arange(4.0)))
