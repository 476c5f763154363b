"""Means over seeds have Student's interval."""

from __future__ import annotations

import numpy as np
from paretofleet_analysis.statistics.over_seeds import over_seeds
from scipy import stats


def test_the_interval_is_students():
    values = [97.0, 98.5, 99.0, 97.5, 98.0]
    mean, low, high = over_seeds(values)
    due = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    assert np.allclose((low, high), due)
    assert mean == 98.0


def test_one_training_has_no_interval():
    assert over_seeds([98.0]) == (98.0, None, None)
