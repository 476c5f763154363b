"""What cannot be ranked is refused in one sentence that names it."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.stochastic import (
    Shared,
    attainment,
    dominator_distribution,
    efficiency_survival,
    front_probability,
)

GOOD = np.array([[1.0, 2.0], [1.5, 2.5]])


def rank(samples, **changes):
    return front_probability(samples, **{"maximize": [False, False], **changes})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_number_is_named(value):
    bad = GOOD.copy()
    bad[1, 0] = value
    with pytest.raises(ValueError, match="configuration 1, run 1, objective 0 is"):
        rank([GOOD, bad])


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([], "no configurations"),
        ([GOOD, np.empty((0, 2))], "configuration 1 has no runs"),
        ([GOOD, np.ones((2, 3))], "configuration 1 has 3 objectives, configuration 0 has 2"),
        ([GOOD, np.ones(2)], "configuration 1 has an array of shape"),
        ([GOOD, np.array([["a", "b"]])], "must be numbers"),
    ],
)
def test_ragged_and_empty_samples(samples, message):
    with pytest.raises(ValueError, match=message):
        rank(samples)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"maximize": [False]}, "1 directions for 2 objectives"),
        ({"maximize": ["min", "max"]}, "one boolean"),
        ({"maximize": [0, 1]}, "one boolean"),
        ({"margin": [0.1]}, "margin has 1 values for 2"),
        ({"margin": [0.1, -0.1]}, "the margin of objective 1 is -0.1"),
        ({"margin": [1.5, 0.1]}, "the margin of objective 0 is 1.5"),
        ({"margin": [0.1, float("nan")]}, "the margin of objective 1 is nan"),
        ({"shared": Shared([0], [[1.0]], maximize=True)}, "one whole number for each of the 2"),
        ({"shared": Shared([0, 1], [[1.0]], maximize=True)}, "configuration 1 is in group 1"),
        ({"shared": Shared([0, 0], [[]], maximize=True)}, "shared values of group 0"),
        ({"shared": Shared([0, 0], [[np.nan]], maximize=True)}, "shared values of group 0 hold nan"),
        ({"shared": Shared([0, 0], [[1.0]], maximize=[True, True])}, "2 directions for 1 shared"),
    ],
)
def test_arguments(changes, message):
    with pytest.raises(ValueError, match=message):
        rank([GOOD, GOOD + 1], **changes)


def test_the_other_functions_check_too():
    with pytest.raises(ValueError, match="configuration 0, objective 1 is 0"):
        efficiency_survival([GOOD * [1, 0]], maximize=[False, False], thresholds=[0.5])
    with pytest.raises(ValueError, match="up_to is -1"):
        dominator_distribution([GOOD], maximize=[False, False], up_to=-1)
    with pytest.raises(ValueError, match="targets has shape"):
        attainment([GOOD], maximize=[False, False], targets=[[1.0]])


def test_constant_objectives_ties_and_single_runs_are_no_errors():
    np.testing.assert_array_equal(rank([GOOD[:1], GOOD[:1]]), [1.0, 1.0])
    flat = [np.column_stack([x[:, 0], np.ones(len(x))]) for x in (GOOD, GOOD + 5)]
    np.testing.assert_array_equal(rank(flat), [1.0, 0.0])
    np.testing.assert_array_equal(rank(flat, margin=[0.02, 0.02]), [1.0, 0.0])


def test_the_caller_keeps_its_arrays():
    samples = [GOOD.copy(), GOOD + 1]
    front_probability(samples, maximize=[True, False], margin=[0.1, 0.1])
    np.testing.assert_array_equal(samples[0], GOOD)
