"""How long a window must be for its energy: the rule of facts/measurement.md 3.5, without a device."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paretofleet_agent.power import stopping
from paretofleet_agent.power.rail_facts import primary_rails
from paretofleet_agent.power.stopping import CAPPED, ENOUGH, MORE
from paretofleet_agent.simulate.sensor_models import MODELS

S = 10**9
READ_S = 0.05
GUARD_S = 1.0


def facts(name, **more):
    rail = MODELS[name].rail("sim", name, more.pop("scope", "gpu-board"))
    return {**rail.facts(), **more}


def sensor(name, **more):
    (found,) = primary_rails([facts(name, **more)], "cpu", READ_S)
    return found


def correlated(mean, deviation, rho, n, seed=1):
    """Values with that mean, standard deviation and lag-one correlation."""
    rng, state, values = random.Random(seed), 0.0, []
    for _ in range(n):
        state = rho * state + math.sqrt(1 - rho * rho) * rng.gauss(0, 1)
        values.append(mean + deviation * state)
    return values


def series(one, watts, seconds):
    """Samples of a sensor that shows so many `watts` for so many seconds."""
    times = [round(k * one.period_s * S) for k in range(int(seconds / one.period_s))]
    if one.is_counter:
        return times, [round(watts * t_ns / S * 1e6) for t_ns in times]
    return times, [round(watts * 1e6)] * len(times)


def test_the_power_of_this_moment_is_the_sum_of_what_the_rails_showed_last():
    counter = sensor("nvml-counter")
    times, values = series(counter, 20.0, 30)
    later = [(t_ns + 30 * S, values[-1] + round(8.0 * t_ns / S * 1e6)) for t_ns in times]
    samples = {counter.stream: (times + [t for t, _ in later], values + [v for _, v in later])}
    assert stopping.power_now_w([counter], samples, 60 * S) == pytest.approx(8.0, rel=0.01)
    assert stopping.power_now_w([counter], samples, 29 * S) == pytest.approx(20.0, rel=0.01)
    assert stopping.power_now_w([counter], samples, 90 * S) is None, "nothing came for half a minute"
    other = sensor("meter")
    assert stopping.power_now_w([counter, other], samples, 60 * S) is None, "one rail is no sum"
    assert stopping.power_now_w([], {}, 60 * S) is None


def stops_after_s(name, watts, *, step_s=1.0, scope="gpu-board", edge_w=None):
    """Seconds after which the window ends, its guard at `edge_w`; and the verdict."""
    one = sensor(name, scope=scope)
    times = [round(k * one.period_s * S) for k in range(len(watts))]
    start_ns = round(GUARD_S * S)
    if one.is_counter:
        counted, values = 0.0, []
        for power_w in watts:
            counted += power_w * one.period_s
            values.append(round(counted * 1e6))
    else:
        values = [round((edge_w if edge_w and t < start_ns else w) * 1e6) for t, w in zip(times, watts)]
    for number in range(1, 10_000):
        now_ns = start_ns + round(number * step_s * S)
        kept = [k for k, t_ns in enumerate(times) if t_ns <= now_ns]
        samples = {one.stream: ([times[k] for k in kept], [values[k] for k in kept])}
        verdict = stopping.judge([one], samples, begin_ns=0, start_ns=start_ns, now_ns=now_ns)
        if verdict.state != MORE:
            return number * step_s, verdict
    raise AssertionError("it never ends")


@pytest.mark.parametrize("seed", range(4))
def test_the_worked_example_of_a_gpu_stops_after_about_five_seconds(seed):
    seconds, verdict = stops_after_s("nvml-full", correlated(250, 12, 0.3, 400, seed))
    assert verdict.state == ENOUGH
    assert 5 <= seconds <= 9
    assert verdict.uncertainty <= 0.02


@pytest.mark.parametrize("seed", range(4))
def test_the_worked_example_of_a_board_takes_about_25_seconds(seed):
    seconds, verdict = stops_after_s(
        "ina3221-continuous", correlated(8, 0.5, 0.2, 400, seed), step_s=4.2, scope="module"
    )
    assert verdict.state == ENOUGH
    assert 13 <= seconds <= 45


@pytest.mark.parametrize(
    ("name", "least_s"),
    [
        ("rapl", 2.0),
        ("nvml-counter", 5.0),
        ("nvml-full", 5.0),
        ("ina3221-triggered", 5.0),
        ("nvml-part-time", 10.0),
        ("nvml-average", 10.0),
        ("nvml-filtered", 10.0),
        ("ina3221-continuous", 12.672),
        ("meter", 60.0),
    ],
)
def test_steady_power_takes_the_shortest_window_of_its_sensor(name, least_s):
    one = sensor(name)
    assert stopping.least_s(one) == pytest.approx(least_s)
    seconds, verdict = stops_after_s(name, [100.0] * 2500)
    assert verdict.state == ENOUGH
    assert least_s <= seconds < least_s + 1.0


def test_a_counter_that_tells_its_own_times_is_less_uncertain_than_its_period():
    """A meter that counts: its refreshes are a second apart, and their times are known to a read."""
    counted = [(k * S, k * 70 * 10**6) for k in range(70)]
    found = [
        stopping.uncertainty(one, tuple(zip(*counted)), 0, 5 * S, 65 * S)
        for one in (
            sensor("nvml-counter", period_s=1.0),
            sensor("nvml-counter", period_s=1.0, is_self_timed=True, read_s=0.2),
        )
    ]
    assert found[1] == pytest.approx(found[0] / 5, rel=0.05)


@pytest.mark.parametrize(("scope", "cap_s"), [("gpu-board", 120.0), ("module", 300.0)])
def test_a_sensor_too_noisy_for_two_percent_ends_at_the_cap_and_says_how_far_it_got(scope, cap_s):
    watts = correlated(100, 90, 0.0, 3200)
    seconds, verdict = stops_after_s("nvml-full", watts, step_s=5.0, scope=scope)
    assert verdict.state == CAPPED
    assert seconds == cap_s
    assert verdict.uncertainty > 0.02


def test_a_power_says_nothing_before_its_twentieth_refresh():
    """Three readings of a noisy power are alike now and then; a rule that looks each time would end there."""
    one = sensor("nvml-full")
    times = [round(k * one.period_s * S) for k in range(20)]
    watts = correlated(100, 1, 0.0, 20)
    for count in (3, 6, 19, 20):
        samples = (times[:count], [round(power_w * 1e6) for power_w in watts[:count]])
        u = stopping.uncertainty(one, samples, 0, 0, times[count - 1] + 1)
        assert (u is None) == (count < 20)


def test_steps_that_no_longer_window_averages_out_are_not_waited_for():
    """A rail of 1 W in steps of 152 mW: the report's U holds the step however long the window is."""
    seconds, verdict = stops_after_s("ina3221-triggered", [1.0] * 8000, scope="module")
    assert verdict.state == CAPPED
    assert verdict.uncertainty > 0.08
    assert seconds < 10


