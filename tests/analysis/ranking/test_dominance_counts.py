"""Efficiency, dominators and ranks, and who is surely dominated."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.ranking.dominance_counts import dominators_of_means, is_surely_dominated
from paretofleet_analysis.ranking.front_query import FrontQuery
from paretofleet_analysis.ranking.probability import probabilities
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report.rows import build_report
from rankings import COSTS, MARGINS, by_model, noisy


def test_efficiency_is_the_share_of_costs_that_another_as_accurate_needs(configuration):
    rows = [
        configuration("small", [0.0100, 0.0101, 0.0099], top1=70.0),
        configuration("slow", [0.0200, 0.0202, 0.0198], top1=70.0),
        configuration("large", [0.0400, 0.0404, 0.0396], top1=80.0),
    ]
    found = by_model(rank(build_report(rows)))
    assert found["slow"].efficiency.median == pytest.approx(0.5, rel=0.01)
    assert 0.45 < found["slow"].efficiency.lo < 0.5 < found["slow"].efficiency.hi < 0.55
    assert found["small"].efficiency.median == found["large"].efficiency.median == 1.0
    assert found["slow"].expected_dominators == pytest.approx(1.0, abs=0.01)
    assert found["slow"].rank_interval == (2, 2)
    assert found["small"].rank_interval == (1, 1)


def test_efficiencies_agree_with_a_simulation():
    runs = noisy(1, 30)
    exactly = [Margin(0.0), Margin(0.0)]
    found = probabilities(runs, FrontQuery(COSTS, exactly), is_held=[False, False])
    rng = np.random.default_rng(7)
    spread = [np.log(x).std(axis=0, ddof=1) / np.sqrt(len(x)) for x in runs]
    centres = np.log([x.mean(axis=0) for x in runs])
    pooled = np.sqrt(np.mean(np.square(spread)))
    thetas = []
    for _ in range(2000):
        logs = centres + pooled * rng.standard_normal(centres.shape)
        thetas.append(np.exp((logs[None] - logs[:, None]).max(axis=2).min(axis=1)))
    lo, median, hi = np.quantile(thetas, [0.025, 0.5, 0.975], axis=0)
    np.testing.assert_allclose(found.efficiency.median, median, atol=0.02)
    np.testing.assert_allclose(found.efficiency.lo, lo, atol=0.04)
    np.testing.assert_allclose(found.efficiency.hi, hi, atol=0.04)


def test_who_is_surely_dominated_matters_to_nobody():
    runs = noisy(5, 400, noise=0.02)
    beaten = is_surely_dominated(runs, maximize=COSTS, margins=MARGINS)
    assert 100 < beaten.sum() < 400
    query = FrontQuery(COSTS, MARGINS, question="run")
    whole = probabilities(runs, query, is_whole=False)
    few = probabilities([x for x, gone in zip(runs, beaten, strict=True) if not gone], query, is_whole=False)
    assert whole.front[beaten].max() == 0.0
    np.testing.assert_allclose(few.front, whole.front[~beaten], atol=1e-8)
    np.testing.assert_allclose(few.pareto, whole.pareto[~beaten], atol=1e-8)


def test_a_row_inside_the_margin_is_not_surely_beaten():
    runs = [np.array([[1.0], [1.0], [1.0001]]), np.array([[1.01], [1.01], [1.0101]])]
    assert not is_surely_dominated(runs, maximize=[False], margins=[Margin(0.02)]).any()
    assert is_surely_dominated(runs, maximize=[False], margins=[Margin(0.005)]).tolist() == [False, True]


def test_dominators_of_means_are_counted():
    points = np.array([[1.0, 1.0], [2.0, 2.0], [2.0, 2.0], [3.0, 0.5]])
    assert dominators_of_means(points, points, maximize=COSTS).tolist() == [0, 1, 1, 0]


def test_large_fleets_say_the_same_of_the_rows_that_matter():
    """Above 300 rows the surely beaten are counted by their means."""
    runs = noisy(6, 290, noise=0.02)
    query, is_held = FrontQuery(COSTS, MARGINS), [False, False]
    small = probabilities(runs, query, is_held=is_held)
    worse = [x * 5 for x in runs[:40]]
    large = probabilities([*runs, *worse], query, is_held=is_held)
    assert np.abs(large.front[:290] - small.front).max() < 0.1
    assert (large.front[290:] < 0.01).all()
    np.testing.assert_allclose(large.dominators[:290], small.dominators, atol=0.6, rtol=0.1)
    np.testing.assert_allclose(large.efficiency.median[:290], small.efficiency.median, atol=0.03)


@pytest.mark.parametrize("top1", [58.18, 56.52, 56.522])
@pytest.mark.parametrize(("of_slow", "of_fast"), [(5, 6), (6, 5), (7, 5), (5, 7)])
def test_an_accuracy_in_common_stays_in_common_whatever_the_number_of_runs(
    configuration, top1, of_slow, of_fast
):
    """The mean of five times 58.18 is not 58.18 in floating point; a bit of it must not beat a rival."""
    slow = configuration("net", [0.02 + k / 1e5 for k in range(of_slow)], top1=top1, runtime="openvino")
    fast = configuration("net", [0.01 + k / 1e5 for k in range(of_fast)], top1=top1)
    rows = rank(build_report([slow, fast])).rows
    assert [row.is_on_frontier_of_means for row in rows] == [True, False]
    assert rows[1].sentence.startswith("Row 1 is better: p90 ")
