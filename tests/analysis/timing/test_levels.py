"""Kalibera and Jones's levels against numbers computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from paretofleet_analysis.levels import levels


def test_three_processes_of_four_iterations():
    # Means 10, 13, 16: variance 9. Within: (1 + 0 + 0 + 1) / 3, (4 + 0 + 0 + 4) / 3, (1 + 0 + 0 + 1) / 3.
    found = levels([np.array([9, 10, 10, 11]), np.array([11, 13, 13, 15]), np.array([15, 16, 16, 17])])
    within = (2 / 3 + 8 / 3 + 2 / 3) / 3
    assert found.s1 == pytest.approx(within)
    assert found.s2 == pytest.approx(9)
    assert found.t2 == pytest.approx(9 - within / 4)
    # A process costs 90 s, an iteration 0.01 s: sqrt(9000 * 1.3333 / 8.6667) = 37.2, rounded up.
    assert found.iterations_per_process(90, 0.01) == 38


def test_iterations_explain_all_of_the_difference_between_processes():
    found = levels([np.array([0.0, 10.0]), np.array([1.0, 11.0])])
    assert (found.s1, found.s2) == (50.0, 0.5)
    assert found.t2 == 0
    assert found.iterations_per_process(1.0, 1.0) is None


def test_one_iteration_is_enough_where_processes_differ_and_iterations_do_not():
    assert levels([np.array([1.0, 1.0]), np.array([2.0, 2.0])]).iterations_per_process(100.0, 0.001) == 1


def test_processes_of_unlike_length_count_by_their_harmonic_mean():
    found = levels([np.array([1.0, 3.0]), np.array([4.0, 5.0, 6.0, 7.0, 4.0, 4.0])])
    assert found.iterations == pytest.approx(2 / (1 / 2 + 1 / 6))


@pytest.mark.parametrize("processes", [[], [np.array([1.0, 2.0])], [np.array([1.0]), np.array([2.0])]])
def test_fewer_than_two_processes_with_two_iterations_say_nothing(processes):
    assert levels(processes) is None


def test_the_corrected_variance_is_what_processes_really_differ_by():
    rng = np.random.default_rng(5)
    centres = 1 + 0.03 * rng.standard_normal((400, 6, 1))
    series = centres + 0.10 * rng.standard_normal((400, 6, 30))
    raw = np.array([[process.mean() for process in one] for one in series]).var(axis=1, ddof=1)
    assert math.sqrt(raw.mean()) == pytest.approx(math.hypot(0.03, 0.10 / math.sqrt(30)), rel=0.05)
    t2 = [levels(list(one)) for one in series]
    unclamped = np.mean([one.s2 - one.s1 / one.iterations for one in t2])
    assert math.sqrt(unclamped) == pytest.approx(0.03, rel=0.05)
