"""What is unknown but common to a device cancels inside it and is integrated over between devices."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.ranking.common_factors import Factors, common_factors
from paretofleet_analysis.ranking.factor_integral import integrate_over_factors
from paretofleet_analysis.ranking.front_query import FrontQuery, exact_front
from paretofleet_analysis.ranking.probability import probabilities
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report import files
from paretofleet_analysis.report.schema import schema
from rankings import drifting


def test_a_common_gain_cancels_inside_a_device():
    assert (
        common_factors(["a", "a"], [("a rapl", 0.1)] * 2, of_power=[True, False], drifts={}, seed=1) is None
    )


def test_a_gain_across_devices_is_integrated_over():
    """Two devices 2 % apart in energy with exact runs: the answer is the normal distribution's."""
    runs = [np.array([[1.0], [1.0001], [0.9999]]), np.array([[1.02], [1.0201], [1.0199]])]
    factors = common_factors(["a", "b"], [("a", 0.0392), ("b", 0.0392)], of_power=[True], drifts={}, seed=1)
    found = probabilities(
        runs,
        FrontQuery(maximize=[False], margins=[Margin(0.0)], factors=factors),
        is_whole=False,
    )
    # gains of 2 % standard deviation each: P(log 1.02 > sqrt(2) 0.02 z) = 0.758
    assert found.raw_front[0] == pytest.approx(0.758, abs=0.07)
    assert found.raw_front.sum() == pytest.approx(1.0, abs=1e-6)
    assert 0.0 < found.factors_error < 0.15


def test_a_gain_cancels_inside_its_device_and_counts_across():
    points = [np.full((3, 1), energy) for energy in (1.0, 1.1, 1.05)]
    gains = [("a", 0.05 * 1.959964), ("a", None), ("b", 0.05 * 1.959964)]
    factors = common_factors(["a", "a", "b"], gains, of_power=[True], drifts={}, seed=1)
    query = FrontQuery(maximize=[False], margins=[Margin(0.0)], factors=factors)
    answer, error = integrate_over_factors(points, query, factors)
    # log(1.05) / (0.05 sqrt(2)) standard deviations between a and c; b is behind a whatever the gain
    np.testing.assert_allclose(answer.front, [0.755, 0.0, 0.245], rtol=0, atol=0.05)
    assert answer.front[1] == 0.0
    assert 0.0 < error < 0.1  # 32 points, each of which says 0 or 1


def test_gains_without_spread_are_the_kernel():
    rng = np.random.default_rng(2)
    points = list(rng.random((60, 5, 3)) + 0.5)
    factors = Factors(np.arange(60) % 2, (np.zeros((60, 3)),), 1)
    query = FrontQuery(maximize=[False] * 3, margins=[Margin(0.02)] * 3, factors=factors)
    answer, error = integrate_over_factors(points, query, factors)
    kernel = exact_front(points, query)
    np.testing.assert_allclose(answer.front, kernel.front, rtol=0, atol=1e-12)
    np.testing.assert_allclose(answer.pareto, kernel.pareto, rtol=0, atol=1e-12)
    assert error < 1e-12


def test_few_blocks_do_not_know_their_own_drift_well():
    """Three blocks of one device: what is sure at 95 % is Student's, 2.92 standard errors, not 1.64."""
    drift = np.array([[0.02], [-0.03], [0.01]])
    factors = common_factors(["a", "b"], [None, None], of_power=[False], drifts={"a": drift}, seed=1)
    reach = 1.645 * np.sqrt(sum(one[0, 0] ** 2 for one in factors.loadings))
    assert reach == pytest.approx(2.92 * drift.std(ddof=1) / np.sqrt(3), rel=1e-3)
    assert all(one[1, 0] == 0.0 for one in factors.loadings)


def test_drift_of_devices_apart_is_no_certainty_between_them(configuration):
    """Inside each device drift cancels; between two that drifted by 10 % nothing is sure."""
    tables = [drifting(configuration, 0.0), drifting(configuration, 0.1)]
    rows = files.concatenate(tables).to_pylist()
    for row in rows[4:]:
        row["device"], row["run_ids"] = "other", [f"other-{run}" for run in row["run_ids"]]
    table = pa.Table.from_pylist(rows, schema=schema())
    ranking = rank(table)
    assert all(row.p_front > 0.1 for row in ranking.rows if row.identity["model"] == "d")
    assert ranking.evidence["common_factors_error"] is not None
