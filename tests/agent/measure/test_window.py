"""When a made-up window holds enough, and how long its blocks are."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_series import QUICK, STANDARD, series
from paretofleet_agent.measure import warm_up, window
from paretofleet_agent.measure.series import BLOCK_S_MIN, Series
from paretofleet_agent.measure.warm_up import CAPPED, MORE, STEADY


def test_the_window_ends_at_the_most_iterations_or_at_both_minima():
    assert window.enough(series([0.001] * 30), QUICK)
    assert not window.enough(series([0.01] * 29), QUICK)
    assert not window.enough(series([1.0] * 9), QUICK)
    assert window.enough(series([1.0] * 10), QUICK)


@given(st.lists(st.integers(min_value=1, max_value=3 * 10**9), max_size=60))
def test_a_block_of_the_window_never_passes_the_most_iterations(durations):
    so_far = series([d / 1e9 for d in durations[:29]])
    block = window.next_block(so_far, QUICK)
    assert 1 <= block.max_iterations <= QUICK.iterations_max - so_far.n
    assert BLOCK_S_MIN <= block.seconds <= QUICK.block_s


FLOOR = dataclasses.replace(QUICK, window_floor_s=0.5)


@pytest.mark.parametrize(("t_s", "n", "enough"), [(1e-5, 30, False), (1e-3, 499, False), (1e-3, 501, True)])
def test_a_window_has_its_floor_whatever_its_iterations_are(t_s, n, enough):
    assert window.enough(series([t_s] * n), FLOOR) is enough


@pytest.mark.parametrize("t_s", [1e-6, 1e-4, 1e-2, 0.3, 2.0])
def test_a_floor_adds_what_is_missing_to_it_and_nothing_more(t_s):
    measured = Series()
    while not window.enough(measured, FLOOR):
        block = window.next_block(measured, FLOOR)
        n = max(1, min(block.max_iterations, round(block.seconds / t_s)))
        starts = [measured.last_ns + i * int(t_s * 1e9) for i in range(n)]
        measured = measured.extended(starts, [int(t_s * 1e9)] * n)
    if measured.n > FLOOR.iterations_max:
        assert 0.5 <= measured.elapsed_s <= 0.5 + BLOCK_S_MIN + t_s
    assert measured.elapsed_s >= 0.5


def test_a_runtime_that_starts_anew_counts_all_that_it_worked():
    assert window.whole_window(QUICK).max_iterations == QUICK.iterations_max
    assert window.whole_window(FLOOR).max_iterations > FLOOR.iterations_max


def test_a_simulated_device_has_no_floor():
    assert warm_up.limits_here(FLOOR, wakes_slowly=False, has_floor=False) == QUICK
    assert warm_up.limits_here(FLOOR, wakes_slowly=False) == FLOOR


@pytest.mark.parametrize("t_s", [1e-5, 1e-3, 0.04, 0.7, 4.0])
@pytest.mark.parametrize("limits", [QUICK, STANDARD], ids=["quick", "standard"])
def test_following_the_decisions_ends_and_keeps_to_the_limits(t_s, limits):
    def work(now, block):
        n = max(1, min(block.max_iterations, int(block.seconds / t_s)))
        starts = [now + i * int(t_s * 1e9) for i in range(n)]
        return starts, [int(t_s * 1e9)] * n

    warm, state = Series(), MORE
    while state == MORE:
        starts, durations = work(warm.last_ns, warm_up.next_warm_up_block(warm, limits))
        warm = warm.extended(starts, durations)
        state = warm_up.warm_up(warm, limits)
    # 20 iterations of 4 s are beyond the most time of warm-up.
    assert state == (CAPPED if t_s == 4.0 and not limits.is_short else STEADY)
    assert warm.elapsed_s <= max(limits.warm_up_min_s, 22 * t_s) + limits.block_s + t_s
    measured = Series()
    while not window.enough(measured, limits):
        block = window.next_block(measured, limits)
        measured = measured.extended(*work(measured.last_ns or warm.last_ns, block))
    assert limits.iterations_min <= measured.n <= limits.iterations_max
    assert measured.elapsed_s <= max(limits.window_min_s, limits.iterations_min * t_s) + limits.block_s + t_s
