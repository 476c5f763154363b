"""What many rows say of each one's variance, and how little a hopeless one can do to that."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.statistics.variance_prior import ROWS_MIN, fit_variance_prior


def variances(rng, rows, runs, *, prior_freedom=np.inf, noise=0.01):
    """Sample variances of rows whose true ones scatter with that many degrees of freedom."""
    true = np.full(rows, noise**2)
    if np.isfinite(prior_freedom):
        true *= prior_freedom / rng.chisquare(prior_freedom, rows)
    return true * rng.chisquare(runs - 1, rows) / (runs - 1), np.full(rows, runs - 1.0)


@pytest.mark.parametrize("prior_freedom", [2.0, 8.0])
def test_the_scatter_of_the_variances_says_what_they_lend(prior_freedom):
    found = fit_variance_prior(
        *variances(np.random.default_rng(1), 2000, 6, prior_freedom=prior_freedom, noise=0.03)
    )
    assert found.freedom == pytest.approx(prior_freedom, rel=0.25)
    assert found.variance == pytest.approx(9e-4, rel=0.1)


def test_rows_that_are_alike_lend_all_they_have():
    found = fit_variance_prior(*variances(np.random.default_rng(2), 300, 5))
    assert found.freedom > 15
    assert found.variance == pytest.approx(1e-4, rel=0.15)


@pytest.mark.parametrize("hopeless", [1, 4])
def test_hopeless_rows_leave_the_others_as_they_are(hopeless):
    """Rows of 30 % among 40 of 1 %: the moderated variances of the others hardly move."""
    moved = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        quiet, freedom = variances(rng, 40, 5)
        noisy = variances(rng, hopeless, 5, noise=0.3)[0]
        everyone, of_all = np.append(quiet, noisy), np.full(40 + hopeless, 4.0)
        without = fit_variance_prior(quiet, freedom).moderated(quiet, freedom)[0]
        among = fit_variance_prior(everyone, of_all).moderated(everyone, of_all)[0]
        moved.append(np.abs(np.log(among[:40] / without)).mean())
        assert (among[40:] > 0.5 * noisy).all()
    assert np.mean(moved) < 0.01


def test_the_common_variance_is_that_of_logarithms_not_the_arithmetic_mean():
    """One row of 30 % in ten of 1 % would lift an arithmetic mean to 8.6 %."""
    quiet, freedom = variances(np.random.default_rng(3), 9, 5)
    found = fit_variance_prior(np.append(quiet, 0.09), np.append(freedom, 4.0))
    assert np.sqrt(found.variance) == pytest.approx(0.01, rel=0.3)


def test_few_rows_lend_nothing_and_rows_without_spread_do_not_count():
    found = fit_variance_prior(np.array([1.0, 2.0, 0.0, 0.0, 3.0]), np.full(5, 4.0))
    assert found.rows == 3 < ROWS_MIN
    assert found.moderated(np.array([2.0]), np.array([4.0])) == (np.array([2.0]), np.array([4.0]))


def test_the_order_of_the_rows_and_the_unit_change_nothing():
    values, freedom = variances(np.random.default_rng(4), 60, 4, prior_freedom=5.0)
    first, turned = fit_variance_prior(values, freedom), fit_variance_prior(values[::-1], freedom)
    scaled = fit_variance_prior(1e6 * values, freedom)
    assert turned.variance == pytest.approx(first.variance, rel=1e-6)
    assert (scaled.variance / 1e6, scaled.freedom) == pytest.approx((first.variance, first.freedom), rel=1e-3)


def test_a_row_of_one_run_borrows_all_and_is_a_number():
    values, freedom = variances(np.random.default_rng(5), 8, 2)
    found = fit_variance_prior(values, freedom)
    borrowed, total = found.moderated(np.zeros(1), np.zeros(1))
    assert borrowed == pytest.approx(found.variance)
    assert total == found.freedom > 0
