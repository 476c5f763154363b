"""How alike two orders are: the numbers of scipy, to the last bit."""

from __future__ import annotations

import math

import numpy as np
import pytest
from paretofleet_analysis.studies.rank_agreement import agreement, kendall, spearman
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


def test_of_very_many_values_kendall_s_takes_no_table_of_all_pairs():
    rng = np.random.default_rng(1)
    x = rng.integers(0, 1000, 200_000).astype(float)
    y = x + rng.integers(0, 1000, 200_000)
    assert kendall(x, y) == pytest.approx(kendalltau(x, y).statistic, abs=1e-12)


def test_a_value_that_is_not_finite_has_no_place_in_an_order():
    assert math.isnan(kendall(np.array([1.0, np.inf, 2.0]), np.arange(3.0)))


@pytest.mark.parametrize("levels", [2, 5, 1000])
@pytest.mark.parametrize("size", [2, 5, 60, 301])
def test_an_agreement_s_tau_is_kendall_s_for_few_models_and_for_many(size, levels):
    rng = np.random.default_rng([size, levels])
    for _ in range(10):
        x, y = rng.integers(0, levels, (2, size)).astype(float)
        np.testing.assert_equal(agreement(x, y).estimate, kendall(x, y))
    assert math.isnan(agreement(np.ones(size), np.arange(float(size))).estimate)
