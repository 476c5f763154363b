"""Arguments that mean nothing are refused, never computed with."""

from __future__ import annotations

import math

import numpy as np
import pytest
from paretofleet_analysis.diagnostics.paired import compare
from paretofleet_analysis.pareto import front_probability, rank_interval, replicates
from paretofleet_analysis.pareto.deterministic import nondominated
from paretofleet_analysis.statistics.intervals import mean_interval, quantile, quantile_interval

SOME = [1.0, 2.0, 3.0]


@pytest.mark.parametrize("confidence", [95, 1.0, 0.0, -0.5, math.nan])
def test_a_confidence_is_a_share(confidence):
    with pytest.raises(ValueError, match="give a share below 1"):
        mean_interval(SOME, confidence=confidence)
    with pytest.raises(ValueError, match="give a share below 1"):
        quantile_interval(np.arange(30.0), 0.5, confidence=confidence)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_is_a_number(value):
    with pytest.raises(ValueError, match="value 1 is"):
        mean_interval([1.0, value, 1.1])
    with pytest.raises(ValueError, match="value 1 is"):
        quantile(np.array([1.0, value, *SOME, *SOME]), 0.5)
    with pytest.raises(ValueError, match="point 0, objective 1 is"):
        nondominated(np.array([[1.0, value], [2.0, 2.0]]), maximize=[False, False])
    with pytest.raises(ValueError, match="probabilities"):
        rank_interval(np.array([[value, 0.5]]))


@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_what_is_compared_is_positive(value):
    good = {1: 1.0, 2: 1.0, 3: 1.0}
    for a, b in (({**good, 2: value}, good), (good, {**good, 2: value})):
        with pytest.raises(ValueError, match="block 2 has"):
            compare(a, b)


def test_lists_have_the_right_length():
    with pytest.raises(ValueError, match="1 directions for 2 objectives"):
        nondominated(np.array([[1.0, 2.0], [2.0, 1.0]]), maximize=[False])
    with pytest.raises(ValueError, match="noise_groups must hold one whole number"):
        replicates([[[1.0], [1.1], [1.2]]] * 3, count=2, seed=1, noise_groups=[np.array([0])])


def test_a_thousand_threads_are_a_slip():
    with pytest.raises(ValueError, match="threads is 1,000; give at most"):
        front_probability([[[1.0, 2.0]]], maximize=[False, False], threads=1000)


@pytest.mark.parametrize("q", [0.0, 1.0, 90])
def test_a_quantile_is_a_share(q):
    with pytest.raises(ValueError, match="give a share between 0 and 1"):
        quantile(np.arange(30.0), q)
