"""Simulated sensors: each shows what its equation says of a power curve whose truth is known."""

from __future__ import annotations

import dataclasses
import math

import pytest
from paretofleet_agent.simulate.sensor_models import (
    MODELS,
    Curve,
    ModelledSensor,
    SensorModel,
    readings,
    with_faults,
)

STEP = Curve([(-1e6, 60.0), (10.0, 250.0)])


def test_a_curve_knows_its_power_and_its_energy():
    curve = Curve([(0.0, 10.0), (1.0, 30.0), (3.0, 5.0)])
    assert [curve.watts(t) for t in (-1.0, 0.0, 0.99, 1.0, 5.0)] == [0.0, 10.0, 10.0, 30.0, 5.0]
    assert curve.joules(0.5, 3.5) == pytest.approx(5.0 + 60.0 + 2.5)


def test_a_square_wave_has_its_mean():
    curve = Curve.square(100.0, 250.0, period_s=0.1, duty=0.4, begin_s=1.0, end_s=3.0)
    assert curve.joules(1.0, 3.0) / 2.0 == pytest.approx(0.4 * 250 + 0.6 * 100)
    assert curve.watts(0.5) == curve.watts(3.5) == 100.0


def test_a_low_pass_settles_exponentially():
    assert STEP.filtered(9.0, 0.3) == pytest.approx(60.0)
    assert STEP.filtered(10.3, 0.3) == pytest.approx(250 - 190 * math.exp(-1))
    assert STEP.filtered(15.0, 0.3) == pytest.approx(250.0, rel=1e-6)


def test_a_read_shows_the_last_refresh():
    model = SensorModel("instant", 0.1, phase_s=0.03)
    ramp = Curve([(i / 1000, float(i)) for i in range(2000)])
    shown = [model.read(ramp, t) for t in (0.50, 0.529, 0.531, 0.6)]
    assert shown == [430_000_000, 430_000_000, 530_000_000, 530_000_000]


def test_a_part_time_sensor_sees_a_quarter_of_its_period():
    model = MODELS["nvml-part-time"]
    assert model.part_time
    busy_then_idle = Curve.square(0.0, 100.0, period_s=0.1, duty=0.25, begin_s=0.0, end_s=10.0)
    assert model.read(busy_then_idle, 5.05) == 0, "it looks at the last 25 ms of each 100 ms"
    assert not MODELS["nvml-full"].part_time
    assert MODELS["nvml-full"].read(busy_then_idle, 5.05) == pytest.approx(25_000_000)


def test_lag_and_window_delay_a_step():
    model = SensorModel("boxcar", 0.01, window_s=0.1, lag_s=0.2)
    assert model.read(STEP, 10.2) == 60_000_000
    assert model.read(STEP, 10.25) == pytest.approx(155e6, rel=0.1)
    assert model.read(STEP, 10.31) == 250_000_000


def test_a_counter_counts_the_energy_in_whole_quanta():
    model = SensorModel("counter", 0.1, quantum=1.0, start_j=7.0)
    curve = Curve([(0.0, 12.3)])
    assert model.read(curve, 1.0) == 19_000_000
    assert model.read(curve, 1.05) == 19_000_000
    assert model.read(curve, 1.1) == 20_000_000


def test_a_counter_wraps_and_restarts():
    curve = Curve([(0.0, 10.0)])
    wrapping = SensorModel("counter", 0.001, max_range_uj=25_000_000)
    assert wrapping.read(curve, 3.0) == pytest.approx(5_000_000, abs=20_000)
    restarting = SensorModel("counter", 0.001, start_j=100.0, reset_s=2.0)
    assert restarting.read(curve, 1.0) == pytest.approx(110_000_000, abs=20_000)
    assert restarting.read(curve, 2.5) == pytest.approx(5_000_000, abs=20_000)


def test_noise_gain_and_quantum_are_as_told():
    model = SensorModel("instant", 0.01, gain=1.1, noise_w=2.0, quantum=0.5, seed=3)
    values = [value / 1e6 for _, value in readings(model, STEP, begin_s=20, end_s=40, every_s=0.01)]
    mean = sum(values) / len(values)
    sd = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))
    assert mean == pytest.approx(275.0, abs=0.2)
    assert sd == pytest.approx(2.0, rel=0.1)
    assert all(value * 2 == round(value * 2) for value in values)


def test_stale_refreshes_keep_the_old_value():
    ramp = Curve([(i / 10, float(i)) for i in range(2000)])
    model = dataclasses.replace(SensorModel("instant", 0.1, seed=5), stale=0.3)
    values = [value for _, value in readings(model, ramp, begin_s=1, end_s=101, every_s=0.1)]
    repeated = sum(a == b for a, b in zip(values, values[1:]))
    assert 230 <= repeated <= 370


def test_reads_fail_as_often_as_told_and_a_lost_rail_for_ever():
    model = dataclasses.replace(MODELS["ina3221-triggered"], failing=0.2, lost_s=50.0, seed=2)
    found = readings(model, STEP, begin_s=0, end_s=100, every_s=0.1)
    assert 360 <= len(found) <= 440
    assert found[-1][0] < 50_000_000_000


def test_jitter_moves_the_refreshes_and_never_their_order():
    model = SensorModel("counter", 0.1, jitter_s=0.02, seed=4)
    times = [model._time(refresh) for refresh in range(1000)]
    assert times == sorted(times)
    assert any(abs(t - refresh * 0.1) > 0.01 for refresh, t in enumerate(times))


def test_the_same_seed_gives_the_same_readings():
    model = with_faults(dataclasses.replace(MODELS["nvml-full"], noise_w=5.0), 9, stale=0.1, failing=0.1)
    again = with_faults(dataclasses.replace(MODELS["nvml-full"], noise_w=5.0), 9, stale=0.1, failing=0.1)
    other = with_faults(dataclasses.replace(MODELS["nvml-full"], noise_w=5.0), 10, stale=0.1, failing=0.1)
    one, two, three = (
        readings(each, STEP, begin_s=0, end_s=5, every_s=0.02) for each in (model, again, other)
    )
    assert one == two != three


@pytest.mark.parametrize("name", list(MODELS))
def test_every_model_shows_a_steady_load_right(name):
    model = MODELS[name]
    found = readings(model, STEP, begin_s=15.0, end_s=35.0, every_s=0.05)
    if model.kind == "counter":
        (t0, e0), (t1, e1) = found[0], found[-1]
        shown_w = ((e1 - e0) % (model.max_range_uj or 2**62)) / 1e6 / ((t1 - t0) / 1e9)
        assert shown_w == pytest.approx(250.0, rel=0.01)
    else:
        assert all(value / 1e6 == pytest.approx(250.0, abs=model.quantum) for _, value in found)


def test_a_modelled_sensor_keeps_to_the_protocol_of_real_ones():
    now = [20_000_000_000]
    rail = MODELS["rapl"].rail("sim", "package-0", "package")
    sensor = ModelledSensor(rail, MODELS["rapl"], STEP, lambda: now[0])
    assert (rail.schema, rail.quantum_j, rail.max_range_uj) == ("energy/1", 61e-6, 262_143_328_850)
    before = sensor.read()[0][0][1]
    now[0] += 10**9
    ((t_ns, after),) = sensor.read()[0]
    sensor.close()
    assert t_ns == 21_000_000_000
    assert after - before == pytest.approx(250e6, rel=0.01)
