"""A step in power lands where it was: lag, averaging and reads are each taken out of the times, and once."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from paretofleet_agent.power import characterise
from paretofleet_agent.power.estimators import with_measured
from paretofleet_agent.simulate.sensor_models import Curve, SensorModel, readings, with_faults
from paretofleet_analysis.runs.energy_integral import energy_j
from paretofleet_analysis.runs.power_curve import SensorFacts, power_curve

LOW_W, HIGH_W = 60.0, 250.0
SENSORS = {
    "averages a second": SensorModel("boxcar", 0.1, window_s=1.0),
    "averages a second, late": SensorModel("boxcar", 0.1, window_s=1.0, lag_s=0.3),
    "always looks": SensorModel("boxcar", 0.1, window_s=0.1, lag_s=0.1),
    "part-time": SensorModel("boxcar", 0.1, window_s=0.025, lag_s=0.05),
    "slow monitor": SensorModel("boxcar", 0.4224, window_s=0.4224),
    "instant": SensorModel("instant", 0.1, lag_s=0.3),
    "counter": SensorModel("counter", 0.1, lag_s=0.1, quantum=1e-3),
}
#: Steps that meet the refreshes of every sensor at many phases.
HOLD_S, STEPS = 4.0317, 24


def steps(number=STEPS, hold_s=HOLD_S):
    curve = Curve.square(
        LOW_W, HIGH_W, period_s=2 * hold_s, duty=0.5, begin_s=hold_s, end_s=(number + 1) * hold_s
    )
    return curve, [k * hold_s for k in range(1, number + 1)]


def shifts(model, facts, *, every_s=0.05):
    """Seconds by which each step is late in the curve that the analysis makes of the readings."""
    curve, times = steps()
    series = readings(model, curve, begin_s=0.01, end_s=times[-1] + HOLD_S, every_s=every_s)
    t_ns, value = (np.array(column) for column in zip(*series, strict=True))
    sensor = SensorFacts(
        is_counter=model.kind == "counter",
        period_s=facts["period_s"],
        lag_s=facts["lag_s"],
        window_s=facts["window_s"] if model.kind == "boxcar" else None,
    )
    found = power_curve(t_ns, value, sensor)
    late = []
    for number, step_s in enumerate(times):
        begin_s, end_s = step_s - 0.4 * HOLD_S, step_s + 0.4 * HOLD_S
        origin_s = found.origin_ns / 1e9
        joules = energy_j(found, begin_s - origin_s, end_s - origin_s)
        rise_w = (HIGH_W - LOW_W) * (1 if number % 2 == 0 else -1)
        late.append((curve.joules(begin_s, end_s) - joules) / rise_w)
    return late


def measured_facts(model):
    """The rail's facts once the agent has measured the source, from a prior that says nothing of its lag."""
    rail = dataclasses.replace(model.rail("sim", "x", "module"), lag_s=None)
    varying = Curve.square(LOW_W, HIGH_W, period_s=0.1, duty=0.7, begin_s=0.0, end_s=30.0)
    plan = characterise.Plan()
    curve, times = steps(12, plan.step_s)
    series = (
        readings(dataclasses.replace(model, noise_w=2.0), varying, begin_s=5, end_s=11, every_s=0.0005),
        readings(model, Curve([(0.0, HIGH_W)]), begin_s=5, end_s=10, every_s=0.001),
        readings(model, curve, begin_s=0, end_s=times[-1] + plan.step_s, every_s=plan.step_read_s),
    )
    steps_ns = [round(at * 1e9) for at in times]
    return with_measured(
        rail.facts(), characterise.character_of(rail, series, [1e-5], steps_ns, plan.step_s).facts()
    )


@pytest.mark.parametrize("name", SENSORS)
@pytest.mark.parametrize("every_s", [0.01, 0.05])
def test_a_step_lands_at_its_time_by_the_facts_of_its_sensor(name, every_s):
    model = with_faults(SENSORS[name], 3)
    late = shifts(model, model.rail("sim", "x", "module").facts(), every_s=every_s)
    assert abs(np.mean(late)) < 0.15 * model.period_s
    assert np.abs(late).max() <= model.period_s / 2 + every_s


@pytest.mark.parametrize("name", SENSORS)
def test_a_step_lands_at_its_time_by_what_was_measured_of_its_sensor(name):
    """The delay of half a step holds the averaging and the wait for a refresh; the lag does not."""
    model = with_faults(SENSORS[name], 3)
    facts = measured_facts(model)
    assert facts["lag_s"] == pytest.approx(model.lag_s, abs=0.3 * model.period_s + 0.01)
    assert abs(np.mean(shifts(model, facts))) < 0.4 * model.period_s + 0.01


@pytest.mark.parametrize("kind", ["boxcar", "counter"])
@pytest.mark.parametrize("read_s", [0.2, 0.5])
def test_readings_with_times_of_their_own_are_not_moved_for_our_reads(kind, read_s):
    """A meter of one second on a ramp: what it shows at a time is the mean of, or the count to, that time."""
    at_s = np.arange(1, 61)
    watts, joules = 10.0 * (at_s - 0.5), 5.0 * at_s**2.0
    sensor = SensorFacts(
        is_counter=kind == "counter",
        period_s=1.0,
        window_s=1.0 if kind == "boxcar" else None,
        read_s=read_s,
        is_self_timed=True,
    )
    value_u = np.round((watts if kind == "boxcar" else joules) * 1e6).astype(np.int64)
    curve = power_curve(at_s * 10**9, value_u, sensor)
    assert energy_j(curve, 9.0, 49.0) == pytest.approx(5.0 * (50**2 - 10**2), rel=1e-3)
    assert curve.late_s.max() <= read_s


def test_a_sensor_that_always_looks_is_not_called_part_time_for_the_last_digit_of_its_period():
    model = with_faults(dataclasses.replace(SENSORS["always looks"], period_s=0.1007, window_s=0.1007), 1)
    rail = dataclasses.replace(model.rail("sim", "x", "module"), period_s=0.1, window_s=0.1)
    measured = characterise.character_of(
        rail,
        (
            readings(
                dataclasses.replace(model, noise_w=2.0),
                Curve([(0.0, 99.0)]),
                begin_s=1,
                end_s=4,
                every_s=5e-4,
            ),
            [],
            [],
        ),
        [1e-5],
        [],
        2.0,
    )
    facts = with_measured(rail.facts(), measured.facts())
    assert facts["period_s"] == pytest.approx(0.1007, rel=0.01)
    assert facts["window_s"] == facts["period_s"]
