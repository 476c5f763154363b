"""Further runs go where something is open."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.pareto import next_runs

from .fleets import noisy_runs

MAXIMIZE = [False, False]


def test_runs_go_to_the_pair_that_is_open():
    rng = np.random.default_rng(1)
    means = np.array([[1.0, 1.0], [1.01, 1.01], [0.2, 5.0], [5.0, 0.2], [9.0, 9.0]])
    given = next_runs(noisy_runs(rng, means, 0.02, 5), maximize=MAXIMIZE, budget=20)
    assert given.sum() == 20
    assert given[:2].sum() == 20


def test_when_nothing_is_open_the_widest_means_get_them():
    rng = np.random.default_rng(2)
    tight, wide = (
        noisy_runs(rng, np.array([[1.0, 2.0]]), 0.001, 6),
        noisy_runs(rng, np.array([[2.0, 1.0]]), 0.01, 6),
    )
    given = next_runs([*tight, *wide], maximize=MAXIMIZE, budget=6)
    assert given.sum() == 6
    assert given[1] > given[0]


def test_budgets():
    rng = np.random.default_rng(3)
    runs = noisy_runs(rng, np.ones((4, 2)), 0.1, 5)
    assert next_runs(runs, maximize=MAXIMIZE, budget=0).tolist() == [0, 0, 0, 0]
    assert next_runs(runs, maximize=MAXIMIZE, budget=9).sum() == 9
    with pytest.raises(ValueError, match="budget is -1"):
        next_runs(runs, maximize=MAXIMIZE, budget=-1)
    with pytest.raises(ValueError, match="configuration 2 has 1 runs"):
        next_runs([*runs[:2], runs[2][:1], runs[3]], maximize=MAXIMIZE, budget=1)
