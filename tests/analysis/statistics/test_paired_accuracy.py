"""Accuracies compared item by item, held against counting all cases."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paretofleet_analysis.errors import SampleError
from paretofleet_analysis.statistics.paired_accuracy import (
    accuracy_interval,
    compare_paired,
    mcnemar_p,
    packed,
    unpacked,
)


@given(st.integers(0, 30), st.integers(0, 30))
def test_p_is_the_sum_over_all_splits_that_are_as_unlike(gained: int, lost: int) -> None:
    unlike = gained + lost
    splits = [comb(unlike, k) for k in range(unlike + 1) if abs(2 * k - unlike) >= abs(gained - lost)]
    assert mcnemar_p(gained, lost) == pytest.approx(sum(splits) / 2**unlike)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=80))
def test_a_comparison_turns_its_sign_with_its_sides(pairs: list[tuple[bool, bool]]) -> None:
    first, second = np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])
    there, back = compare_paired(first, second), compare_paired(second, first)
    assert there.difference == pytest.approx(100 * (second.mean() - first.mean()))
    assert (there.lo, there.hi) == (pytest.approx(-back.hi), pytest.approx(-back.lo))
    assert there.p == back.p
    assert there.lo <= there.difference <= there.hi or there.n < 5


def test_a_pair_is_told_apart_where_two_lonely_accuracies_are_not() -> None:
    """12 items of 1,000 that only one has right, and 1 that only the other has."""
    first = np.arange(1000) < 900
    second = first.copy()
    second[890:902] = [False] * 10 + [False] * 2
    second[899] = True
    found = compare_paired(first, second)
    assert found.p < 0.01
    assert found.hi < 0
    lonely = accuracy_interval(int(first.sum()), 1000), accuracy_interval(int(second.sum()), 1000)
    assert lonely[0][0] < lonely[1][1]


def test_the_interval_of_a_difference_holds_it_nineteen_times_in_twenty() -> None:
    """By simulation: 2,000 pairs of classifiers that disagree on one item in five."""
    random = np.random.default_rng(1)
    held = 0
    for _ in range(2000):
        split = random.choice(3, size=150, p=[0.8, 0.13, 0.07])
        found = compare_paired(split != 1, split != 2)
        held += found.lo <= 6.0 <= found.hi
    assert 0.935 < held / 2000 < 0.965


def test_one_accuracys_interval_is_that_of_its_posterior() -> None:
    """Held against draws of it."""
    draws = np.random.default_rng(2).beta(350.5, 10.5, 200_000)
    lo, hi = np.quantile(draws, [0.025, 0.975]) * 100
    assert accuracy_interval(350, 360) == (pytest.approx(lo, abs=0.05), pytest.approx(hi, abs=0.05))
    assert accuracy_interval(0, 10)[0] == 0.0
    assert accuracy_interval(10, 10)[1] == 100.0


@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_what_is_packed_comes_back(values: list[bool]) -> None:
    assert unpacked(packed(np.array(values)), len(values)).tolist() == values


def test_what_was_not_packed_so_is_refused() -> None:
    with pytest.raises(SampleError, match="not told of 20 items"):
        unpacked(packed(np.ones(3, bool)), 20)
    with pytest.raises(SampleError, match="cannot be read"):
        unpacked("no base64!", 3)
