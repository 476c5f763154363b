"""Stochastic orders of scores: what they decide is right, and they leave open what is open."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.studies.run_draws import draw_runs
from paretofleet_analysis.studies.score_orders import order_probabilities, survival_score
from paretofleet_analysis.studies.scores import dea_scores, fdh_scores


def campaign(seed: int, count: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Runs of eight units with two costs, and a great many further runs of the same."""
    rng = np.random.default_rng(seed)
    means, spread = rng.normal(size=(8, 2)) * 0.4, rng.uniform(0.02, 0.2, size=(8, 1))
    runs = [np.exp(means[i] + spread[i] * rng.normal(size=(count, 2))) for i in range(8)]
    return runs, np.exp(means + spread * rng.normal(size=(1, 5000, 8, 2)))


def test_a_law_that_lies_above_comes_before_in_both_orders():
    draws = np.linspace(0.1, 0.9, 50)
    orders = order_probabilities(np.stack([draws + 0.05, draws], axis=1)[None])
    assert orders.first.tolist() == orders.second.tolist() == [[0, 1], [0, 0]]


def test_a_narrower_law_of_the_same_mean_comes_before_in_the_second_order_only():
    wide = np.linspace(0.1, 0.9, 50)
    orders = order_probabilities(np.stack([0.5 + 0.1 * (wide - 0.5), wide], axis=1)[None])
    assert orders.first.tolist() == [[0, 0], [0, 0]]
    assert orders.second[0, 1] == 1
    assert orders.second[1, 0] == 0


def test_copies_are_not_comparable():
    draws = np.random.default_rng(1).random((3, 40, 1)).repeat(2, axis=2)
    assert not order_probabilities(draws).first.any()


def test_what_is_decided_with_95_percent_is_right():
    decided = right = 0
    for seed in range(10):
        runs, further = campaign(seed, count=5)
        truth = order_probabilities(fdh_scores(further, maximize=[False, False])).first
        drawn = draw_runs(runs, replicates=100, draws=100, seed=seed)
        said = order_probabilities(fdh_scores(drawn, maximize=[False, False])).first >= 0.95
        decided, right = decided + said.sum(), right + (said & (truth == 1)).sum()
    assert decided > 100
    assert right >= 0.95 * decided


def test_envelopment_scores_no_unit_above_free_disposal():
    runs, _ = campaign(1, count=4)
    drawn = draw_runs(runs, replicates=2, draws=3, seed=1)
    of_gains = [False, True]
    assert (dea_scores(drawn, maximize=of_gains) <= fdh_scores(drawn, maximize=of_gains) + 1e-7).all()


def test_the_survival_score_is_the_mean_or_what_the_weights_say():
    scores = np.random.default_rng(2).random((3, 21, 4))
    assert survival_score(scores) == pytest.approx(scores.mean(axis=1))
    middle = np.eye(21)[10]
    assert survival_score(scores, middle) == pytest.approx(np.median(scores, axis=1))
    with pytest.raises(ValueError, match="21 shares that add up to 1"):
        survival_score(scores, [1.0] * 21)


def test_draws_of_runs_have_the_spread_that_the_runs_have():
    rng = np.random.default_rng(4)
    runs = np.exp(0.2 * rng.normal(size=(400, 1)) + np.array([0.0, 1.0]))
    drawn = np.log(draw_runs([runs], replicates=50, draws=400, seed=1))
    assert drawn.mean(axis=(0, 1, 2)) == pytest.approx([0.0, 1.0], abs=0.05)
    assert drawn.std(axis=(0, 1, 2)) == pytest.approx([0.2, 0.2], abs=0.02)


def test_two_runs_tell_no_spread():
    with pytest.raises(ValueError, match="give 3 or more"):
        draw_runs([np.ones((2, 1))], replicates=1, draws=1, seed=1)
