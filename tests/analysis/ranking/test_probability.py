"""Properties of the probabilities."""

from __future__ import annotations

import itertools

import moocore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.pareto.deterministic import nondominated
from paretofleet_analysis.ranking.front_query import FrontQuery
from paretofleet_analysis.ranking.probability import probabilities
from rankings import MARGINS

NO_MARGIN = Margin(0.0)


samples = st.lists(
    st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=3, max_size=6),
    min_size=1,
    max_size=6,
).map(lambda rows: [np.array(runs, dtype=float) for runs in rows])


def ask(arrays, question="mean", margins=MARGINS, **more):
    """The probabilities of a cost and a gain."""
    return probabilities(arrays, FrontQuery((False, True), margins, question), **more)


@settings(max_examples=12, deadline=None)
@given(samples, st.randoms(use_true_random=False), st.sampled_from(["mean", "run"]))
def test_the_order_of_rows_and_of_runs_changes_nothing(arrays, random, question):
    order = list(range(len(arrays)))
    random.shuffle(order)
    one = ask(arrays, question)
    two = ask([arrays[i][::-1] for i in order], question)
    assert two.front.tolist() == one.front[order].tolist()
    assert two.pareto.tolist() == one.pareto[order].tolist()
    assert two.dominators == pytest.approx(one.dominators[order])


@settings(max_examples=6, deadline=None)
@given(samples, st.integers(1, 4))
def test_a_twin_changes_no_probability_and_shares_its_own(arrays, copies):
    one = ask(arrays)
    two = ask(arrays + [arrays[0]] * copies)
    assert two.front[: len(arrays)].tolist() == one.front.tolist()
    assert two.pareto[: len(arrays)].tolist() == one.pareto.tolist()
    assert set(two.front[len(arrays) :]) == {one.front[0]}


@settings(max_examples=6, deadline=None)
@given(samples)
def test_without_margins_to_beat_is_to_dominate(arrays):
    none = ask(arrays, margins=(NO_MARGIN, NO_MARGIN))
    assert none.pareto.tolist() == none.front.tolist()
    assert ((none.front >= 0) & (none.front <= 1)).all()


@settings(max_examples=30, deadline=None)
@given(samples)
def test_one_more_run_is_the_share_of_worlds_in_which_moocore_finds_the_row(arrays):
    """The obvious twin: every combination of one run of each, counted."""
    arrays = [array[:3] for array in arrays[:4]]
    distinct = {a[np.lexsort(a.T)].tobytes(): a for a in arrays}
    arrays = list(distinct.values())
    worlds = list(itertools.product(*arrays))
    kept = [
        moocore.is_nondominated(np.array(world), maximise=[False, True], keep_weakly=True) for world in worlds
    ]
    assert ask(arrays, "run").pareto == pytest.approx(np.mean(kept, axis=0), abs=1e-8)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=8))
def test_certain_runs_give_the_deterministic_frontier(points):
    arrays = [np.array([point] * 3, dtype=float) for point in points]
    expected = nondominated(np.array(points), maximize=[False, True]).astype(float)
    for question in ("mean", "run"):
        assert ask(arrays, question).pareto == pytest.approx(expected, abs=0.01)
