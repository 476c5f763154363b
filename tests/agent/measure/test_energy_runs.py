"""Runs whose energy decides how long they last: the same processes, a virtual clock, simulated sensors."""

from __future__ import annotations

import array
import dataclasses
import json
import time
import types
from pathlib import Path

import pytest
from paretofleet_agent.device import probe
from paretofleet_agent.device.device import Simulation
from paretofleet_agent.measure import series
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.measure.power_session import PowerSession
from paretofleet_agent.measure.window import Window
from paretofleet_agent.model import PHASES
from paretofleet_agent.power import rail_facts
from paretofleet_agent.power.rail_facts import RailFacts
from paretofleet_agent.runner import paced_loop
from paretofleet_agent.runner.frames import pack_columns
from paretofleet_agent.simulate.sensor_models import MODELS

S = 10**9


@pytest.fixture
def standard(kit):
    """The collector's protocol `standard`."""
    return dataclasses.replace(
        kit.QUICK,
        warm_up_min_s=1.2,
        warm_up_min_iterations=20,
        warm_up_max_s=60.0,
        iterations_min=30,
        iterations_max=2000,
        window_min_s=2.0,
        block_s=1.0,
        idle_s=2.0,
        timeout_s=900.0,
        is_short=False,
    )


def run(kit, device, limits, **wanted):
    samples = kit.Samples()
    lease = kit.lease_of(**{"size_bytes": 5_000_000, "limits": limits, **wanted})
    outcome = measure(lease, None, samples, kit.Watch(), device)
    assert outcome.ok, outcome.message
    times, phases = samples.columns("marks")
    marks = {PHASES[phase]: t_ns for t_ns, phase in zip(times, phases)}
    return outcome.facts, marks, samples


def seconds(marks, begin, end):
    return (marks[end] - marks[begin]) / S


def test_a_window_goes_on_until_its_energy_is_known_to_two_percent(kit, standard):
    nano = probe.probe_device(Path("/"), Simulation("jetson-nano"), {})
    facts, marks, _ = run(kit, nano, standard)
    least_s = 30 * 0.4224
    assert least_s <= seconds(marks, "measure", "guard_after") < least_s + 2 * 4.224
    assert facts["energy_window"]["uncertainty"] <= 0.02
    assert facts["energy_window"]["seconds"] >= least_s
    assert "energy_not_converged" not in facts["flags"]


def test_a_counter_that_refreshes_often_lengthens_nothing(kit, standard):
    server = probe.probe_device(Path("/"), Simulation("cpu-server"), {})
    facts, marks, _ = run(kit, server, standard)
    assert 2.0 <= seconds(marks, "measure", "guard_after") < 4.0
    assert facts["energy_window"]["uncertainty"] < 0.001


def test_a_fast_model_goes_on_for_its_energy_after_the_most_iterations(kit, tx2, standard):
    few = dataclasses.replace(standard, iterations_max=40, iterations_min=30)
    facts, marks, _ = run(kit, tx2, few)
    assert facts["energy_window"]["iterations"] > 40
    assert seconds(marks, "measure", "guard_after") >= 5.0


def test_a_short_protocol_keeps_its_limits(kit, standard):
    nano = probe.probe_device(Path("/"), Simulation("jetson-nano"), {})
    short = dataclasses.replace(standard, is_short=True, window_min_s=1.5, iterations_min=10, idle_s=0.0)
    facts, marks, samples = run(kit, nano, short)
    assert seconds(marks, "measure", "guard_after") < 3.0
    assert "energy_window" not in facts
    assert "idle_before" not in marks
    assert len(samples.columns("power:sim/POM_5V_IN")[0]) > 30, "it is sampled all the same"


def test_guards_last_as_long_as_the_sensor_remembers(kit, standard):
    nano = probe.probe_device(Path("/"), Simulation("jetson-nano"), {})
    _, marks, _ = run(kit, nano, standard)
    assert seconds(marks, "guard_before", "measure") >= 2 * 0.4224
    assert seconds(marks, "guard_after", "idle_after") >= 2 * 0.4224


def test_the_model_stays_loaded_while_it_idles_and_the_device_idles_without_it_before(kit, tx2, standard):
    _, marks, _ = run(kit, tx2, standard)
    assert marks["idle_before"] < marks["load"] < marks["idle_after"]
    assert seconds(marks, "idle_before", "load") == pytest.approx(2.0)
    assert seconds(marks, "idle_after", "end") == pytest.approx(2.0)


def test_a_device_idles_without_a_model_once_a_block(tx2):
    real = dataclasses.replace(tx2, simulation=None)
    asked = [real.needs_cold_idle("sweep", block) for block in (1, 1, 2, 2, 1)]
    assert asked == [True, False, True, False, False]
    assert real.needs_cold_idle("another", 1)
    assert tx2.needs_cold_idle("sweep", 1), "simulated idle costs nothing and keeps runs repeatable"


# Without processes.


