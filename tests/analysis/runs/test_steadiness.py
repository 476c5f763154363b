"""Series of iterations whose shape is known, and what is said of them."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.runs.steadiness import FLAT, NO_STEADY, SLOWING, WARMING, classify, steadiness_flags

N = 600


def noisy(shape, sigma=0.01, seed=1):
    shape = np.broadcast_to(shape, (N,)) if np.ndim(shape) == 0 else np.asarray(shape)
    return 0.02 * shape * np.exp(sigma * np.random.default_rng(seed).standard_normal(shape.size))


TIME = np.arange(N)
SHAPES = {
    "flat": (1.0, FLAT),
    "exponential": (1 + 0.5 * np.exp(-TIME / 60), WARMING),
    "step down": (np.where(TIME < 200, 1.1, 1.0), WARMING),
    "step up": (np.where(TIME < 400, 1.0, 1.1), SLOWING),
    "drift up": (1 + 0.1 * TIME / N, SLOWING),
    "drift down": (1.1 - 0.1 * TIME / N, WARMING),
    "two modes in turns": (np.where(TIME // 75 % 2, 1.1, 1.0), NO_STEADY),
    "up and down again": (np.where((TIME > 200) & (TIME < 400), 1.1, 1.0), NO_STEADY),
    "a step within the tolerance": (np.where(TIME < 300, 1.01, 1.0), FLAT),
}


@pytest.mark.parametrize(("shape", "kind"), SHAPES.values(), ids=SHAPES)
def test_the_class_of_a_shape(shape, kind):
    assert [classify(noisy(shape, seed=seed)).kind for seed in range(10)] == [kind] * 10


def test_steps_are_found_where_they_are():
    found = classify(noisy(np.where(TIME < 200, 1.2, np.where(TIME < 400, 1.1, 1.0))))
    assert found.change_points == pytest.approx((200, 400), abs=3)
    assert found.levels == pytest.approx((0.024, 0.022, 0.020), rel=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_no_change(seed):
    draw = np.random.default_rng(seed)
    two_modes = draw.choice([0.020, 0.021], size=N)
    heavy = 0.02 * (1 + 0.01 * draw.standard_t(2, size=N))
    resembling = np.convolve(draw.standard_normal(N + 4), np.ones(5) / 5, "valid")
    for series in (two_modes, heavy, 0.02 * (1 + 0.02 * resembling)):
        assert classify(series).kind == FLAT


def test_outliers_are_no_change_and_stay_in_the_series():
    series = noisy(1.0)
    series[[3, 99, 400, 401]] *= 20
    assert classify(series).change_points == ()


@pytest.mark.parametrize("series", [np.empty(0), np.ones(1), np.ones(12), np.full(300, 7.0)])
def test_short_and_constant_series_are_flat(series):
    assert classify(series).kind == FLAT


def test_a_unit_changes_nothing():
    series = noisy(SHAPES["step up"][0])
    assert classify(series).change_points == classify(series * 1e9).change_points


def test_slowing_under_a_falling_clock_is_thermally_limited():
    slower, steady = noisy(SHAPES["step up"][0]), noisy(1.0)
    fell = {
        "readings_before": {"frequencies_khz": [2_000_000, 2_000_000]},
        "readings_after": {"frequencies_khz": [1_400_000, 1_400_000]},
    }
    assert steadiness_flags(slower, fell) == {"slowing", "thermally_limited"}
    assert steadiness_flags(slower, {}) == {"slowing"}
    assert steadiness_flags(steady, fell) == set()
    assert steadiness_flags(noisy(SHAPES["step down"][0]), fell) == {"warming"}
    stood = {**fell, "readings_after": fell["readings_before"]}
    assert steadiness_flags(slower, stood) == {"slowing"}


def test_clocks_read_while_the_cores_work_say_more_than_those_of_idle_ones():
    slower = noisy(SHAPES["step up"][0])
    idle = {
        "readings_before": {"frequencies_khz": [600_000]},
        "readings_after": {"frequencies_khz": [600_000]},
    }
    held_back = [2_000_000, 2_000_000, 2_000_000, 1_500_000, 1_500_000, 1_500_000]
    assert steadiness_flags(slower, {**idle, "window_clocks_khz": held_back}) == {
        "slowing",
        "thermally_limited",
    }
    assert steadiness_flags(slower, {**idle, "window_clocks_khz": held_back[:3]}) == {"slowing"}
    governor = {
        "readings_before": {"frequencies_khz": [2_000_000]},
        "readings_after": {"frequencies_khz": [600_000]},
    }
    assert steadiness_flags(slower, {**governor, "window_clocks_khz": [2_000_000] * 6}) == {"slowing"}
