"""By what factor configurations changed between two sweeps: by hand, under drift, and how often wrongly."""

from __future__ import annotations

import before_after
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paretofleet_analysis.diagnostics.shift import BootSpread, Side, boot_spread, shifts


def side(rows, boot="before", steps=None, boots=None):
    values = [dict(enumerate(map(float, row))) for row in rows]
    blocks = sorted({block for row in values for block in row})
    return Side(values, boots or dict.fromkeys(blocks, boot), steps or [0.0] * len(rows))


def test_one_configuration_by_hand():
    """With 4 blocks and 3 cosines a side, all the variance there is: the t test of two samples."""
    old = np.array([0.01, -0.02, 0.02, -0.01])
    new = np.array([0.06, 0.04, 0.05, 0.05])
    found = shifts(side([np.exp(old)]), side([np.exp(new)], "after"))[0]
    variance = (old.var(ddof=1) + new.var(ddof=1)) / 2
    assert found.log_ratio == pytest.approx(0.05)
    assert found.error == pytest.approx(np.sqrt(variance * (1 / 4 + 1 / 4)))
    assert found.freedom == pytest.approx(6)
    lo, hi = found.interval
    assert np.log(hi) - 0.05 == pytest.approx(2.4469119 * found.error)
    assert lo * hi == pytest.approx(found.ratio**2)


def test_a_change_within_the_margin_is_no_evidence():
    rng = np.random.default_rng(1)
    old, new = (np.exp(0.001 * rng.standard_normal((6, 8))) for _ in range(2))
    found = shifts(side(old), side(1.015 * new, "after"))
    assert all(shift.p_value(0.02) > 0.99 for shift in found)
    assert all(shift.p_value(0.0) < 1e-6 for shift in found)


def test_a_trend_widens_what_shuffled_blocks_do_not():
    """The same runs in another order: only slow movement says that the next sweep may be elsewhere."""
    ramp = np.linspace(-0.04, 0.04, 10)
    shuffled = ramp[[4, 9, 0, 6, 2, 8, 1, 5, 7, 3]]
    flat = side(np.exp(np.zeros((3, 10)) + 1e-4 * np.eye(3, 10)), "after")
    errors = [shifts(side([np.exp(drift)] * 3), flat)[0].error for drift in (ramp, shuffled)]
    assert errors[0] > 2 * errors[1]


def test_blocks_that_a_configuration_missed_do_not_move_it():
    """What stopped early is held against the blocks that it saw."""
    drift = np.exp(np.array([0.0, 0.0, 0.2, 0.2]))
    whole = [dict(enumerate(drift)), dict(enumerate(2 * drift)), dict(enumerate(4 * drift))]
    early = [{0: 1.0, 1: 1.0}, *whole[1:]]
    boots = dict.fromkeys(range(4), "x")
    old = Side(whole, boots, [0.0] * 3)
    assert shifts(old, Side(early, boots, [0.0] * 3))[0].ratio == pytest.approx(1.0, abs=1e-3)


def test_one_block_a_side_tells_nothing_and_equal_runs_tell_nothing():
    one = side([[1.0], [2.0]])
    assert shifts(one, side([[1.5], [3.0]], "after"))[0].interval is None
    same = side([[1.0] * 5, [2.0] * 5])
    assert shifts(same, side([[1.5] * 5, [2.0] * 5], "after"))[0].p_value(0.02) is None


def test_a_coarse_clock_leaves_its_step_in_the_interval():
    same = [[1.0] * 5]
    found = shifts(side(same, steps=[0.01]), side(same, "after", steps=[0.01]))[0]
    assert found.error is None or found.error > 0


def test_boots_that_differ_widen_and_a_boot_on_both_sides_does_not():
    values = np.exp([[0.0, 0.001, 0.1, 0.101, -0.1, -0.099]] * 3)
    boots = {0: "a", 1: "a", 2: "b", 3: "b", 4: "c", 5: "c"}
    old = side(values, boots=boots)
    spread = boot_spread([old])
    assert spread.freedom == 2
    assert np.sqrt(spread.variance) == pytest.approx(0.1, rel=0.01)
    steady = side(np.exp(0.001 * np.random.default_rng(2).standard_normal((3, 6))))
    after = Side(steady.values, dict.fromkeys(range(6), "after"), steady.steps)
    known, unknown = shifts(steady, after, spread)[0], shifts(steady, after)[0]
    assert known.error > 0.1 > unknown.error
    assert shifts(steady, steady, spread)[0].error == pytest.approx(unknown.error)
    assert boot_spread([steady]) == BootSpread()


@given(
    st.lists(st.lists(st.floats(0.5, 2.0), min_size=3, max_size=6), min_size=1, max_size=4),
    st.floats(0.2, 5.0),
)
@settings(deadline=None, max_examples=20)
def test_the_unit_of_the_values_does_not_matter_and_sides_swap(rows, factor):
    old, new = side(rows), side([list(reversed(row)) for row in rows], "after")
    there, back = shifts(old, new), shifts(new, old)
    scaled = shifts(
        side([[factor * value for value in row] for row in rows]),
        Side([{b: factor * v for b, v in row.items()} for row in new.values], new.boots, new.steps),
    )
    for one, other, same in zip(there, back, scaled, strict=True):
        assert one.log_ratio == pytest.approx(-other.log_ratio, abs=1e-9)
        assert one.log_ratio == pytest.approx(same.log_ratio, abs=1e-9)
        if one.error is not None and one.error > 1e-6:
            assert one.error == pytest.approx(other.error)
            assert one.error == pytest.approx(same.error, rel=1e-6)


@pytest.mark.parametrize("world", before_after.WORLDS[:3], ids=lambda world: world.name)
def test_twins_are_seldom_told_apart_and_changes_are_found(world):
    """The short form of `bench/before_after.py`."""
    found = before_after.rates(world, 25)
    assert found.false <= 12.0
    assert found.false_among_changed <= 2 * before_after.FALSE_DISCOVERIES_MAX
    assert found.covered >= (60.0 if world.lasts else 90.0)
    if world.name == "own noise":
        assert found.found >= before_after.FOUND_MIN
