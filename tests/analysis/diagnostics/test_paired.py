"""Two configurations of one device: different or not, and how often that is said of twins."""

from __future__ import annotations

import aa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paretofleet_analysis.diagnostics.paired import PAIR_FACTOR, benjamini_hochberg, compare, compare_with_all


def blocks(values, first=1):
    return dict(enumerate(values, first))


def test_drift_shared_by_a_block_cancels():
    drift = [1.0, 1.3, 0.8, 1.1, 2.0]
    wobble = [1.001, 0.999, 1.0, 1.0005, 0.9995]
    a = blocks([0.020 * d * w for d, w in zip(drift, wobble, strict=True)])
    b = blocks([0.019 * d for d in drift])
    result = compare(a, b)
    assert result.ratio == pytest.approx(20 / 19, rel=1e-3)
    assert 1.05 < result.lo < result.ratio < result.hi < 1.056
    assert result.p_value < 1e-4


def test_a_difference_computed_by_hand():
    # Logarithms of the ratios 0.01, 0.02, 0.03: mean 0.02, standard deviation 0.01.
    result = compare(blocks(np.exp([0.01, 0.02, 0.03])), blocks([1.0, 1.0, 1.0]), resolutions=(0.0, 0.0))
    t = 0.02 / (PAIR_FACTOR * 0.01 / np.sqrt(3))
    two_degrees = 1 - t / np.sqrt(2 + t * t)
    assert result.p_value == pytest.approx(two_degrees)
    assert np.log(result.hi) == pytest.approx(0.02 + 4.3026527 * PAIR_FACTOR * 0.01 / np.sqrt(3))


def test_blocks_that_only_one_has_say_nothing():
    a, b = blocks([1.0, 1.1, 1.2, 9.0]), blocks([1.0, 1.1, 1.2])
    assert compare(a, b) == compare(blocks([1.0, 1.1, 1.2]), b)
    assert compare(blocks([1.0]), blocks([1.0], first=7)).ratio is None
    assert compare(blocks([1.0, 2.0]), blocks([2.0, 4.0])).lo is None


def test_identical_runs_are_alike_and_ratios_that_agree_are_as_sure_as_their_digits():
    same = blocks([1.0, 2.0, 3.0])
    assert compare(same, same).p_value == 1.0
    assert 1e-3 < compare(same, blocks([2.0, 4.0, 6.0])).p_value < 0.05
    assert compare(blocks([1.001, 2.002, 3.003]), blocks([2.002, 4.004, 6.006])).p_value < 1e-4


def test_ratios_that_agree_in_every_digit_are_copies_and_no_evidence():
    runs = [1 / 3, 2 / 7, 5 / 13]
    copied = compare(blocks(runs), blocks([2 * run for run in runs]))
    assert copied.ratio == pytest.approx(0.5)
    assert (copied.lo, copied.hi, copied.p_value) == (None, None, None)


def test_what_a_sensor_s_step_hides_is_no_difference():
    a, b = blocks([0.010] * 6), blocks([0.011] * 6)
    assert compare(a, b, resolutions=(0.001, 0.001)).p_value > 0.01
    assert compare(a, b, resolutions=(0.01, 0.01)).p_value > 0.5
    assert compare(a, b, resolutions=(1e-5, 1e-5)).p_value < 1e-6


@given(
    st.lists(st.floats(0.5, 2), min_size=3, max_size=9), st.lists(st.floats(0.5, 2), min_size=3, max_size=9)
)
def test_the_order_of_two_turns_the_ratio_only_and_the_interval_agrees_with_the_p_value(first, second):
    one, other = compare(blocks(first), blocks(second)), compare(blocks(second), blocks(first))
    assert one.ratio == pytest.approx(1 / other.ratio)
    assert one.p_value == pytest.approx(other.p_value) or one.p_value is other.p_value is None
    if one.p_value is not None and abs(one.p_value - 0.05) > 1e-6:
        assert (one.p_value < 0.05) is not (one.lo <= 1 <= one.hi)


def test_benjamini_and_hochberg_s_own_example():
    # The fifteen p-values of their paper (1995, section 3.2): four are rejected at 0.05.
    p_values = [
        *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
        *(0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0),
    ]
    assert benjamini_hochberg(p_values) == [True] * 4 + [False] * 11
    assert benjamini_hochberg([]) == []
    assert benjamini_hochberg([None] * 30) == [False] * 30
    assert benjamini_hochberg([0.9] + [None] * 30) == [False] * 31


def test_of_many_only_what_differs_is_told_apart():
    rng = np.random.default_rng(2)
    runs = {
        f"twin{i}": blocks(0.02 * np.exp(0.01 * rng.standard_normal(10)) * (1.2 if i == 0 else 1.0))
        for i in range(10)
    }
    for name, own in runs.items():
        others = {other: values for other, values in runs.items() if other != name}
        told = compare_with_all(own, list(others.values()))
        found = {other for other, (_, differs) in zip(others, told, strict=True) if differs}
        assert found == (set(others) if name == "twin0" else {"twin0"})


@pytest.mark.parametrize("law", aa.sweeps.GATED)
@pytest.mark.parametrize("noise", [0.03, 0.05])
def test_twins_are_told_apart_in_few_pairs_and_a_sweep_of_40_has_few_false_discoveries(law, noise):
    found = aa.rates(law, noise, 1000)
    assert found.apart <= aa.PAIRS_APART_MAX
    assert found.false_discoveries <= aa.FALSE_DISCOVERIES_MAX
    assert found.false_among_differing <= aa.FALSE_DISCOVERIES_MAX
    assert found.found > 50
