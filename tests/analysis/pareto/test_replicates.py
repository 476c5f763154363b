"""From runs to replicates of the mean, and drift taken out before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paretofleet_analysis.pareto import mean_front_probability, remove_block_effects, replicates
from paretofleet_analysis.pareto.block_components import connected_blocks
from scipy import stats
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .fleets import noisy_runs, noisy_shell, shell_means, with_drift

COSTS = [False, False, False]


def test_replicates_are_centred_and_as_wide_as_the_mean_is_uncertain():
    rng = np.random.default_rng(1)
    runs = noisy_runs(rng, np.tile([[2.0, 5.0, 0.01]], (300, 1)), 0.1, 6)
    drawn = replicates(runs, count=400, seed=3)
    centres = np.array([x.mean(axis=0) for x in drawn]) / [x.mean(axis=0) for x in runs]
    np.testing.assert_allclose(centres, 1.0, atol=0.02)
    spread = np.mean([np.log(x).std(axis=0) for x in drawn], axis=0)
    np.testing.assert_allclose(spread, 0.1 / np.sqrt(6), rtol=0.15)


def test_intervals_of_few_runs_cover_the_true_mean():
    rng = np.random.default_rng(2)
    means = shell_means(rng, 500, 3)
    drawn = replicates(noisy_runs(rng, means, 0.2, 5), count=400, seed=1)
    low, high = (np.array([np.quantile(x, q, axis=0) for x in drawn]) for q in (0.025, 0.975))
    assert 0.93 < ((low <= means) & (means <= high)).mean() < 0.97


def test_the_last_digit_of_a_run_moves_no_probability():
    rng = np.random.default_rng(4)
    runs = noisy_shell(4, 12, 3, 0.05)
    moved = [np.nextafter(each, np.where(rng.random(each.shape) < 0.5, 0.0, np.inf)) for each in runs]
    answers = [mean_front_probability(each, maximize=COSTS, count=64).front for each in (runs, moved)]
    np.testing.assert_allclose(*answers, atol=1e-6)


#: Noise of 10 %, but 5 % where runs are normal: their logarithms are not, and a p99 of 20 % noise shows it.
NOISES = {"log-normal": stats.lognorm(0.1), "gamma": stats.gamma(100.0), "normal": stats.norm(1.0, 0.05)}


def covered(noise, statistic, runs, *, fleet=600):
    """How often the 95 % interval of the replicates holds the true median or p99."""
    given = noise.rvs((fleet, runs, 1), random_state=np.random.default_rng(runs))
    drawn = np.array(replicates(list(given), statistic=statistic, count=400, seed=1))[..., 0]
    truth = noise.ppf({"median": 0.5, "p99": 0.99}[statistic])
    low, high = np.quantile(drawn, [0.025, 0.975], axis=1)
    return ((low <= truth) & (truth <= high)).mean()


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("statistic", ["median", "p99"])
@pytest.mark.parametrize("runs", [3, 5, 10, 20])
def test_intervals_of_few_runs_cover_the_true_quantile(noise, statistic, runs):
    """95 %, with 0.9 % standard error of 600 configurations; a normal's p99 is overstated a little."""
    assert covered(NOISES[noise], statistic, runs) > (0.90 if noise == "normal" else 0.92)


@pytest.mark.parametrize(("statistic", "runs"), [("median", 6), ("median", 30), ("p99", 368)])
def test_runs_that_hold_a_quantile_say_it_whatever_their_distribution(statistic, runs):
    """One run in five is half slower: nothing that a log-normal fits."""
    assert covered(TwoSpeeds(), statistic, runs, fleet=300) > 0.92


class TwoSpeeds:
    """Four runs of five at 1, one at 1.5, each with noise of 1 %."""

    def rvs(self, shape, random_state):
        slow = random_state.random(shape) < 0.2
        return np.where(slow, 1.5, 1.0) * np.exp(0.01 * random_state.standard_normal(shape))

    def ppf(self, q):
        # below the slow runs a median is the 0.5 / 0.8 quantile of the fast; above, 0.95 of the slow
        fast, slow = stats.lognorm(0.01), stats.lognorm(0.01, scale=1.5)
        return fast.ppf(q / 0.8) if q < 0.8 else slow.ppf((q - 0.8) / 0.2)


