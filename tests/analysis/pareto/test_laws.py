"""Closed forms, published numbers, identities and invariances."""

from __future__ import annotations

import itertools
import math

import moocore
import numpy as np
import pytest
import scipy.stats
from paretofleet_analysis.pareto import (
    Absolute,
    Shared,
    attainment,
    dominance_probability,
    dominator_distribution,
    efficiency_survival,
    expected_dominators,
    front_probability,
    rank_interval,
)
from paretofleet_analysis.pareto.kernel import engine

from .fleets import noisy_shell

#: Expected size of the frontier of n independent continuous points (Bai, Chao, Hwang, Liang 1998).
EXPECTED_FRONT = {
    10: {2: 2.928968, 3: 5.064311, 4: 6.856653, 5: 8.130249, 6: 8.942059},
    100: {2: 5.187378, 3: 14.271935, 4: 27.905733, 5: 43.852386, 6: 59.382125},
    1000: {2: 7.485471, 3: 28.838104, 4: 76.458157, 5: 157.453385, 6: 269.621718},
}


@pytest.mark.parametrize("d", range(2, 7))
@pytest.mark.parametrize("n", EXPECTED_FRONT)
def test_expected_front_of_independent_points(n, d):
    """Runs of continuous points are never equal, so the closed form holds for any number of them."""
    rng = np.random.default_rng(n + d)
    if n == 1000 and engine.engine().name == "numpy":
        pytest.skip("numpy takes minutes for 1,000 configurations")
    runs = 10 if n == 1000 else 40
    size = [front_probability(list(rng.random((n, runs, d))), maximize=[False] * d).sum() for _ in range(12)]
    standard_error = np.std(size, ddof=1) / math.sqrt(len(size))
    assert abs(np.mean(size) - EXPECTED_FRONT[n][d]) < 5 * standard_error + 1e-9


def test_copies_of_one_sample_set_share_the_front():
    values = np.arange(7.0)[:, None]
    np.testing.assert_allclose(front_probability([values, values], maximize=[False]), 1 / 2 + 1 / 14)


@pytest.mark.parametrize("copies", [2, 3, 4])
def test_copies_of_one_sample_set_are_equally_probable(copies):
    values = np.random.default_rng(copies).integers(1, 5, (4, 2)).astype(float)
    found = front_probability([values] * copies, maximize=[False, False])
    fronts = [
        moocore.is_nondominated(np.array(world), keep_weakly=True).sum()
        for world in itertools.product(values, repeat=copies)
    ]
    np.testing.assert_allclose(found, np.mean(fronts) / copies, rtol=0, atol=1e-8)


def test_two_gaussians_with_correlated_objectives():
    rng = np.random.default_rng(3)
    for rho, expected in [(0.5, 1 / 3), (-0.5, 1 / 6), (0.9, 0.428217)]:
        covariance = [[1, rho], [rho, 1]]
        pair = [rng.multivariate_normal([0, 0], covariance, 1500) for _ in range(2)]
        found = dominance_probability(pair, maximize=[False, False])[0, 1]
        assert found == pytest.approx(expected, abs=0.03)
        assert 1 / 4 + math.asin(rho) / (2 * math.pi) == pytest.approx(expected, abs=1e-6)


def test_two_gaussians_with_independent_objectives():
    rng = np.random.default_rng(5)
    means, sds = np.array([[0.0, 0.0], [0.7, -0.2]]), np.array([[1.0, 0.5], [0.3, 2.0]])
    pair = [rng.normal(m, s, (2000, 2)) for m, s in zip(means, sds, strict=True)]
    expected = scipy.stats.norm.cdf((means[1] - means[0]) / np.hypot(*sds)).prod()
    assert dominance_probability(pair, maximize=[False, False])[0, 1] == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("rho", [-0.7, 0.3, 0.8])
