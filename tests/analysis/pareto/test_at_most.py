"""Counting what lies below what, without looking at all pairs: the numbers of looking at all of them."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.pareto import (
    at_most,
    deterministic,
    dominance_probabilities,
    dominance_probability,
    expected_dominators,
)
from paretofleet_analysis.pareto.at_most import weights_at_most, weights_equal


@pytest.mark.parametrize("dimensions", [1, 2, 3, 4])
@pytest.mark.parametrize("levels", [3, 60, 10**6])
def test_weights_are_added_of_exactly_those_that_are_at_most_a_point(monkeypatch, dimensions, levels):
    monkeypatch.setattr(at_most, "_CELLS", 30)
    rng = np.random.default_rng([dimensions, levels])
    points, others = (rng.integers(0, levels, (n, dimensions)).astype(np.int32) for n in (150, 220))
    others[:40] = points[:40]
    weights = rng.integers(1, 9, len(others)).astype(float)
    pairs = others[:, None], points[None]
    is_at_most, is_equal = np.all(pairs[0] <= pairs[1], axis=2), np.all(pairs[0] == pairs[1], axis=2)
    assert (weights_at_most(points, others, weights) == weights @ is_at_most).all()
    assert (weights_at_most(points, others) == is_at_most.sum(axis=0)).all()
    assert (weights_equal(points, others, weights) == weights @ is_equal).all()


def test_nothing_is_at_most_a_point_where_there_is_nothing():
    none, points = np.empty((0, 2), dtype=np.int32), np.array([[1, 2]], dtype=np.int32)
    assert weights_at_most(points, none).tolist() == weights_equal(points, none).tolist() == [0]
    assert weights_at_most(none, points).tolist() == []


def _fleet(kind: str, runs: list[int]) -> list[np.ndarray]:
    rng = np.random.default_rng(len(kind))
    spread = np.exp(rng.standard_normal((len(runs), 3)))
    fleet = [
        middle * np.exp(0.5 * rng.standard_normal((m, 3))) for middle, m in zip(spread, runs, strict=True)
    ]
    if kind == "tied":
        return [np.ceil(values) for values in fleet]
    if kind == "constant":
        return [np.column_stack([np.full(len(x), np.ceil(x[0, 0])), x[:, 1:]]) for x in fleet]
    return fleet


@pytest.fixture
def counted(monkeypatch):
    """Few configurations are counted as many are."""
    monkeypatch.setattr(dominance_probabilities, "_PAIRED_UP_TO", 0)


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize("runs", [[20] * 120, [1, 2, 3, 5, 7, 30] * 20], ids=["alike", "unlike"])
@pytest.mark.parametrize("kind", ["continuous", "tied", "constant"])
def test_expected_dominators_are_the_sums_of_the_probabilities_of_pairs(kind, runs):
    fleet, maximize = _fleet(kind, runs), [True, False, False]
    expected = np.asarray(dominance_probability(fleet, maximize=maximize).sum(axis=0)).ravel()
    found = expected_dominators(fleet, maximize=maximize)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=0)
    assert (found[expected == 0] == 0).all()


@pytest.mark.usefixtures("counted")
def test_runs_without_a_common_multiple_of_usual_size_are_looked_at_in_pairs(monkeypatch):
    fleet = _fleet("tied", [1, 2, 3, 5, 7, 30] * 5)
    by_division = expected_dominators(fleet, maximize=[False] * 3)
    monkeypatch.setattr(dominance_probabilities, "_WHOLE_MAX", 1)
    np.testing.assert_allclose(expected_dominators(fleet, maximize=[False] * 3), by_division, rtol=1e-12)


@pytest.mark.usefixtures("counted")
def test_any_number_of_pairs_may_dominate(monkeypatch):
    """A report of 30,000 rows with much noise has more possible pairs than are stored."""
    monkeypatch.setattr(dominance_probabilities, "_PAIRS_MAX", 10)
    fleet = [np.array([[float(k)]]) for k in range(50)]
    assert expected_dominators(fleet, maximize=[False]).tolist() == list(range(50))


def test_dominators_of_very_many_points_are_those_of_few(monkeypatch):
    rng = np.random.default_rng(1)
    points = np.round(rng.standard_normal((300, 3)), 1)
    others = np.concatenate([points[:100], np.round(rng.standard_normal((300, 3)), 1)])
    one_by_one = deterministic.dominator_counts(points, others)
    monkeypatch.setattr(deterministic, "_DIVIDED_FROM", 1)
    assert (deterministic.dominator_counts(points, others) == one_by_one).all()
