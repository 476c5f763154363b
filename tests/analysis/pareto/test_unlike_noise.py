"""Rows of unlike noise in one fleet: nobody's noise becomes everybody's."""

from __future__ import annotations

import numpy as np
from paretofleet_analysis.pareto import FrontQuestion, calibrated_front, mean_front_probability
from paretofleet_analysis.pareto.block_effects import remove_block_effects
from paretofleet_analysis.pareto.moderated_means import estimate

from .cells import CELLS
from .fleets import noisy_runs, shell_means, with_drift

COSTS = [False, False, False]


def verdicts(p: np.ndarray) -> np.ndarray:
    return np.sign((p >= 0.95).astype(int) - (p <= 0.05))


def test_hopeless_neighbours_change_at_most_one_verdict_in_a_hundred():
    """One to four rows of 30 % noise, far behind, among 40 of 1 %, with drift in the blocks."""
    changed = []
    for seed in range(8):
        rng = np.random.default_rng([seed, 7])
        means = shell_means(rng, 40, 3, 0.13)
        quiet = noisy_runs(rng, means, 0.01, 5)
        hopeless = noisy_runs(rng, np.full((1 + seed % 4, 3), 5 * means.max()), 0.3, 5)
        measured, blocks = with_drift(rng, quiet + hopeless, 0.02)
        among, alone = (
            mean_front_probability(
                remove_block_effects(measured[:size], blocks=blocks[:size]).samples, maximize=COSTS, count=400
            ).front
            for size in (len(measured), 40)
        )
        changed.append(verdicts(among[:40]) != verdicts(alone))
    assert np.mean(changed) <= 0.01


def test_a_quiet_row_stays_quiet_among_noisy_ones_of_another_device():
    campaign = CELLS["two devices"].campaign(3)
    together, _ = estimate(campaign.runs)
    apart, _ = estimate(campaign.runs, noise_groups=[campaign.device])
    quiet, noisy = campaign.device == 0, campaign.device == 1
    true = campaign.deviations[:, None]
    error = {
        name: np.abs(np.log(means.deviations / true)) for name, means in (("all", together), ("own", apart))
    }
    assert error["own"][quiet].mean() < 0.6 * error["all"][quiet].mean()
    assert error["own"][noisy].mean() < 0.6 * error["all"][noisy].mean()


def test_groups_too_small_for_a_prior_share_one():
    campaign = CELLS["normal 5 %, 5 runs"].campaign(1)
    alone = [np.arange(len(campaign.runs)), np.zeros(len(campaign.runs), dtype=int)]
    question = FrontQuestion(COSTS, noise_groups=alone)
    np.testing.assert_array_equal(
        calibrated_front(campaign.runs, question).front,
        calibrated_front(campaign.runs, FrontQuestion(COSTS)).front,
    )


def test_a_run_far_off_is_drawn_in_and_one_mode_of_two_is_not():
    """A run 20 % off among runs of 1 % is; where every row has two modes neither is taken for a fault."""
    rng = np.random.default_rng(5)
    runs = noisy_runs(rng, shell_means(rng, 40, 3), 0.01, 8)
    faulty = [x.copy() for x in runs]
    faulty[0][2] *= 1.2
    moved = estimate(faulty)[0].location[0] - estimate(runs)[0].location[0]
    assert np.abs(moved).max() < 0.01 < np.log(1.2) / 8
    campaign = CELLS["bimodal"].campaign(2)
    plain = np.log([x.mean(axis=0) for x in campaign.runs])
    np.testing.assert_allclose(estimate(campaign.runs)[0].location, plain, atol=1e-12)


def test_a_noisy_row_has_little_say_in_what_a_block_did():
    rng = np.random.default_rng(6)
    runs = noisy_runs(rng, np.ones((12, 1)), 0.01, 8)
    wild = noisy_runs(rng, np.ones((1, 1)), 0.5, 8)
    blocks = [np.arange(8)] * 13
    with_it, without = (
        remove_block_effects(x, blocks=blocks[: len(x)]).effects[0] for x in (runs + wild, runs)
    )
    assert max(abs(float(with_it[b][0] - without[b][0])) for b in range(8)) < 0.002