def test_two_gaussians_with_correlated_objectives_apart(rho):
    """P(1 dominates 2) is the bivariate normal distribution function at the distance of the means."""
    covariance, apart = np.array([[1.0, 0.5 * rho], [0.5 * rho, 0.25]]), np.array([0.6, -0.2])
    rng = np.random.default_rng(7)
    pair = [rng.multivariate_normal(m, covariance, 1500) for m in (np.zeros(2), apart)]
    expected = scipy.stats.multivariate_normal.cdf(apart, mean=[0, 0], cov=2 * covariance)
    found = dominance_probability(pair, maximize=[False, False])[0, 1]
    assert found == pytest.approx(expected, abs=0.03)


def test_without_noise_it_is_the_deterministic_frontier_duplicates_included():
    rng = np.random.default_rng(0)
    points = rng.integers(0, 6, (60, 3)).astype(float)
    found = front_probability([p[None] for p in points], maximize=[False, True, False])
    expected = moocore.is_nondominated(points, maximise=[False, True, False], keep_weakly=True)
    np.testing.assert_array_equal(found, expected)
    repeated = front_probability([np.tile(p, (4, 1)) for p in points], maximize=[False, True, False])
    np.testing.assert_array_equal(repeated, expected)


def test_without_noise_efficiencies_and_ranks_are_certain():
    """theta_i = min over j of max over k of x_jk / x_ik; one configuration is entered twice."""
    points = np.random.default_rng(1).integers(1, 9, (30, 3)).astype(float)
    points[7] = points[3]
    samples = [np.tile(p, (3, 1)) for p in points]
    costs = [False] * 3
    theta = (points[None] / points[:, None]).max(axis=2).min(axis=1)
    above = efficiency_survival(samples, maximize=costs, thresholds=[0.3, 0.5, 0.7, 0.9])
    np.testing.assert_array_equal(above, theta[:, None] > np.array([0.3, 0.5, 0.7, 0.9]))
    at_most = (points[None] <= points[:, None]).all(axis=2) & (points[None] < points[:, None]).any(axis=2)
    law = dominator_distribution(samples, maximize=costs, up_to=29)
    np.testing.assert_array_equal(law.argmax(axis=1), at_most.sum(axis=1))
    np.testing.assert_array_equal(law.max(axis=1), 1.0)
    np.testing.assert_array_equal(rank_interval(law), np.repeat(1 + at_most.sum(axis=1), 2).reshape(-1, 2))


def test_the_slower_device_of_one_model_is_never_on_the_frontier():
    """The trap: drawn independently, the accuracy would save it half of the time."""
    accuracy = np.linspace(0.70, 0.80, 50)
    times = [np.array([[1.0], [1.1]]), np.array([[2.0], [2.2]])]
    shared = Shared(groups=[0, 0], values=[accuracy], maximize=True)
    np.testing.assert_array_equal(front_probability(times, maximize=[False], shared=shared), [1.0, 0.0])
    wrong = [np.column_stack([np.resize(t, 50), accuracy]) for t in times]
    assert front_probability(wrong, maximize=[False, True])[1] == pytest.approx(0.5, abs=0.02)


def test_a_shared_vector_without_spread_is_a_column():
    fleet = noisy_shell(8, 60, 2, 0.1)
    groups = np.arange(60) % 7
    accuracy = np.round(np.random.default_rng(1).random(7), 1)
    shared = Shared(groups=groups, values=[np.array([a]) for a in accuracy], maximize=True)
    columns = [np.column_stack([x, np.full(len(x), accuracy[g])]) for x, g in zip(fleet, groups, strict=True)]
    for margin in (None, [0.02, 0.02]):
        with_shared = front_probability(fleet, maximize=[False, False], margin=margin, shared=shared)
        wide = None if margin is None else [*margin, 0.0]
        with_column = front_probability(columns, maximize=[False, False, True], margin=wide)
        np.testing.assert_allclose(with_shared, with_column, atol=1e-9)


@pytest.fixture(scope="module")
def fleet():
    return noisy_shell(2, 80, 3, 0.1, low=3, high=8)


MAXIMIZE = [False, False, False]


