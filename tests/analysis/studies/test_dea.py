"""Data envelopment analysis against printed values, its dual, and what must hold of any fleet."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paretofleet_analysis.studies import dea
from scipy.optimize import linprog

#: The five units of the guide to DEAP: two inputs, one output.
COSTS, GAINS = [[2, 5], [2, 4], [6, 6], [3, 2], [6, 2]], [[1], [2], [3], [1], [2]]


def by_weights(costs: np.ndarray, gains: np.ndarray, unit: int, *, has_constant_returns: bool) -> float:
    """The efficiency by costs that a unit's most favourable weights give it: the dual program."""
    m, s = costs.shape[1], gains.shape[1]
    free = [] if has_constant_returns else [(None, None)]
    ones = np.ones((len(costs), len(free)))
    result = linprog(
        np.r_[np.zeros(m), -gains[unit], [-1.0] * len(free)],
        A_ub=np.c_[-costs, gains, ones],
        b_ub=np.zeros(len(costs)),
        A_eq=np.r_[costs[unit], np.zeros(s + len(free))][None],
        b_eq=[1.0],
        bounds=[(0, None)] * (m + s) + free,
    )
    return float(-result.fun)


few = settings(max_examples=40)


def fleets(largest: int = 9) -> st.SearchStrategy[tuple[np.ndarray, np.ndarray]]:
    """Costs and gains of a few units; whole numbers, so that ties and copies are common."""
    return st.tuples(
        st.integers(2, largest), st.integers(1, 3), st.integers(1, 2), st.integers(0, 10**6)
    ).map(
        lambda drawn: (
            np.random.default_rng(drawn[3]).integers(1, 6, (drawn[0], drawn[1])).astype(float),
            np.random.default_rng(drawn[3] + 1).integers(1, 6, (drawn[0], drawn[2])).astype(float),
        )
    )


def test_the_five_units_have_the_printed_efficiencies():
    constant = dea.efficiency(COSTS, GAINS, returns="constant")
    assert constant == pytest.approx([0.5, 1.0, 0.8333, 0.7143, 1.0], abs=5e-5)
    assert constant.mean() == pytest.approx(0.8095, abs=5e-5)
    assert dea.efficiency(COSTS, GAINS) == pytest.approx([1.0] * 5)
    assert 1 / dea.efficiency(COSTS, GAINS, orientation="gains") == pytest.approx([2.0, 1.0, 1.0, 1.0, 1.0])


def test_the_first_of_them_is_efficient_in_the_weak_sense_only():
    left = dea.slacks(COSTS, GAINS)
    assert left[0] == pytest.approx([0.0, 0.2, 1.0])
    assert (left[1:] == 0).all()


@few
@given(fleets(), st.booleans())
def test_weights_and_mixtures_give_the_same_efficiency(fleet, has_constant_returns):
    costs, gains = fleet
    ours = dea.efficiency(costs, gains, returns="constant" if has_constant_returns else "variable")
    theirs = [
        by_weights(costs, gains, unit, has_constant_returns=has_constant_returns)
        for unit in range(len(costs))
    ]
    assert ours == pytest.approx(theirs, abs=1e-6)


@few
@given(fleets())
def test_constant_returns_ask_more_than_variable_and_those_more_than_free_disposal(fleet):
    costs, gains = fleet
    constant, variable = dea.efficiency(costs, gains, returns="constant"), dea.efficiency(costs, gains)
    worst = (costs[None] / costs[:, None]).max(axis=2)
    gains_less = (gains[None] < gains[:, None]).any(axis=2)
    disposal = np.where(gains_less, np.inf, worst).min(axis=1)
    assert (constant <= variable + 1e-7).all()
    assert (variable <= disposal + 1e-7).all()


@few
@given(fleets())
def test_many_draws_at_once_are_each_on_its_own(fleet):
    costs, gains = np.stack([fleet[0], fleet[0] ** 2]), np.stack([fleet[1], fleet[1][::-1]])
    each = [dea.efficiency(x, y) for x, y in zip(costs, gains, strict=True)]
    assert dea.efficiency_of_draws(costs, gains) == pytest.approx(np.array(each), abs=1e-7)


@few
@given(fleets(), st.floats(0.01, 100.0))
def test_units_of_measure_do_not_matter(fleet, factor):
    costs, gains = fleet
    scaled = costs * np.r_[factor, np.ones(costs.shape[1] - 1)]
    assert dea.efficiency(scaled, gains) == pytest.approx(dea.efficiency(costs, gains), abs=1e-6)


@few
@given(fleets())
def test_with_constant_returns_both_orientations_agree(fleet):
    by_costs = dea.efficiency(*fleet, returns="constant")
    by_gains = dea.efficiency(*fleet, returns="constant", orientation="gains")
    assert by_costs == pytest.approx(by_gains, abs=1e-6)


@few
@given(fleets())
def test_super_efficiency_is_the_efficiency_beside_the_others_only(fleet):
    costs, gains = fleet
    ours = dea.super_efficiency(costs, gains)
    for unit in range(len(costs)):
        others = np.arange(len(costs)) != unit
        technology = dea.Technology(costs[others], gains[others], True)
        factor = dea.envelopment.radial(technology, costs[[unit]], gains[[unit]], of_costs=True)[0]
        assert ours[unit] == pytest.approx(factor, abs=1e-6)


def test_what_nobody_else_reaches_has_no_super_efficiency_with_variable_returns():
    beside = dea.super_efficiency([[1.0], [2.0]], [[1.0], [3.0]], returns="variable")
    assert beside[0] == pytest.approx(2.0)
    assert np.isnan(beside[1])


@pytest.mark.parametrize(
    ("costs", "gains", "said"),
    [
        ([[1.0]], [[1.0], [2.0]], "costs of 1 units and gains of 2"),
        ([[1.0], [0.0]], [[1.0], [2.0]], "costs, unit 1, column 0 is 0.0"),
        ([[1.0], [2.0]], [[1.0], [float("nan")]], "gains, unit 1, column 0 is nan"),
        ([], [[1.0]], "costs must be a table"),
        ([[1.0], ["x"]], [[1.0], [1.0]], "costs must be a table"),
    ],
)
def test_what_is_no_table_of_positive_numbers_is_refused(costs, gains, said):
    with pytest.raises(ValueError, match=said):
        dea.efficiency(costs, gains)


def test_unknown_words_are_refused():
    with pytest.raises(ValueError, match="give 'constant' or 'variable'"):
        dea.efficiency(COSTS, GAINS, returns="ccr")
    with pytest.raises(ValueError, match="give 'costs' or 'gains'"):
        dea.efficiency(COSTS, GAINS, orientation="input")
    with pytest.raises(ValueError, match="two units or more"):
        dea.super_efficiency([[1.0]], [[1.0]])
