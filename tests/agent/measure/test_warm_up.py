"""When a made-up series of iterations is warm."""

from __future__ import annotations

import dataclasses
import itertools
import random

import pytest
from made_up_series import QUICK, STANDARD, noisy, series
from paretofleet_agent.measure import warm_up as rules
from paretofleet_agent.measure.series import Series
from paretofleet_agent.measure.warm_up import CAPPED, MORE, STEADY
from paretofleet_agent.runner import loop


def test_what_wakes_slowly_warms_up_for_two_seconds_at_least():
    here = rules.limits_here(STANDARD, wakes_slowly=True)
    assert (here.warm_up_min_s, here.warm_up_max_s) == (2.0, 60.0)
    assert rules.warm_up(series(noisy(0.02, 99)), here) == MORE
    assert rules.warm_up(series(noisy(0.02, 110)), here) == STEADY
    assert rules.limits_here(STANDARD, wakes_slowly=False) == STANDARD
    assert rules.limits_here(QUICK, wakes_slowly=True) == QUICK, "a short protocol is for a first look"


def test_a_gpu_and_every_part_of_a_jetson_wake_slowly(here, tx2, kit, tmp_path):
    assert not here.wakes_slowly("cpu")
    assert here.wakes_slowly("GPU-1")
    assert tx2.wakes_slowly("cpu")
    board = dataclasses.replace(here, sysroot=kit.unpack_tree("ina3221_tx2_l4t32", tmp_path))
    assert board.wakes_slowly("cpu")


def test_a_flat_series_is_warm_once_the_least_time_and_two_windows_are_over():
    assert rules.warm_up(series(noisy(0.02, 49)), STANDARD) == MORE
    assert rules.warm_up(series(noisy(0.02, 60)), STANDARD) == STEADY


def test_a_cooling_down_start_is_not_warm_before_it_has_settled():
    settling = noisy(0.02, 400, trend=lambda i: 1 + 2 * 2.718 ** (-i / 60))
    states = [rules.warm_up(series(settling[:n]), STANDARD) for n in range(10, 400, 10)]
    warm_at = 10 + 10 * states.index(STEADY)
    assert 1 + 2 * 2.718 ** (-(warm_at - 50) / 60) < 1.25
    assert warm_at > 130


def test_a_step_inside_the_two_windows_is_not_warm():
    assert rules.warm_up(series(noisy(0.02, 60) + noisy(0.021, 25)), STANDARD) == MORE


def test_a_slow_drift_is_not_warm_though_its_windows_agree_within_two_percent():
    drifting = noisy(0.02, 200, sigma=0.001, trend=lambda i: 1 + 0.0003 * i)
    assert {rules.warm_up(series(drifting[:n]), STANDARD) for n in range(60, 200, 5)} == {MORE}


def test_a_flat_series_is_seldom_taken_for_a_drift():
    flat = [rules.warm_up(series(noisy(0.02, 60, sigma=0.004, seed=seed)), STANDARD) for seed in range(200)]
    assert flat.count(MORE) < 24


def test_values_that_switch_between_two_modes_at_random_are_warm():
    draw = random.Random(4)
    modes = [draw.choice([0.0200, 0.0206]) for _ in range(200)]
    warm = [rules.warm_up(series(modes[:n]), STANDARD) for n in range(60, 200, 10)]
    assert warm.count(STEADY) > len(warm) / 2


def test_two_modes_that_take_turns_for_seconds_are_not_warm_at_the_change():
    modes = [0.02] * 60 + [0.026] * 25
    assert rules.warm_up(series(modes), STANDARD) == MORE
    assert rules.warm_up(series(modes + [0.026] * 25), STANDARD) == STEADY


@pytest.mark.parametrize(
    ("values", "trend"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], True),
        ([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], True),
        ([1, 3, 2, 4, 1, 3, 2, 4, 1, 3], False),
        ([5] * 10, False),
        # 5 of 28 pairs fall: S = 18, variance 8 * 7 * 21 / 18 = 65.3, z = 17 / 8.08 = 2.10; with 6, 1.86.
        ([1, 2, 5, 3, 8, 4, 6, 7], True),
        ([1, 2, 5, 3, 8, 6, 4, 7], False),
        ([], False),
    ],
)
def test_mann_and_kendall_s_trend(values, trend):
    assert rules.has_trend(values) is trend


def test_a_trend_is_looked_for_in_groups_so_that_thousands_of_values_cost_little():
    fast = [int(1e5 * (1 + 0.00001 * i)) for i in range(10_000)]
    assert not rules.windows_agree(fast)


def cpu(*clocks_khz):
    return [{"cpu": one} for one in clocks_khz]


def test_clocks_that_still_move_are_not_warm():
    flat = series(noisy(0.02, 60))
    assert rules.warm_up(flat, STANDARD, cpu(1_200_000, 2_000_000)) == MORE
    assert rules.warm_up(flat, STANDARD, cpu(1_200_000, 2_000_000, 1_900_000)) == STEADY
    assert rules.warm_up(flat, STANDARD, cpu(2_000_000)) == STEADY
    assert rules.warm_up(series([7.0, 6.0] * 5), STANDARD, cpu(1, 2)) == CAPPED