class Answers:
    """Stands in for the sampler's process: one answer with constant power, up to the time asked for."""

    def __init__(self, rail, watts=100.0, report=None):
        self.rail, self.watts, self.report, self.from_ns = rail, watts, report, 0

    def ask(self, request, expect, _deadline_s):
        if expect == "ready":
            return {"rails": [self.rail]}, b""
        times = array.array("q", range(self.from_ns, request["until_ns"], S // 20))
        self.from_ns = request["until_ns"]
        values = [round(self.watts * 1e6)] * len(times)
        stream = {"stream": self.rail["stream"], "schema": "power/1", "n": len(times)}
        header = {"streams": [stream], "report": self.report}
        return header, pack_columns([times, values])


def sampling_of(name, put=lambda *_: None, **more):
    sampler = Answers(MODELS[name].rail("sim", name, "gpu-board").facts(), **more)
    record = types.SimpleNamespace(put=put, show_power=lambda *_: None)
    power = PowerSession(sampler, record)
    power.choose_rails(power.prepare({}, (), {}), "cpu")
    return power


def series_of(count, each_s, start_s=0.0):
    starts = [round((start_s + number * each_s) * S) for number in range(count)]
    return series.Series().extended(starts, [round(each_s * S)] * count)


def test_only_a_part_time_sensor_asks_for_pauses_and_only_for_slow_iterations():
    part_time = sampling_of("nvml-part-time")
    assert part_time.pause_s(0.1) == pytest.approx(0.0618, abs=1e-4)
    assert part_time.pause_s(0.012) == 0
    assert sampling_of("nvml-full").pause_s(0.1) == 0
    assert sampling_of("rapl").pause_s(0.1) == 0


def test_no_energy_is_worth_the_run(standard):
    """When the run's time is nearly up, or a block is a process of its own, the window ends, flagged."""
    power = sampling_of("nvml-part-time")
    power.begin(0)
    power.collect(6 * S, "busy")
    warm = series_of(60, 0.1)
    for deadline_s, one_block in ((time.monotonic() + 5, False), (time.monotonic() + 900, True)):
        window = Window(standard, power, deadline_s, one_block)
        assert window.has_enough(warm)
        assert window.capped
    patient = Window(standard, power, time.monotonic() + 900, one_block=False)
    assert not patient.has_enough(warm)
    assert patient.next_block(warm).seconds == 1.0
    at_once = Window(standard, power, time.monotonic() + 900, one_block=True)
    assert at_once.next_block(series.Series()).seconds == 10.0


def test_what_the_sampler_says_of_itself_is_a_sample_and_a_fact():
    puts = []
    report = {"reads": 40, "missed": 1, "failed": {}, "sensors": []}
    power = sampling_of("nvml-full", put=lambda *one: puts.append(one), report=report)
    power.collect(2 * S, "busy")
    (stream, schema, n, data) = puts[-1]
    assert (stream, schema, n) == ("state", "state/1", 1)
    assert json.loads(data[16:]) == {"sampler": report}
    assert array.array("q", data[:16]).tolist() == [2 * S, len(data) - 16]
    assert power.report == report


class Run:
    """A runtime on a clock of its own: 30 ms an iteration."""

    def __init__(self):
        self.now_ns = 7

    def block(self, seconds, max_iterations):
        assert (seconds, max_iterations) == (0.0, 1)
        self.now_ns += 30_000_000
        return [self.now_ns - 30_000_000], [30_000_000]

    def pause(self, pause_ns):
        self.now_ns += pause_ns


def test_pauses_come_after_each_iteration_and_count_in_the_block():
    starts, durations = paced_loop.block(Run(), pause_ns=20_000_000, seconds=1.0, max_iterations=1000)
    assert set(durations) == {30_000_000}
    assert {b - a for a, b in zip(starts, starts[1:])} == {50_000_000}
    assert len(starts) == 20
    assert len(paced_loop.block(Run(), pause_ns=1, seconds=1.0, max_iterations=3)[0]) == 3


def test_a_real_run_pauses_after_each_iteration_of_its_window_only(kit, model, tmp_path, monkeypatch):
    """Its sensor is said to look for a microsecond every 20 ms; its time is short, so the window is too."""
    device = probe.probe_device(kit.unpack_tree("rapl_intel", tmp_path / "root"), None, {})
    rail = RailFacts("power:rapl/package-0", "package", "boxcar", 0.05, 0.02, 1e-6, 0.0, 1e-3)
    monkeypatch.setattr(rail_facts, "primary_rails", lambda *_: [rail])
    limits = dataclasses.replace(
        kit.QUICK, is_short=False, idle_s=0.05, warm_up_max_s=0.2, iterations_max=10, timeout_s=10.0
    )
    samples = kit.Samples()
    outcome = measure(kit.lease_of(model, limits=limits), model, samples, kit.Watch(), device)
    assert outcome.ok, outcome.message
    pause_s = outcome.facts["phase_spread"]["pause_s"]
    assert 0.012 < pause_s < 0.02
    assert {"phase_spread", "energy_not_converged"} <= set(outcome.facts["flags"])
    times, phases = samples.columns("marks")
    marks = {PHASES[phase]: t_ns for t_ns, phase in zip(times, phases)}
    starts, durations = samples.columns("iterations")
    gaps = {"measure": [], "guard_after": []}
    for start, duration, following in zip(starts, durations, starts[1:]):
        if marks["measure"] <= start and following < marks["idle_after"]:
            phase = "measure" if following < marks["guard_after"] else "guard_after"
            gaps[phase].append((following - start - duration) / S)
    assert min(gaps["measure"]) >= pause_s
    assert sorted(gaps["guard_after"])[len(gaps["guard_after"]) // 2] < pause_s / 2
