"""Start-up characterisation: period, noise, quantum, lag and mismatch of sensors whose truth is known."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
import time
from pathlib import Path

import pytest
from paretofleet_agent.power import characterise as sensor_facts
from paretofleet_agent.power import estimators
from paretofleet_agent.sensors import _files
from paretofleet_agent.sensors.protocol import Rail
from paretofleet_agent.simulate.sensor_models import (
    MODELS,
    Curve,
    ModelledSensor,
    SensorModel,
    readings,
    with_faults,
)

#: Load that comes and goes, 70 and 30 ms.
VARYING = Curve.square(60.0, 250.0, period_s=0.1, duty=0.7, begin_s=0.0, end_s=60.0)


def quick(model, curve=VARYING, seconds=3.0):
    return readings(model, curve, begin_s=5.0, end_s=5.0 + seconds, every_s=0.0005)


@pytest.mark.parametrize("name", ["nvml-counter", "nvml-pascal", "ina3221-continuous", "rapl"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_period_of_every_kind_is_found(name, seed):
    model = dataclasses.replace(with_faults(MODELS[name], seed), noise_w=0.0 if "rapl" in name else 3.0)
    found = estimators.refresh(quick(model, seconds=6.0))
    assert found.period_s == pytest.approx(model.period_s, rel=0.05, abs=0.0005)
    assert found.flags == []


def test_the_median_is_not_fooled_by_one_early_tick():
    times = [0, 100, 200, 210, 300, 400, 500, 600]
    series = [(t * 10**6, i) for i, t in enumerate(times)]
    assert estimators.refresh(series).period_s == pytest.approx(0.1)


def test_stale_refreshes_are_seen_in_the_deciles():
    model = with_faults(dataclasses.replace(MODELS["nvml-pascal"], noise_w=5.0), 3, stale=0.7)
    found = estimators.refresh(quick(model, seconds=6.0))
    assert found.p10_s == pytest.approx(0.02, rel=0.1)
    assert found.flags == ["irregular_refresh"]


def test_a_source_that_never_changes_is_called_constant():
    assert estimators.refresh([(i, 5) for i in range(100)]).flags == ["constant"]
    assert estimators.refresh([(i, i // 50) for i in range(100)]).flags == ["few_changes"]
    assert estimators.refresh([]).period_s is None


def test_a_source_with_times_of_its_own_needs_no_change_of_value():
    series = [(number * 10**8, 42) for number in range(20)]
    assert estimators.refresh(series, self_timed=True).period_s == pytest.approx(0.1)


def test_noise_correlation_and_quantum_under_steady_load():
    model = SensorModel("instant", 0.02, noise_w=4.0, quantum=0.152, seed=7)
    series = readings(model, Curve([(0.0, 100.0)]), begin_s=1, end_s=60, every_s=0.005)
    found = estimators.steady(series, "instant")
    assert found.mean_w == pytest.approx(100.0, rel=0.01)
    assert found.sd_w == pytest.approx(4.0, rel=0.1)
    assert found.rho < 0.1
    assert estimators.quantum_u([series], "instant") == pytest.approx(152_000, abs=2)


def test_a_counter_tells_power_between_its_refreshes():
    series = readings(MODELS["nvml-counter"], Curve([(0.0, 70.0)]), begin_s=1, end_s=11, every_s=0.002)
    assert estimators.steady(series, "counter").mean_w == pytest.approx(70.0, rel=0.01)


@pytest.mark.parametrize("quantum_j", [1e-3, 0.5])
def test_a_counters_quantum_is_what_its_steps_have_in_common_and_not_the_energy_of_a_refresh(quantum_j):
    model = dataclasses.replace(MODELS["nvml-counter"], quantum=quantum_j)
    varying = Curve.square(61.3, 250.7, period_s=0.37, duty=0.7, begin_s=0.0, end_s=60.0)
    series = readings(model, varying, begin_s=1, end_s=11, every_s=0.002)
    assert estimators.quantum_u([series], "counter") == pytest.approx(1e6 * quantum_j)
    wrapped = [(t_ns, value % 12_346_777_777) for t_ns, value in series]
    assert estimators.quantum_u([wrapped], "counter") == pytest.approx(1e6 * quantum_j)


def test_a_counter_that_counts_the_same_every_time_does_not_tell_its_quantum():
    series = [(number * 10**8, number * 7_000_000) for number in range(50)]
    assert estimators.quantum_u([series], "counter") is None
    assert estimators.quantum_u([series[:3], []], "counter") is None


def test_correlated_noise_is_seen():
    assert estimators.correlation([1.0, 1.0, 5.0, 5.0, 1.0, 1.0, 5.0, 5.0] * 5) < 0.1
    slow = [float(i // 20 % 2) for i in range(400)]
    assert estimators.correlation(slow) > 0.8
    assert estimators.correlation([3.0] * 9) == 0.0


@pytest.mark.parametrize(
    ("model", "lag_s", "rise_s"),
    [
        (SensorModel("instant", 0.01, lag_s=0.2), 0.2, 0.0),
        (SensorModel("boxcar", 0.02, window_s=1.0), 0.5, 0.8),
        (SensorModel("filtered", 0.02, tau_s=0.1), 0.069, 0.22),
        (SensorModel("counter", 0.02, lag_s=0.1), 0.1, 0.0),
    ],
)
def test_lag_and_rise_of_a_step(model, lag_s, rise_s):
    curve = Curve.square(60.0, 250.0, period_s=6.0, duty=0.5, begin_s=3.0, end_s=30.0)
    series = readings(model, curve, begin_s=0.0, end_s=30.0, every_s=0.005)
    steps = [int(t * 1e9) for t in range(3, 30, 3)]
    lag, rise = estimators.step_response(series, model.kind, steps, 3.0)
    assert lag == pytest.approx(lag_s, abs=0.03)
    assert rise == pytest.approx(rise_s, abs=0.05)


def test_a_load_that_is_not_seen_tells_no_lag():
    series = readings(
        SensorModel("instant", 0.01, noise_w=5.0), Curve([(0, 50.0)]), begin_s=0, end_s=9, every_s=0.01
    )
    assert estimators.step_response(series, "instant", [3 * 10**9, 6 * 10**9], 3.0) == (None, None)


def test_a_counter_that_disagrees_with_the_power_beside_it():
    curve = Curve([(0.0, 200.0)])
    power = readings(
        dataclasses.replace(MODELS["nvml-full"], noise_w=2.0), curve, begin_s=2, end_s=12, every_s=0.02
    )
    honest = readings(MODELS["nvml-counter"], curve, begin_s=2, end_s=12, every_s=0.02)
    short = readings(
        dataclasses.replace(MODELS["nvml-counter"], gain=0.93), curve, begin_s=2, end_s=12, every_s=0.02
    )
    assert estimators.integral_disagreement(honest, power) < 0.01
    assert estimators.integral_disagreement(short, power) == pytest.approx(0.07, abs=0.01)
    assert estimators.integral_disagreement(honest, power[:1]) is None


def test_a_source_is_polled_at_half_its_period_and_never_too_often():
    assert estimators.polling_s("boxcar", 0.1, 1e-5) == 0.05
    assert estimators.polling_s("boxcar", 0.02, 1e-5) == 0.01, "no refresh is lost"
    assert estimators.polling_s("boxcar", 0.4224, 1e-5) == 0.2, "nothing is read twice that is read once"
    assert estimators.polling_s("boxcar", 5.0, 1e-5) == 0.2
    assert estimators.polling_s("instant", 0.001, 1e-5) == 0.05, "too fast to be followed"
    assert estimators.polling_s("counter", 0.001, 1e-5) == 0.05, "it counts without us"
    assert estimators.polling_s("instant", 0.001, 0.004) == 0.08, "20 times the cost of a read"
    assert estimators.polling_s("boxcar", None, 1e-5) == 0.05


def test_what_was_measured_takes_the_place_of_what_was_assumed():
    rail = Rail("nvml", "x", "gpu-board", "boxcar", period_s=0.1, lag_s=0.3)
    found = {"period_s": 0.02, "lag_s": None, "quantum_u": 1000, "flags": []}
    facts = estimators.with_measured(rail.facts(), found)
    assert (facts["period_s"], facts["lag_s"], facts["quantum_w"]) == (0.02, 0.3, 0.001)
    assert facts["measured"]["quantum_u"] == 1000


class Clock:
    """Time that passes by 20 us with each look at it, and while one sleeps."""

    def __init__(self):
        self.now_s = 1000.0

    def perf_counter(self):
        self.now_s += 2e-5
        return self.now_s

    def perf_counter_ns(self):
        return int(self.perf_counter() * 1e9)

    def sleep(self, seconds):
        self.now_s += seconds


class Quiet:
    """A load that only remembers."""

    def __init__(self, clock):
        self.curve, self._clock = Curve([(0.0, 5.0)]), clock

    def set(self, *, busy):
        self.curve.add(self._clock.now_s, 9.0 if busy else 5.0)

    def close(self):
        pass


def test_a_source_is_measured_under_a_load_of_its_own(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(sensor_facts, "time", clock)
    load = Quiet(clock)
    model = SensorModel("instant", 0.01, noise_w=0.01, lag_s=0.05)
    sensor = ModelledSensor(model.rail("sim", "x", "module"), model, load.curve, clock.perf_counter_ns)
    plan = sensor_facts.Plan(
        refresh_s=0.6, settle_s=0.2, steady_s=0.4, step_s=0.4, steps=4, step_read_s=0.002
    )
    facts = sensor_facts.measure(sensor, load, plan)["power:sim/x"]
    json.dumps(facts)
    assert facts["period_s"] == pytest.approx(0.01, rel=0.2)
    assert facts["lag_s"] == pytest.approx(0.05, abs=0.03)
    assert 0 < facts["read_cost_s"] <= facts["read_cost_p99_s"]
    assert facts["noise_w"] == pytest.approx(0.01, rel=0.6)
    assert facts["idle_noise_w"] == pytest.approx(0.01, rel=0.9)


def test_it_is_measured_once_for_a_boot_and_its_drivers(tree, tmp_path, monkeypatch):
    asked = []

    def measure(sensor, _load):
        asked.append(sensor)
        return {rail.stream: {"period_s": 0.5} for rail in sensor.rails()}

    monkeypatch.setattr(sensor_facts, "measure", measure)
    root = tree("rapl_amd")
    boot = root / "proc/sys/kernel/random/boot_id"
    boot.parent.mkdir(parents=True)
    boot.write_text("one\n")
    rail = Rail("rapl", "package-0", "package", "counter")
    sensor = _files.FilesSensor([_files.FileRail(rail, (), _files.one_integer)], {})
    for _ in range(2):
        found = sensor_facts.of_device(tmp_path / "home", root, [sensor], 1)
    assert found == {"power:rapl/package-0": {"period_s": 0.5}}
    assert len(asked) == 1
    boot.write_text("two\n")
    sensor_facts.of_device(tmp_path / "home", root, [sensor], 1)
    assert len(asked) == 2
    (tmp_path / "home" / sensor_facts.FILE).write_text("{half")
    sensor_facts.of_device(tmp_path / "home", root, [sensor], 1)
    assert len(asked) == 3


def test_sensors_of_one_source_are_measured_together():
    model = MODELS["nvml-full"]
    sensors = [
        ModelledSensor(model.rail(*name, "wall"), model, VARYING, lambda: 10**9)
        for name in (("a", "x"), ("b", "y"), ("a", "z"))
    ]
    groups = sensor_facts.by_source(sensors)
    assert [[rail.stream for rail in group.rails()] for group in groups] == [
        ["power:a/x", "power:a/z"],
        ["power:b/y"],
    ]
    assert [len(group.read()) for group in groups] == [2, 1]
    groups[0].close()


def test_the_load_is_made_by_processes_that_end():
    load = sensor_facts.Load(1)
    before = os.times()
    load.set(busy=True)
    time.sleep(0.5)
    load.set(busy=False)
    load.close()
    assert load._processes
    assert all(process.returncode == 0 for process in load._processes)
    assert os.times().children_user > before.children_user


def test_a_source_that_stops_answering_while_it_is_measured_is_left_unmeasured(monkeypatch, tmp_path, caplog):
    class Hung:
        def rails(self):
            return [Rail("bus", "x", "module", "instant", primary=True)]

        def read(self):
            threading.Event().wait()

        def close(self):
            pass

    monkeypatch.setattr(sensor_facts, "_seconds", lambda _plan: 0.2)
    facts = sensor_facts.of_device(tmp_path, Path("/"), [Hung()], 1)
    assert facts["power:bus/x"]["period_s"] is None
    assert "bus stopped answering" in caplog.text