def test_a_clock_that_was_read_once_only_is_compared_with_nothing():
    readings = [{"cpu": 2_000_000, "gpu": 300_000}, {"cpu": 2_000_000}]
    assert rules.clocks_stand(readings)
    assert not rules.clocks_stand([*readings, {"cpu": 1_000_000}])


def test_a_series_that_never_settles_is_capped():
    bimodal = [0.02 if (i // 20) % 2 else 0.03 for i in range(1999)]
    assert rules.warm_up(series(bimodal), STANDARD) == MORE
    assert rules.warm_up(series([*bimodal, 0.02]), STANDARD) == CAPPED


def test_slow_iterations_are_capped_by_time():
    assert rules.warm_up(series([7.0, 6.0] * 5), STANDARD) == CAPPED


def test_a_very_fast_model_has_time_for_its_windows_before_the_most_iterations_count():
    fast = noisy(0.0003, 6600)
    assert rules.warm_up(series(fast[:3000]), STANDARD) == MORE
    assert rules.warm_up(series(fast), STANDARD) == STEADY


@pytest.mark.parametrize("overlaps", [False, True], ids=["latency", "throughput"])
@pytest.mark.parametrize("least_s", [1.2, 2.0], ids=["cpu", "gpu"])
def test_a_very_fast_model_has_time_to_leave_a_cold_start_behind(overlaps, least_s):
    """The first 0.3 s are a fifth slower and the first clock too low: then it is steady, not capped."""
    limits = dataclasses.replace(STANDARD, warm_up_min_s=least_s)
    warm, state, clocks = Series(), MORE, []
    while state == MORE:
        length_ns, starts, durations = int(rules.next_warm_up_block(warm, limits).seconds * 1e9), [], []
        now = end = warm.last_ns
        while now < end + length_ns:
            starts.append(now)
            durations.append(600_000 if now < 300_000_000 else 500_000)
            now += durations[-1]
        warm = warm.extended(starts, durations)
        clocks.append({"gpu": 1_000_000 if clocks else 600_000})
        state = rules.warm_up(warm, limits, clocks, overlaps=overlaps)
    assert state == STEADY


def test_a_short_protocol_asks_for_the_minima_only():
    assert rules.warm_up(series([0.1] * 4), QUICK) == MORE
    assert rules.warm_up(series([0.01] * 5), QUICK) == MORE
    assert rules.warm_up(series([0.3, 0.1, 0.1, 0.1, 0.1]), QUICK) == STEADY


class Queue:
    """A device that takes up to 30 iterations at once: handing one over is quick until it is full."""

    DEPTH, HAND_OVER_NS, MOST = 30, 20_000, 10**6

    def __init__(self, step_ns):
        self.now_ns, self._step_ns, self._ends = 10**12, step_ns, []

    def step(self, number):
        self.now_ns += self.HAND_OVER_NS
        if len(self._ends) >= self.DEPTH:
            self.now_ns = max(self.now_ns, self._ends[-self.DEPTH])
        begin = max([self.now_ns, *self._ends[-1:]])
        self._ends.append(begin + self._step_ns(number))

    def synchronise(self):
        self.now_ns = max([self.now_ns, *self._ends[-1:]])

    def series(self, *seconds):
        joined, numbers = Series(), itertools.count()
        for length in seconds:
            block = loop.throughput(
                self.step,
                numbers,
                lambda: self.now_ns,
                self.synchronise,
                seconds=length,
                max_iterations=self.MOST,
            )
            joined = joined.extended(*block)
            self.now_ns += 300_000
        return joined


def test_a_queue_that_fills_at_the_start_of_each_block_is_warm_where_its_blocks_agree():
    steady = Queue(lambda _: 2_000_000).series(1.0, 1.0)
    assert rules.warm_up(steady, STANDARD, overlaps=True) == STEADY


def test_a_queue_whose_work_still_gets_faster_is_not_warm_though_handing_over_takes_the_same():
    def slow_start():
        queue = Queue(lambda number: 2_200_000 if number < 400 else 2_000_000)
        queue.DEPTH = 10**6
        return queue

    assert rules.warm_up(slow_start().series(0.008, 0.992), STANDARD) == STEADY
    assert rules.warm_up(slow_start().series(0.008, 0.008), STANDARD, overlaps=True) == MORE
    assert rules.warm_up(slow_start().series(0.008, 0.008, 0.008), STANDARD, overlaps=True) == STEADY


def test_blocks_too_short_to_be_compared_are_taken_together():
    assert not rules.blocks_agree([(5, 10**9)] * 3)
    assert rules.blocks_agree([(5, 10**9)] * 4)
    assert not rules.blocks_agree([(400, 10**9), (100, 10**8), (100, 10**8)])