def test_a_guard_at_another_power_asks_for_more():
    long_s, _ = stops_after_s("meter", [100.0] * 2500, edge_w=None)
    steady = correlated(100, 3.4, 0.0, 2500)
    near_s, _ = stops_after_s("nvml-full", steady)
    far_s, _ = stops_after_s("nvml-full", steady, edge_w=10.0)
    assert near_s <= far_s
    assert long_s == 60


def test_a_silent_sensor_is_not_waited_for():
    one = sensor("nvml-full")
    verdict = stopping.judge([one], {}, begin_ns=0, start_ns=S, now_ns=6 * S)
    assert verdict == stopping.WindowVerdict(ENOUGH, None)
    early = stopping.judge([one], {}, begin_ns=0, start_ns=S, now_ns=5 * S)
    assert early.state == MORE
    assert stopping.judge([], {}, begin_ns=0, start_ns=S, now_ns=S) == stopping.WindowVerdict(ENOUGH, None)


def test_the_slowest_sensor_decides():
    both = [sensor("rapl"), sensor("ina3221-continuous")]
    samples = {
        both[0].stream: ([k * S // 20 for k in range(200)], [k * 10**6 for k in range(200)]),
        both[1].stream: ([round(k * 0.4224 * S) for k in range(30)], [8_000_000] * 30),
    }
    at_5_s = stopping.judge(both, samples, begin_ns=0, start_ns=S, now_ns=6 * S)
    assert at_5_s.state == MORE
    assert stopping.block_s(both) == pytest.approx(4.224)
    assert stopping.block_s([]) == 1.0


def test_only_primary_rails_of_the_target_count():
    rails = [
        facts("rapl"),
        facts("nvml-counter", target_id="GPU-1"),
        facts("nvml-full", target_id="GPU-1", primary=False),
    ]
    streams = [[one.stream for one in primary_rails(rails, t, READ_S)] for t in ("cpu", "GPU-1")]
    assert streams == [["power:sim/rapl"], ["power:sim/rapl", "power:sim/nvml-counter"]]


def test_a_battery_decides_only_where_there_is_nothing_nearer():
    package, battery = facts("rapl", scope="package"), facts("nvml-filtered", scope="battery")
    for rails, least_s in (
        ([package, battery], 2.0),
        ([battery], 10.0),
        ([{**package, "missing": "gone"}, battery], 10.0),
    ):
        assert max(map(stopping.least_s, primary_rails(rails, "cpu", READ_S))) == least_s


def test_guards_cover_what_a_sensor_remembers():
    assert stopping.guard_s([]) == 0.5
    assert stopping.guard_s([sensor("rapl")]) == 0.5
    assert stopping.guard_s([sensor("ina3221-continuous")]) == pytest.approx(0.8448)
    assert stopping.guard_s([sensor("nvml-full", lag_s=0.6)]) == pytest.approx(0.7)
    assert stopping.guard_s([sensor("nvml-average")]) == 1.5
    assert stopping.guard_s([sensor("nvml-average", lag_s=0.3)]) == pytest.approx(1.8)
    assert stopping.guard_s([sensor("meter")]) == 2.0
    assert stopping.guard_s([sensor("meter", period_s=30.0)]) == 10.0, "it finds no window anyway"
    assert stopping.guard_s([sensor("meter", period_s=30.0)], is_short=True) == 2.0


def test_a_counter_may_wrap_and_may_not_be_reset():
    one = sensor("rapl")
    times = [k * S // 20 for k in range(101)]
    steady = [(one.max_range_uj - 10**8 + k * 4 * 10**6) % one.max_range_uj for k in range(101)]
    assert stopping.uncertainty(one, (times, steady), 0, S, 5 * S) < 0.02
    reset = [value if k < 50 else k for k, value in enumerate(steady)]
    without_range = sensor("nvml-counter")
    assert stopping.uncertainty(without_range, (times, reset), 0, S, 5 * S) is None


@given(st.floats(0.0126, 3.0), st.floats(0.02, 1.0), st.floats(0.05, 0.95))
def test_pauses_bring_iterations_out_of_step(iteration_s, period_s, share):
    window_s = share * period_s
    pause_s = stopping.spread_pause_s(iteration_s, period_s=period_s, window_s=window_s)
    if iteration_s <= window_s / 2:
        assert pause_s is None
        return
    assert -1e-9 <= pause_s <= period_s * (1 + 1e-9)
    turns = (iteration_s + pause_s) / period_s
    assert turns % 1 == pytest.approx(0.618034, abs=1e-5)


def test_sensors_that_always_look_need_no_pauses():
    assert stopping.spread_pause_s(0.1, period_s=0.1, window_s=0.1) is None
    assert not sensor("nvml-full").is_part_time
    assert not sensor("ina3221-triggered").is_part_time, "it looks when we ask"
    assert sensor("nvml-part-time").is_part_time


def test_students_quantile_is_good_to_three_thousandths():
    for freedom, table in ((4, 2.7764), (5, 2.5706), (9, 2.2622), (20, 2.0860), (60, 2.0003), (1e6, 1.9600)):
        assert stopping.student_975(freedom) == pytest.approx(table, rel=3e-3)