def everything(fleet, maximize=MAXIMIZE) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """P(front), the laws of the numbers of dominators, and all pairs."""
    return (
        front_probability(fleet, maximize=maximize),
        dominator_distribution(fleet, maximize=maximize, up_to=6),
        dominance_probability(fleet, maximize=maximize).toarray(),
    )


def test_monotone_transforms_change_no_bit(fleet):
    bent = [np.column_stack([np.log(x[:, 0]), x[:, 1] ** 3, -1 / x[:, 2]]) for x in fleet]
    turned = everything([-x for x in fleet], maximize=[True, True, True])
    for direct, other, back in zip(everything(fleet), everything(bent), turned, strict=True):
        np.testing.assert_array_equal(other, direct)
        np.testing.assert_array_equal(back, direct)


def test_units_change_no_efficiency(fleet):
    scale = np.array([1e3, 2.0**-20, 4.0])
    for c in (0.8, 0.95):
        a = efficiency_survival(fleet, maximize=MAXIMIZE, thresholds=[c])
        b = efficiency_survival([x * scale for x in fleet], maximize=MAXIMIZE, thresholds=[c])
        np.testing.assert_allclose(a, b, atol=1e-9)


def test_the_order_of_configurations_changes_no_bit(fleet):
    order = np.random.default_rng(9).permutation(len(fleet))
    front, laws, pairs = everything(fleet)
    shuffled = everything([fleet[i] for i in order])
    for direct, other in zip((front[order], laws[order], pairs[np.ix_(order, order)]), shuffled, strict=True):
        np.testing.assert_array_equal(other, direct)


def test_the_order_of_runs_and_objectives_changes_no_more_than_the_order_of_sums(fleet):
    """Factors and means over runs are taken in another order; pairs are counted and change no bit."""
    rng = np.random.default_rng(9)
    for shuffled in ([rng.permutation(x) for x in fleet], [x[:, [2, 0, 1]] for x in fleet]):
        for direct, other in zip(everything(fleet), everything(shuffled), strict=True):
            np.testing.assert_allclose(other, direct, rtol=0, atol=1e-15)
        np.testing.assert_array_equal(everything(shuffled)[2], everything(fleet)[2])


def test_splitting_runs_or_adding_the_hopeless_changes_nothing(fleet):
    direct = front_probability(fleet, maximize=MAXIMIZE)
    doubled = front_probability([np.repeat(x, 2, axis=0) for x in fleet], maximize=MAXIMIZE)
    np.testing.assert_allclose(doubled, direct, rtol=0, atol=1e-9)
    worst = np.max([x.max(axis=0) for x in fleet], axis=0)
    hopeless = np.stack([worst + 1.0, worst + 2.0])
    more = front_probability([*fleet, hopeless], maximize=MAXIMIZE)
    np.testing.assert_allclose(more, [*direct, 0.0], rtol=0, atol=1e-9)


def test_identities(fleet):
    front = front_probability(fleet, maximize=MAXIMIZE)
    dominance = dominance_probability(fleet, maximize=MAXIMIZE)
    law = dominator_distribution(fleet, maximize=MAXIMIZE, up_to=len(fleet) - 1)
    efficient = efficiency_survival(fleet, maximize=MAXIMIZE, thresholds=[0.9, 1.0 - 1e-12, 1.0])
    np.testing.assert_allclose(law[:, 0], front, atol=1e-8)
    np.testing.assert_allclose(law.sum(axis=1), 1.0, atol=1e-8)
    expected = np.asarray(dominance.sum(axis=0)).ravel()
    np.testing.assert_allclose(law @ np.arange(len(fleet)), expected, atol=1e-6)
    np.testing.assert_allclose(expected_dominators(fleet, maximize=MAXIMIZE), expected, atol=1e-12)
    assert (front <= 1.0 - dominance.toarray().max(axis=0) + 1e-9).all()
    assert (efficient[:, 1] >= front - 1e-9).all()
    assert (np.diff(efficient, axis=1) <= 0).all()
    np.testing.assert_array_equal(efficient[:, 2], 0.0)


