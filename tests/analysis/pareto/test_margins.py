"""What it is to beat: monotone, without cycles, fair to twins, and Pareto dominance where no margin is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paretofleet_analysis.pareto import Absolute, Shared, efficiency_intervals, front_probability

from .worlds import beats_by, shared_front_probability

ROW = st.tuples(*[st.integers(0, 6)] * 3)
MARGINS = st.lists(st.sampled_from([0, 0.5, 1, 2]), min_size=3, max_size=3)
COSTS = [False] * 3


def unbeaten(rows, margins) -> np.ndarray:
    """Whether nobody beats each row, taken as certain."""
    margin = [Absolute(m) for m in margins]
    return front_probability([np.array([row], float) for row in rows], maximize=COSTS, margin=margin) == 1.0


@given(
    st.lists(ROW, min_size=1, max_size=8), MARGINS, st.integers(0, 7), st.integers(0, 2), st.integers(1, 4)
)
def test_a_row_made_worse_never_gains(rows, margins, which, objective, more):
    which %= len(rows)
    worse = list(rows)
    worse[which] = tuple(x + more * (k == objective) for k, x in enumerate(rows[which]))
    assert unbeaten(worse, margins)[which] <= unbeaten(rows, margins)[which]


@given(st.lists(ROW, min_size=1, max_size=8), MARGINS)
def test_somebody_is_always_unbeaten(rows, margins):
    assert unbeaten(rows, margins).any()


@given(ROW, ROW, ROW, MARGINS)
def test_there_is_no_cycle(a, b, c, margins):
    beats = beats_by(margins)
    assert not beats(a, a)
    assert not (beats(a, b) and beats(b, a))
    assert not (beats(a, b) and beats(b, c) and beats(c, a))


@given(st.lists(ROW, min_size=1, max_size=6), MARGINS, st.integers(0, 5))
def test_a_twin_changes_nothing(rows, margins, which):
    which %= len(rows)
    before, after = unbeaten(rows, margins), unbeaten([*rows, rows[which]], margins)
    assert after.tolist() == [*before, before[which]]


@given(st.lists(ROW, min_size=1, max_size=8))
def test_without_margins_it_is_dominance(rows):
    strict = front_probability([np.array([row], float) for row in rows], maximize=COSTS) == 1.0
    assert unbeaten(rows, [0, 0, 0]).tolist() == strict.tolist()


@pytest.mark.parametrize("delta", [0.0, 0.01, 0.19, 0.21, 5.0])
def test_slower_hungrier_and_less_accurate_is_beaten(delta):
    rows = [np.array([[70.0, 0.010, 0.05]]), np.array([[70.0 - delta, 0.100, 0.50]])]
    found = front_probability(rows, maximize=[True, False, False], margin=[Absolute(0.2), 0.02, 0.02])
    assert found.tolist() == [1.0, 0.0]


def test_a_little_less_of_one_thing_is_outweighed_and_much_less_is_not():
    fast = np.array([[70.0, 1.0, 1.0]])
    for top1, factor, is_beaten in (
        (70.19, 1.5, True),
        (70.21, 1.5, False),
        (70.1, 1.03, True),
        (70.19, 1.0, False),
    ):
        row = np.array([[top1, factor, 1.0]])
        found = front_probability(
            [fast, row], maximize=[True, False, False], margin=[Absolute(0.2), 0.02, 0.02]
        )
        assert found[1] == float(not is_beaten), (top1, factor)


def test_relative_margins_are_alike_in_both_directions():
    """By 2 % more throughput or 2 % less time: the same margin, so that a unit decides nothing."""
    rng = np.random.default_rng(3)
    times = [np.exp(0.05 * rng.standard_normal((4, 2))) for _ in range(12)]
    as_times = front_probability(times, maximize=[False, False], margin=[0.02, 0.02])
    rates = [np.column_stack([x[:, 0], 1 / x[:, 1]]) for x in times]
    as_rates = front_probability(rates, maximize=[False, True], margin=[0.02, 0.02])
    np.testing.assert_allclose(as_rates, as_times, rtol=0, atol=1e-9)


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.tuples(*[st.integers(1, 4)] * 2), min_size=1, max_size=3), min_size=2, max_size=4),
    st.lists(st.lists(st.tuples(*[st.integers(1, 4)] * 2), min_size=1, max_size=3), min_size=2, max_size=3),
    st.lists(st.sampled_from([0, 0.5, 1, 2]), min_size=4, max_size=4),
    st.randoms(use_true_random=False),
)
def test_any_mixture_of_margins_over_shared_values_is_the_enumeration(samples, values, margins, random):
    groups = [random.randrange(len(values)) for _ in samples]
    entries = list(zip(groups, map(sorted, samples), strict=True))
    kept = [i for i, entry in enumerate(entries) if entry not in entries[:i]]
    samples, groups = [samples[i] for i in kept], [groups[i] for i in kept]
    own, of_shared = margins[:2], margins[2:]
    shared = Shared(
        groups, [np.array(v, float) for v in values], [False, False], [Absolute(m) for m in of_shared]
    )
    found = front_probability(
        [np.array(x, float) for x in samples],
        maximize=COSTS[:2],
        margin=[Absolute(m) for m in own],
        shared=shared,
    )
    expected = shared_front_probability(samples, groups, values, beats_by([*of_shared, *own]))
    np.testing.assert_allclose(found, np.array(expected, dtype=float), rtol=0, atol=1e-8)


def test_noise_is_no_way_around_it():
    """Of 300 random fleets with runs, one row made worse in one objective: its probability never rises."""
    rng = np.random.default_rng(8)
    margin = [Absolute(0.2), 0.02, 0.05]
    for _ in range(300):
        size = int(rng.integers(2, 9))
        centres = np.column_stack([rng.normal(70, 0.3, size), np.exp(rng.normal(0, 0.05, (size, 2)))])
        runs = [c * np.exp([0, 0.03, 0.03] * rng.standard_normal((3, 3))) for c in centres]
        k = int(rng.integers(3))
        worse = [
            runs[0] + [-0.15, 0, 0] if k == 0 else runs[0] * np.where(np.arange(3) == k, 1.03, 1.0),
            *runs[1:],
        ]
        before, after = (
            front_probability(x, maximize=[True, False, False], margin=margin)[0] for x in (runs, worse)
        )
        assert after <= before + 1e-9


@pytest.mark.parametrize("margins", [[0, 0], [0.5, 1]])
def test_runs_that_are_not_admitted_are_on_no_frontier_and_beat_nobody(margins):
    rng = np.random.default_rng(10)
    for _ in range(40):
        samples = [rng.integers(1, 5, (rng.integers(1, 4), 2)).astype(float) for _ in range(4)]
        admitted = [rng.random(len(x)) < 0.6 for x in samples]
        beats = beats_by(margins)
        expected = np.zeros(4)
        for world in itertools.product(*[range(len(x)) for x in samples]):
            points = [samples[i][s] for i, s in enumerate(world)]
            counted = [bool(admitted[i][s]) for i, s in enumerate(world)]
            for i in range(4):
                is_beaten = any(beats(points[j], points[i]) for j in range(4) if j != i and counted[j])
                expected[i] += counted[i] and not is_beaten
        expected /= np.prod([len(x) for x in samples])
        margin = [Absolute(m) for m in margins] if any(margins) else None
        found = front_probability(samples, maximize=[False, False], margin=margin, admitted=admitted)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)


def shrunk(row, rival, share) -> bool:
    """Whether a rival still gains in sum, and loses nothing by more than its margin, against a share of the
    costs.
    """
    top1 = (rival[0] - row[0]) / 0.2
    costs = np.log(share * row[1:] / rival[1:]) / np.log1p([0.02, 0.05])
    return top1 >= -1 and (costs >= -1).all() and top1 + costs.sum() > 0


def test_the_efficiency_is_the_share_of_its_costs_with_which_a_row_that_beats_it_gets_by():
    """Against bisection by the relation itself, of fleets whose means are certain."""
    rng = np.random.default_rng(11)
    margin, maximize = [Absolute(0.2), 0.02, 0.05], [True, False, False]
    for _ in range(10):
        means = np.column_stack([rng.normal(70, 0.3, 8), np.exp(rng.normal(0, 0.2, (8, 2)))])
        points = [np.tile(row, (3, 1)) for row in means]
        found = efficiency_intervals(
            points, means, np.arange(8), maximize=maximize, is_held=[True, False, False], margin=margin
        )
        for i, row in enumerate(means):
            least = 1.0
            for j in range(8):
                pair = [row[None], means[j][None]]
                if front_probability(pair, maximize=maximize, margin=margin)[0] == 1.0:
                    continue
                low, high = 0.01, 1.0
                for _ in range(40):
                    middle = np.sqrt(low * high)
                    low, high = (low, middle) if shrunk(row, means[j], middle) else (middle, high)
                least = min(least, high)
            assert found.median[i] == pytest.approx(least, rel=1e-6)
        np.testing.assert_allclose(found.lo, found.hi)