def test_replicates_of_a_p99_reach_beyond_the_slowest_run():
    runs = noisy_runs(np.random.default_rng(4), np.tile([[2.0]], (200, 1)), 0.1, 5)
    drawn = replicates(runs, statistic="p99", count=400, seed=1)
    above = np.mean([(own > x.max()).mean() for own, x in zip(drawn, runs, strict=True)])
    assert 0.7 < above < 0.98


@pytest.mark.parametrize("statistic", ["mean", "median", "p99"])
@pytest.mark.parametrize("runs", [5, 12])
def test_objectives_of_a_run_stay_together_in_the_replicates(statistic, runs):
    """A run slow by a tenth takes a tenth more energy."""
    slow = np.exp(0.1 * np.random.default_rng(6).standard_normal((50, runs)))
    fleet = [np.column_stack([x, 3 * x]) for x in slow]
    for x in replicates(fleet, statistic=statistic, count=50, seed=1):
        np.testing.assert_allclose(x[:, 1], 3 * x[:, 0], rtol=1e-6)


def test_the_same_values_draw_the_same_replicates_wherever_they_stand():
    fleet = noisy_shell(3, 20, 3, 0.1)
    drawn = replicates(fleet, count=50, seed=7)
    rng = np.random.default_rng(0)
    shuffled = [rng.permutation(x) for x in fleet[::-1]]
    again = replicates([*shuffled, fleet[4]], count=50, seed=7)
    np.testing.assert_allclose(again[:20], drawn[::-1], rtol=1e-12)
    np.testing.assert_array_equal(again[20], again[15])
    assert not np.array_equal(replicates(fleet, count=50, seed=8)[0], drawn[0])


def test_an_objective_that_does_not_vary_stays():
    fleet = [
        np.column_stack([x, np.full(len(x), 0.761 + i)]) for i, x in enumerate(noisy_shell(3, 8, 2, 0.1))
    ]
    for i, x in enumerate(replicates(fleet, count=20, seed=1)):
        np.testing.assert_array_equal(x[:, 2], 0.761 + i)


def test_too_few_runs_are_refused():
    fleet = noisy_shell(3, 5, 2, 0.1)
    fleet[3] = fleet[3][:2]
    with pytest.raises(ValueError, match="configuration 3 has 2 runs; 3 are needed"):
        replicates(fleet, count=10, seed=1)
    with pytest.raises(ValueError, match="configuration 3 has 2 runs"):
        mean_front_probability(fleet, maximize=[False, False])
    with pytest.raises(ValueError, match="statistic 'mode'"):
        replicates(fleet, statistic="mode", count=10, seed=1)


def test_the_mean_settles_as_runs_are_added():
    rng = np.random.default_rng(5)
    means = shell_means(rng, 40, 3)
    undecided = []
    for runs in (4, 16, 256):
        p = mean_front_probability(noisy_runs(rng, means, 0.1, runs), maximize=COSTS).front
        undecided.append(int(((p > 0.05) & (p < 0.95)).sum()))
    assert undecided[0] > undecided[1] > undecided[2]


@pytest.mark.parametrize("copies", [2, 5, 10])
def test_entering_a_configuration_again_changes_no_other_verdict(copies):
    fleet = noisy_shell(6, 40, 3, 0.1, low=5, high=8)
    before = mean_front_probability(fleet, maximize=COSTS, margin=[0.02] * 3).front
    twin = int(np.argmax(before))
    more = mean_front_probability([*fleet, *[fleet[twin]] * (copies - 1)], maximize=COSTS, margin=[0.02] * 3)
    np.testing.assert_allclose(more.front[:40], before, rtol=0, atol=1e-9)


def test_block_effects_are_found_and_removed():
    rng = np.random.default_rng(8)
    clean = noisy_runs(rng, shell_means(rng, 30, 3), 0.01, 8)
    drifted, blocks = with_drift(rng, clean, 0.05)
    found = remove_block_effects(drifted, blocks=blocks)
    assert found.corrected.all()
    assert found.notes == ()
    assert (found.block_share > 0.85).all()
    noise = np.mean([np.log(x).std(axis=0, ddof=1) for x in found.samples])
    assert noise == pytest.approx(0.01, rel=0.15)
    ratios = np.array([a.mean(axis=0) / b.mean(axis=0) for a, b in zip(found.samples, clean, strict=True)])
    assert np.ptp(np.log(ratios), axis=0).max() < 0.004


