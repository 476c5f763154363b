"""The points of a scrambled Sobol sequence are scipy's, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.statistics.sobol import COUNT_MAX, DIMENSIONS_MAX, scrambled_sobol
from scipy.stats import qmc


@pytest.mark.parametrize("count", [1, 2, 4, COUNT_MAX, COUNT_MAX * 2])
@pytest.mark.parametrize("dimensions", [1, 2, 3, 17, DIMENSIONS_MAX, DIMENSIONS_MAX + 1])
def test_every_point_is_that_of_scipy(count, dimensions):
    ours = scrambled_sobol(count, dimensions, np.random.default_rng([5, count]))
    theirs = qmc.Sobol(dimensions, seed=np.random.default_rng([5, count])).random(count)
    assert np.array_equal(ours, theirs)
