"""Which points no other dominates, by their costs."""

from __future__ import annotations

import numpy as np
from paretofleet_analysis.pareto.undominated import undominated_points

COSTS = np.array([[1.0, 9.0], [1.0, 9.0], [2.0, 9.0], [2.0, 8.0]])


def test_of_equal_points_each_counts_or_one():
    assert undominated_points(COSTS, keep_weakly=True).tolist() == [True, True, False, True]
    assert undominated_points(COSTS, keep_weakly=False)[:2].sum() == 1


def test_signs_of_zero_are_equal_and_nothing_is_nothing():
    assert undominated_points(np.array([[0.0, 1.0], [-0.0, 1.0]]), keep_weakly=True).tolist() == [True, True]
    assert undominated_points(np.empty((0, 2)), keep_weakly=True).tolist() == []