def test_without_drift_the_spread_of_repeats_stays():
    rng = np.random.default_rng(9)
    runs = noisy_runs(rng, shell_means(rng, 3, 2), 0.05, 200)
    found = remove_block_effects(runs, blocks=[np.arange(200)] * 3)
    before, after = (np.array([np.log(x).std(axis=0) for x in s]) for s in (runs, found.samples))
    np.testing.assert_allclose(after.mean(), before.mean(), rtol=0.03)
    assert (found.block_share < 0.2).all()


def test_incomplete_blocks_do_not_bias_who_missed_the_slow_one():
    rng = np.random.default_rng(10)
    runs = noisy_runs(rng, np.ones((12, 1)), 0.005, 6)
    drifted, blocks = with_drift(rng, runs, 0.2)
    for i in range(6):
        keep = rng.permutation(6)[:4]
        drifted[i], blocks[i] = drifted[i][keep], blocks[i][keep]
    found = remove_block_effects(drifted, blocks=blocks)
    assert np.ptp([np.log(x).mean() for x in found.samples]) < 0.02
    assert np.ptp([np.log(x).mean() for x in drifted]) > 0.05


def test_devices_are_corrected_apart_and_small_ones_not_at_all():
    rng = np.random.default_rng(11)
    runs = noisy_runs(rng, shell_means(rng, 10, 2), 0.02, 5)
    drifted, blocks = with_drift(rng, runs, 0.1)
    found = remove_block_effects(drifted, blocks=blocks, devices=[0] * 8 + [1] * 2)
    assert found.corrected.tolist() == [True] * 8 + [False] * 2
    for i in (8, 9):
        np.testing.assert_array_equal(found.samples[i], drifted[i])
    assert np.isnan(found.block_share[1]).all()
    assert any("device 1, block 0: no correction, 2 of the 3 configurations" in note for note in found.notes)


def test_blocks_that_share_no_configuration_are_parts_and_it_says_so():
    """Six equal configurations: 0 to 2 ran in blocks 0 and 1, the others in blocks 2 and 3, 20 % slower."""
    drift = np.array([0.0, 0.02, 0.2, 0.22])
    blocks = [np.array([0, 1, 0, 1])] * 3 + [np.array([2, 3, 2, 3])] * 3
    rng = np.random.default_rng(1)
    runs = [np.exp(drift[b] + 0.001 * rng.standard_normal(4))[:, None] for b in blocks]
    found = remove_block_effects(runs, blocks=blocks)
    assert found.components == [[[0, 1], [2, 3]]]
    told = "device 0: blocks 0, 1 and blocks 2, 3 share no configuration, so what drifted between them stays"
    assert found.notes == (told,)
    bridge = [*runs, np.exp(drift)[:, None]]
    found = remove_block_effects(bridge, blocks=[*blocks, np.arange(4)])
    assert (found.components, found.notes) == ([[[0, 1, 2, 3]]], ())
    assert np.ptp([np.log(x).mean() for x in found.samples]) < 0.005


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=25))
def test_blocks_are_connected_where_a_walk_over_shared_configurations_leads(runs):
    owners, blocks = zip(*runs, strict=True)
    graph = coo_array((np.ones(len(runs)), (owners, np.array(blocks) + 10)), shape=(20, 20))
    _, label = connected_components(graph, directed=False)
    walked = {frozenset(b for b in blocks if label[b + 10] == component) for component in set(label[10:])}
    assert set(map(frozenset, connected_blocks(owners, blocks))) == walked - {frozenset()}


def test_blocks_that_do_not_match_are_refused():
    runs = noisy_shell(1, 4, 2, 0.1)
    blocks = [np.arange(len(x)) for x in runs]
    with pytest.raises(ValueError, match=r"configuration 2 has \d+ runs; its blocks"):
        remove_block_effects(runs, blocks=[*blocks[:2], blocks[2][:-1], blocks[3]])
    with pytest.raises(ValueError, match="devices must hold"):
        remove_block_effects(runs, blocks=blocks, devices=[0, 1])


def test_the_kth_draws_of_two_configurations_have_nothing_to_do_with_each_other():
    rng = np.random.default_rng(1)
    runs = [np.exp(0.02 * rng.standard_normal((4, 2))) for _ in range(30)]
    for count in (200, 1000):
        drawn = np.log([values[:, 0] for values in replicates(runs, count=count, seed=1)])
        alike = np.corrcoef(drawn)[np.triu_indices(len(runs), 1)]
        assert alike.std() < 1.3 / np.sqrt(count)
        assert np.abs(alike).max() < 5 / np.sqrt(count)