def test_it_agrees_with_long_simulations():
    """The simulations scatter around it as much as their numbers of draws say, over 700 open rows."""
    rng = np.random.default_rng(11)
    draws, off = 2000, []
    for seed in range(6):
        fleet = noisy_shell(seed, 300, 3, 0.1, low=3, high=8)
        rows, runs = np.concatenate(fleet), np.array([len(x) for x in fleet])
        worlds = (rows[np.cumsum(runs) - runs + rng.integers(runs)] for _ in range(draws))
        hits = sum(moocore.is_nondominated(world, keep_weakly=True).astype(int) for world in worlds)
        p = front_probability(fleet, maximize=MAXIMIZE)
        assert (hits[p == 0] == 0).all()
        open_ = (p > 0.01) & (p < 0.99)
        off.extend((hits / draws - p)[open_] / np.sqrt(p * (1 - p) / draws)[open_])
    z = np.array(off)
    assert len(z) > 600
    assert (np.abs(z) <= 4).mean() >= 0.999
    assert 0.9 < np.sqrt((z**2).mean()) < 1.1


@pytest.mark.parametrize("m", [1, 3, 25, 200])
def test_the_order_m_efficiency_of_a_fleet_without_noise(m):
    """Expected least ratio among m random peers (Cazals, Florens, Simar 2002), here at most 1: each peer is a
    configuration whose runs are the fleet. For many peers it is the FDH efficiency.
    """
    points = 1 + np.random.default_rng(6).random((10, 2))
    own = points[7]
    ratios = np.minimum(np.sort((points / own).max(axis=1)), 1.0)
    behind = 1 - np.arange(11) / 10
    expected = (ratios * (behind[:-1] ** m - behind[1:] ** m)).sum()
    fleet, grid = [own[None], *[points] * m], np.arange(512) / 512
    above = efficiency_survival(fleet, maximize=[False, False], thresholds=grid)[0]
    # a mean is the integral of the survival function, between the sums of its right and left ends
    assert above[1:].sum() / 512 - 1e-9 <= expected <= above.sum() / 512 + 1e-9
    if m == 200:
        assert expected == pytest.approx(ratios[0], abs=1e-8)


def test_rank_interval_reads_the_law():
    law = np.array([[0.99, 0.01, 0.0], [0.5, 0.3, 0.2], [0.0, 0.0, 0.1]])
    np.testing.assert_array_equal(rank_interval(law), [[1, 1], [1, 3], [3, 4]])
    np.testing.assert_array_equal(rank_interval(law, level=0.5), [[1, 1], [1, 2], [4, 4]])


@pytest.mark.parametrize("copies", [2, 5, 10])
def test_entering_a_configuration_again_changes_no_other_probability(fleet, copies):
    margin = [0.02, 0.02, Absolute(0.01)]
    before = front_probability(fleet, maximize=MAXIMIZE, margin=margin)
    for twin in np.argsort(before)[[0, 30, 50, 79]]:
        after = front_probability([*fleet, *[fleet[twin]] * (copies - 1)], maximize=MAXIMIZE, margin=margin)
        np.testing.assert_allclose(after[: len(fleet)], before, rtol=0, atol=1e-12)
        np.testing.assert_allclose(after[len(fleet) :], before[twin], rtol=0, atol=1e-12)


def test_margins_of_zero_are_no_margins(fleet):
    front = front_probability(fleet, maximize=MAXIMIZE)
    zero = front_probability(fleet, maximize=MAXIMIZE, margin=[0.0, 0.0, 0.0])
    np.testing.assert_allclose(zero, front, rtol=0, atol=1e-9)


def test_attainment_grows_towards_the_worse(fleet):
    line = np.linspace(0.2, 3.0, 30)[:, None] * np.ones(3)
    found = attainment(fleet, maximize=MAXIMIZE, targets=line)
    assert (np.diff(found) >= -1e-12).all()
    assert found[-1] == pytest.approx(1.0, abs=1e-8)
