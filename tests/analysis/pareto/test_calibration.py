"""A short form of bench/pareto_calibration.py: fleets with known truth, probabilities that keep their
word.
"""

from __future__ import annotations

import moocore
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paretofleet_analysis.pareto import (
    Absolute,
    Shared,
    front_probability,
    mean_front_probability,
    remove_block_effects,
)
from paretofleet_analysis.pareto.calibration_map import fit_map, least_loss

from .fleets import noisy_runs, shell_means, with_drift

COSTS = [False, False, False]


def campaign(seed: int, noise: float, runs: int, drift: float = 0.0):
    """True frontier, probabilities of medians and of the mean, for one hard fleet of 40."""
    rng = np.random.default_rng([seed, runs])
    means = shell_means(rng, 40, 3, 0.13)
    measured, blocks = with_drift(rng, noisy_runs(rng, means, noise, runs), drift)
    samples = remove_block_effects(measured, blocks=blocks).samples if drift else measured
    medians = np.array([np.median(x, axis=0) for x in measured])
    return (
        moocore.is_nondominated(means, keep_weakly=True),
        moocore.is_nondominated(medians, keep_weakly=True),
        mean_front_probability(samples, maximize=COSTS).front,
    )


@pytest.mark.parametrize(("noise", "runs"), [(0.05, 5), (0.2, 10)])
def test_what_is_called_sure_is_sure(noise, runs):
    true, medians, p = (
        np.concatenate(x) for x in zip(*[campaign(s, noise, runs) for s in range(15)], strict=True)
    )
    assert true[p >= 0.95].mean() >= 0.95
    assert true[p <= 0.05].mean() <= 0.05 + 2 * np.sqrt(0.05 / (p <= 0.05).sum())
    assert (p >= 0.95).sum() > 0.2 * len(p)
    assert np.mean((p - true) ** 2) < 0.8 * np.mean((medians - 1.0 * true) ** 2)


def test_drift_costs_little():
    still, drifting = (
        np.mean([np.mean((p - true) ** 2) for true, _, p in (campaign(s, 0.02, 5, drift) for s in range(15))])
        for drift in (0.0, 0.04)
    )
    assert drifting <= 1.15 * still


def test_the_seed_repeats_it():
    rng = np.random.default_rng(1)
    runs = noisy_runs(rng, shell_means(rng, 30, 3), 0.1, 5)
    first, again, other = (mean_front_probability(runs, maximize=COSTS, seed=s).front for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.abs(first - other).max() < 0.25


def test_rows_of_one_model_share_its_accuracy():
    rng = np.random.default_rng(2)
    runs = noisy_runs(rng, shell_means(rng, 30, 2), 0.05, 6)
    shared = Shared(groups=np.arange(30) // 5, values=[[0.7 + 0.02 * g] for g in range(6)], maximize=True)
    found = mean_front_probability(runs, maximize=[False, False], shared=shared)
    np.testing.assert_array_equal(found.pareto, found.front)
    assert ((found.front >= 0) & (found.front <= 1)).all()
    raw = front_probability([x.mean(axis=0)[None] for x in runs], maximize=[False, False], shared=shared)
    assert found.front[raw == 1].mean() > 0.6
    assert found.front[raw == 0].mean() < 0.4


def test_the_frontier_of_pareto_knows_no_margin_of_what_is_shared():
    """A model that is a little less accurate and much quicker beats one beside it, and dominates nobody."""
    runs = [noisy_runs(np.random.default_rng(5), np.array([[x]]), 0.01, 6)[0] for x in (1.0, 0.9, 2.0, 3.0)]
    models = Shared([0, 1, 2, 3], [[70.1], [70.0], [75.0], [80.0]], maximize=True, margin=[Absolute(0.2)])
    found = mean_front_probability(runs, maximize=[False], margin=[0.02], shared=models)
    assert found.front_uncalibrated[0] == 0.0
    assert found.front[0] < 0.05
    assert found.pareto[0] > 0.95


def test_fleets_without_noise_are_decided():
    runs = [np.tile(x, (4, 1)) for x in shell_means(np.random.default_rng(3), 20, 3)]
    expected = moocore.is_nondominated(np.array([x[0] for x in runs]), keep_weakly=True)
    p = mean_front_probability(runs, maximize=COSTS).front
    np.testing.assert_array_equal(p, expected)


def test_the_map_learns_what_was_too_sure_and_never_sharpens():
    rng = np.random.default_rng(4)
    said = rng.random(4000)
    overconfident = fit_map(said, (rng.random(4000) < 0.5 + 0.4 * (said - 0.5)).astype(float))
    assert overconfident(np.array([0.01]))[0] > 0.05
    humble = fit_map(said, (said > 0.5).astype(float))
    assert humble.slope_above == 1.0
    assert (humble(np.array([0.001, 0.999])) > 0).all()


def test_the_map_is_where_its_loss_is_least():
    rng = np.random.default_rng(5)
    said = rng.random(500)
    outcomes = (rng.random(500) < said).astype(float)
    z = np.log(np.clip(said, 0.002, 0.998) / (1 - np.clip(said, 0.002, 0.998)))
    features = np.stack([np.ones_like(z), np.maximum(z, 0.0), np.minimum(z, 0.0)])
    identity = np.array([0.0, 1.0, 1.0])
    weights = least_loss(features, outcomes, identity)
    errors = 1 / (1 + np.exp(-(weights @ features))) - outcomes
    slope = features @ errors / len(z) + 2 * 0.03 * (weights - identity)
    np.testing.assert_allclose(slope, 0.0, atol=1e-12)


@given(st.lists(st.sampled_from([0.0, 1e-6, 0.5, 1.0]), min_size=4, max_size=60), st.integers(0, 99))
def test_a_map_is_found_whatever_was_said(said, seed):
    outcomes = np.random.default_rng(seed).integers(0, 2, len(said)).astype(float)
    fitted = fit_map(np.array(said), outcomes)
    assert 0.0 <= fitted.slope_above <= 1.0
    assert 0.0 <= fitted.slope_below <= 1.0
    assert np.isfinite(fitted.shift)
