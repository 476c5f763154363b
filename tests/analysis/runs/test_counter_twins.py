"""One counter read twice is told from two packages that draw alike."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.runs.counter_twins import move_together

RNG = np.random.default_rng(7)
PERIOD_S = 0.001


def powers(count, level_w=68.0, noise=0.01):
    """Watts in each of so many pieces of 50 ms: idle, then work, with noise of its own."""
    watts = np.where(np.arange(count) < count // 4, 0.3 * level_w, level_w)
    return watts * (1 + noise * RNG.standard_normal(count))


def counts(watts, read_late_s=0.0):
    """Seconds and joules of reads every 50 ms that come late by up to 2 ms, of a counter of 1 ms."""
    edges_s = np.arange(watts.size + 1) * 0.05
    truth_j = np.concatenate([[0], np.cumsum(watts * 0.05)])
    times_s = edges_s[:-1] + read_late_s + 0.002 * RNG.random(watts.size)
    return times_s, np.interp(np.floor(times_s / PERIOD_S) * PERIOD_S, edges_s, truth_j)


@pytest.mark.parametrize("seconds", [2, 10, 60])
@pytest.mark.parametrize("late_s", [0.0, 0.00005, 0.001])
def test_one_counter_read_twice_is_found(seconds, late_s):
    for _ in range(50):
        watts = powers(seconds * 20)
        assert move_together(counts(watts), counts(watts, late_s), PERIOD_S)


@pytest.mark.parametrize("apart", [0.01, 0.003])
def test_two_packages_that_differ_by_little_are_two(apart):
    for _ in range(50):
        assert not move_together(counts(powers(400)), counts((1 + apart) * powers(400)), PERIOD_S)


def test_two_packages_of_one_level_are_seldom_taken_for_one():
    """Twins in all but their noise: 1 % in 50 ms, 20 s long."""
    together = [move_together(counts(powers(400)), counts(powers(400)), PERIOD_S) for _ in range(400)]
    assert np.mean(together) < 0.05


def test_too_few_readings_tell_nothing():
    watts = powers(19)
    assert not move_together(counts(watts), counts(watts), PERIOD_S)


def test_counters_that_stand_still_are_not_alike():
    still = np.arange(400) * 0.05, np.zeros(400)
    assert not move_together(still, still, PERIOD_S)
