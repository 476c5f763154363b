"""Readings on a grid: what they share of their rounding, and intervals that hold the truth all the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paretofleet_analysis.statistics.intervals import mean_interval
from paretofleet_analysis.statistics.resolution import (
    grid_step,
    rounding_reach,
    shared_rounding,
    width_of_mean,
)

STEP = 0.01


def covered(noise, runs, *, rounded, seed=1, draws=1500):
    """The share of means of `runs` readings on a grid, somewhere on it, whose interval holds the truth."""
    rng = np.random.default_rng(seed)
    truths = 1.0 + STEP * rng.random(draws)
    values = truths[:, None] + noise * STEP * rng.standard_normal((draws, runs))
    values = np.round(values / STEP) * STEP
    ends = [mean_interval(row.tolist(), resolution=STEP if rounded else 0.0) for row in values]
    return np.mean(
        [
            each.lo is not None and each.lo <= truth <= each.hi
            for each, truth in zip(ends, truths, strict=True)
        ]
    )


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.2, 0.3, 0.5, 1.0])
def test_intervals_of_coarse_readings_hold_the_truth_whatever_the_noise(noise):
    assert covered(noise, 5, rounded=True) >= 0.93
    assert covered(noise, 20, rounded=True) >= 0.93


def test_without_the_step_they_do_not():
    assert covered(0.1, 5, rounded=False) < 0.5
    assert covered(0.2, 20, rounded=False) < 0.9


def test_readings_that_agree_are_as_sure_as_their_step_and_no_surer():
    estimate = mean_interval([0.01] * 5, resolution=0.001)
    assert (estimate.lo, estimate.hi) == pytest.approx((0.01 / np.exp(0.05), 0.01 * np.exp(0.05)))
    many = mean_interval([0.01] * 500, resolution=0.001)
    assert (many.lo, many.hi) == (estimate.lo, estimate.hi)


def test_the_digits_of_readings_tell_their_step_where_nobody_else_does():
    estimate = mean_interval([0.012] * 5)
    assert (estimate.lo, estimate.hi) == pytest.approx((0.012 / np.exp(0.5 / 12), 0.012 * np.exp(0.5 / 12)))
    assert mean_interval([1 / 3] * 5).lo is None, "copies in every digit say nothing of a spread"


@given(st.floats(0.0, 3.0), st.floats(1e-6, 1e3))
def test_what_is_shared_falls_with_the_noise_and_scales_with_the_step(spread, step):
    shared = shared_rounding(step, spread * step)
    assert 0 <= shared <= step / np.sqrt(12) * (1 + 1e-12)
    assert shared_rounding(step, (spread + 0.1) * step) <= shared * (1 + 1e-9)
    assert shared == pytest.approx(step * shared_rounding(1.0, spread), rel=1e-9)
    assert rounding_reach(step, spread * step) <= step / 2


def test_the_shared_error_is_that_of_a_long_simulation():
    rng = np.random.default_rng(5)
    for noise in (0.0, 0.15, 0.3):
        truths = rng.random(400)
        readings = np.round(truths[:, None] + noise * rng.standard_normal((400, 4000)))
        error = (readings.mean(axis=1) - truths).std()
        said = float(shared_rounding(1.0, np.hypot(noise, np.sqrt(1 / 12))))
        assert error == pytest.approx(said, rel=0.1), noise


def test_a_mean_of_many_readings_is_finer_than_its_clock_only_where_they_differ():
    assert width_of_mean(1.0, np.full(1000, 7.0)) == pytest.approx(1.0)
    rng = np.random.default_rng(2)
    assert width_of_mean(1.0, np.round(7 + 2 * rng.standard_normal(1000))) < 0.05


@given(st.integers(1, 9), st.integers(-6, 0), st.lists(st.integers(1, 5000), min_size=12, max_size=40))
def test_values_on_a_grid_show_it(multiple, place, counts):
    unlike = np.unique(np.array(counts)) * multiple
    step = grid_step(unlike * 10.0**place)
    if len(unlike) >= 10:
        divisor = int(np.gcd.reduce(unlike))
        assert step == pytest.approx(divisor * 10.0**place, rel=1e-9)
    else:
        assert step is not None
        assert np.abs(np.round(unlike * 10.0**place / step) - unlike * 10.0**place / step).max() < 1e-6


def test_a_clock_of_64_ticks_a_second_is_seen_and_full_doubles_show_no_grid():
    ticks = np.random.default_rng(1).integers(1, 200, 60) / 64
    assert grid_step(ticks) == 1 / 64
    assert grid_step(np.random.default_rng(1).random(60)) is None
    assert grid_step(np.array([100_000_000.0] * 5)) == 1.0, "whole numbers stand on the grid of whole numbers"
