"""Fleets asked in one pass of the kernel have the probabilities that they have alone."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.pareto import Absolute, Shared, front_probability, mean_front_probability
from paretofleet_analysis.pareto import calibration as calibration_module

from .fleets import noisy_runs, noisy_shell, shell_means

COSTS = [False, False]
FLEETS, SIZE = 7, 12


def stacked(rounded: bool) -> list[list[np.ndarray]]:
    fleets = [noisy_shell(seed, SIZE, 2, 0.1, low=3, high=20) for seed in range(FLEETS)]
    return [[np.round(runs, 1) for runs in fleet] for fleet in fleets] if rounded else fleets


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize("margin", [None, [0.02, Absolute(0.05)]])
@pytest.mark.parametrize("is_shared", [False, True])
def test_fleets_that_never_meet_are_as_alone(rounded, margin, is_shared):
    fleets = stacked(rounded)
    fleets[2][5] = fleets[2][4]
    values = [[70.0, 70.2, 70.4], [70.2, 70.2], [70.1, 71.0, 69.0, 70.0]]
    shared = Shared(np.arange(SIZE) % 3, values, maximize=True) if is_shared else None
    alone = [front_probability(runs, maximize=COSTS, margin=margin, shared=shared) for runs in fleets]
    together = front_probability(
        [runs for fleet in fleets for runs in fleet],
        maximize=COSTS,
        margin=margin,
        shared=Shared(np.tile(np.arange(SIZE) % 3, FLEETS), values, maximize=True) if is_shared else None,
        fleets=np.repeat(np.arange(FLEETS), SIZE),
    )
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=0, atol=1e-14)


def test_the_same_measurement_in_two_fleets_is_two_measurements():
    runs = [np.array([[1.0], [3.0]]), np.array([[2.0], [2.5]])]
    p = front_probability([*runs, *runs], maximize=[False], fleets=[0, 0, 1, 1])
    np.testing.assert_array_equal(p, [0.5, 0.5, 0.5, 0.5])


def test_fleets_must_be_numbered():
    with pytest.raises(ValueError, match="fleets must hold one whole number"):
        front_probability([[[1.0]], [[2.0]]], maximize=[False], fleets=[0])


@pytest.mark.parametrize("is_shared", [False, True])
def test_calibration_in_one_pass_learns_what_it_learns_fleet_by_fleet(monkeypatch, is_shared):
    rng = np.random.default_rng(6)
    runs = noisy_runs(rng, shell_means(rng, 24, 2, 0.13), 0.1, 5)
    values = [rng.normal(70 + group, 0.5, 20).round(1) for group in range(6)]
    shared = Shared(np.arange(24) % 6, values, maximize=True) if is_shared else None
    found = []
    for size_max in (0, 24):
        monkeypatch.setattr(calibration_module, "_STACKED_SIZE_MAX", size_max)
        found.append(mean_front_probability(runs, maximize=COSTS, margin=[0.02, 0.02], shared=shared))
    np.testing.assert_allclose(found[0].front, found[1].front, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found[0].pareto, found[1].pareto, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(found[0].front_uncalibrated, found[1].front_uncalibrated)
