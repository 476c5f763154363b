"""Simulated devices with sensors of three kinds: what the samples say agrees with the truth."""

from __future__ import annotations

import statistics

import pytest
from paretofleet_agent import simulate
from paretofleet_agent.device import probe
from paretofleet_agent.device.device import Simulation
from paretofleet_agent.simulate.power import rail_of, recorder_of

SECOND = 10**9


def play(sensor, gain=1.0):
    """Samples of 5 s idle, 20 s busy and 5 s idle; the busy ones with half a second off at both ends."""
    parameters = {
        "seed": 3,
        "idle_w": 45.0,
        "busy_w": 150.0,
        "gain": gain,
        "sensor": sensor,
        "start_ns": 7 * SECOND,
    }
    recorder = recorder_of(parameters)
    readings = []
    for until_s, activity in ((12, "idle"), (20, "busy"), (32, "busy"), (37, "idle")):
        ((times, values),) = recorder.take({"until_ns": until_s * SECOND, "activity": activity})
        readings += zip(times, values)
    return readings


def busy(readings):
    return [(t, v) for t, v in readings if 12.6 * SECOND <= t <= 31.4 * SECOND]


@pytest.mark.parametrize("sensor", ["vdd-in", "ina3221-continuous"])
def test_power_under_load_is_the_truth_times_the_gain(sensor):
    values = [v / 1e6 for _, v in busy(play(sensor, gain=1.02))]
    assert statistics.mean(values) == pytest.approx(153.0, rel=0.01)


def test_energy_of_the_counter_is_the_truth_times_the_gain_across_its_wrap():
    readings = busy(play("rapl", gain=0.98))
    joules, falls = 0.0, 0
    for (_, before), (_, after) in zip(readings, readings[1:]):
        falls += after < before
        joules += ((after - before) % rail_of("rapl").max_range_uj) / 1e6
    seconds = (readings[-1][0] - readings[0][0]) / 1e9
    assert joules / seconds == pytest.approx(0.98 * 150.0, rel=1e-3)
    assert falls <= 1
    whole = [v for _, v in play("rapl")]
    assert any(after < before for before, after in zip(whole, whole[1:])), "it starts near its wrap"


def test_an_averaging_monitor_repeats_its_refreshes_and_shows_a_step_late():
    readings = play("ina3221-continuous")
    values = [v for _, v in readings]
    repeated = sum(a == b for a, b in zip(values, values[1:])) / len(values)
    assert repeated > 0.8, "8 reads to a refresh"
    first = next(v for t, v in readings if t > 12 * SECOND)
    assert first / 1e6 < 60


@pytest.mark.parametrize(
    ("name", "rail", "scope", "kind"),
    [
        ("jetson-tx2", "VDD_IN", "module", "instant"),
        ("jetson-nano", "POM_5V_IN", "module", "boxcar"),
        ("cpu-server", "package-0", "package", "counter"),
    ],
)
def test_a_simulated_class_shows_its_kind_of_sensor(tmp_path, name, rail, scope, kind):
    device = probe.probe_device(tmp_path, Simulation(name), {})
    (sensor,) = device.inventory.sensors
    assert (sensor.source, sensor.rail, sensor.scope, sensor.kind) == ("sim", rail, scope, kind)
    assert simulate.CLASSES[name].cores == len(device.inventory.cpus)
