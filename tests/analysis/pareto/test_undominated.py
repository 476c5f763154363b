"""Which points no other dominates: the same by pairs as by moocore."""

from __future__ import annotations

import moocore
import numpy as np
import pytest
from paretofleet_analysis.pareto.undominated import undominated_points


@pytest.mark.parametrize("keep_weakly", [True, False])
@pytest.mark.parametrize("dimensions", [1, 2, 3, 5])
@pytest.mark.parametrize("levels", [2, 5, 1000])
@pytest.mark.parametrize("size", [1, 7, 128, 129])
def test_few_points_by_pairs_and_many_by_moocore_are_the_same(keep_weakly, dimensions, levels, size):
    points = np.random.default_rng(size).integers(0, levels, (size, dimensions)).astype(float)
    flags = undominated_points(points, keep_weakly=keep_weakly)
    due = moocore.is_nondominated(points, keep_weakly=keep_weakly)
    assert np.array_equal(np.unique(points[flags], axis=0), np.unique(points[due], axis=0))
    assert flags.sum() == due.sum()


def test_signs_of_zero_are_equal_and_nothing_is_nothing():
    assert undominated_points(np.array([[0.0, 1.0], [-0.0, 1.0]]), keep_weakly=True).tolist() == [True, True]
    assert undominated_points(np.empty((0, 2)), keep_weakly=True).tolist() == []
