"""The error of a mean of iterations that resemble their neighbours."""

from __future__ import annotations

import math

import numpy as np
import pytest
from paretofleet_analysis.statistics.batch_means import mean_error


def test_the_error_of_a_run_s_mean_allows_for_iterations_that_resemble_their_neighbours():
    """AR(1) with 0.7: the mean's variance is (1 + 0.7) / (1 - 0.7) = 5.67 times that without it."""
    rng = np.random.default_rng(6)
    shocks = rng.standard_normal((300, 600))
    series = np.zeros((300, 600))
    for at in range(1, 600):
        series[:, at] = 0.7 * series[:, at - 1] + shocks[:, at] * math.sqrt(1 - 0.49)
    errors = math.sqrt(np.mean([mean_error(one) ** 2 for one in series]))
    assert errors == pytest.approx(math.sqrt(5.67 / 600), rel=0.06)
    assert errors == pytest.approx(float(series.mean(axis=1).std()), rel=0.15)
    assert mean_error(np.ones(29)) is None
