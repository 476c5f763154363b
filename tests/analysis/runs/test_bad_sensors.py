"""Sensors that fail in real runs: a flag and a sentence, the times untouched, energy null rather than wrong.

Runner and sampler are the real processes; the sensors are files of a copied tree that a thread counts up, and
meters over TCP.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import pytest
import windows
from paretofleet_agent.device import probe
from paretofleet_agent.measure import attempt, power_session
from paretofleet_agent.simulate.sensor_models import MODELS
from paretofleet_analysis.runs.summary import summarize_run
from sensor_runs import run

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "system"))

from networks import convolution

PACKAGE_W, METER_W = 40.0, 70.0
ZONE = "sys/class/powercap/intel-rapl:0"
RANGE_UJ = 262_143_328_850


class Counter:
    """A package that counts `PACKAGE_W` in a file of fixed width, so that no read sees half of a number."""

    def __init__(self, root: Path):
        folder = root / ZONE
        folder.mkdir(parents=True)
        (folder / "name").write_text("package-0\n")
        (folder / "max_energy_range_uj").write_text(f"{RANGE_UJ}\n")
        self.path, self.offset_uj = folder / "energy_uj", 10**9
        self.path.write_bytes(b"%015d\n" % self.offset_uj)
        self._begin_s, self._over = time.perf_counter(), threading.Event()
        self._file = os.open(self.path, os.O_WRONLY)
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self):
        while not self._over.wait(0.002):
            counted = self.offset_uj + int((time.perf_counter() - self._begin_s) * PACKAGE_W * 1e6)
            os.pwrite(self._file, b"%015d\n" % counted, 0)

    def restart(self):
        self.offset_uj = -int((time.perf_counter() - self._begin_s) * PACKAGE_W * 1e6)

    def disappear(self):
        self._over.set()
        time.sleep(0.02)
        os.ftruncate(self._file, 0)


class Meter:
    """A meter that serves one agent after another: `METER_W` every `period_s`, until told otherwise.

    It promises a quarter of that, so that a busy machine, which delays its thread, decides nothing.
    """

    def __init__(self, period_s=0.05, name="m1"):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.greeting = f"paretofleet-meter/1 id={name} unit=W period={4 * period_s} quantum=0.1\n"
        self.line, self._period_s, self._over = "{seconds:.3f} {watts}\n", period_s, threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError), connection:
            connection.sendall(self.greeting.encode())
            while self.line and not self._over.wait(self._period_s):
                text = self.line.format(seconds=time.perf_counter(), watts=METER_W)
                connection.sendall(text.encode())

    def close(self):
        self._over.set()
        self._listener.close()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return convolution(tmp_path_factory.mktemp("model") / "net.onnx")


@pytest.fixture
def meters():
    made = []

    def make(*arguments, **more):
        made.append(Meter(*arguments, **more))
        return made[-1]

    yield make
    for meter in made:
        meter.close()


def look(root, *meters_, scopes=("wall", "wall")):
    setting = ", ".join(
        f"{scope}@tcp://127.0.0.1:{meter.port}" for scope, meter in zip(scopes, meters_, strict=False)
    )
    return probe.probe_device(root, None, {}, sensor_settings={"meter": setting} if setting else {})


def has_times_and_no_energy(summary):
    assert summary["iterations"] >= 20
    assert summary["batch_latency_mean_s"] > 0
    assert summary["counted"]
    return summary["energy_j_per_item"] is None and summary["power_w"] is None


def test_a_counter_and_a_meter_that_work_tell_their_power(tmp_path, model, meters):
    Counter(tmp_path)
    facts, summary = run(look(tmp_path, meters()), model)
    package, wall = summary["energy"]
    assert package["power_w"] == pytest.approx(PACKAGE_W, rel=0.2)
    assert wall["power_w"] == pytest.approx(METER_W, rel=0.001)
    assert not {"sensor_missing", "sensor_failing", "energy_not_covered"} & set(summary["flags"])
    assert facts["sampler"]["failed"] == {}


def test_a_rail_that_disappears_in_the_middle_of_a_run(tmp_path, model, caplog):
    counter = Counter(tmp_path)
    facts, summary = run(look(tmp_path), model, counter.disappear)
    assert has_times_and_no_energy(summary)
    assert {"energy_not_covered", "sensor_failing"} <= set(summary["flags"])
    assert facts["sampler"]["failed"]["power:rapl/package-0"] > 5
    assert "the power sensor rapl/package-0 gave nothing at" in caplog.text


def test_a_counter_that_goes_backwards_in_the_middle_of_a_run(tmp_path, model):
    counter = Counter(tmp_path)
    _, summary = run(look(tmp_path), model, counter.restart)
    assert has_times_and_no_energy(summary)
    assert "counter_reset" in summary["flags"]


def test_a_rail_of_the_inventory_that_is_gone_when_the_run_begins(tmp_path, model, meters, caplog):
    Counter(tmp_path)
    device = look(tmp_path, meters())
    (tmp_path / ZONE).rename(tmp_path / "elsewhere")
    with caplog.at_level(logging.WARNING):
        facts, summary = run(device, model)
    assert has_times_and_no_energy(summary)
    assert "sensor_missing" in summary["flags"]
    assert "energy_not_covered" not in summary["flags"]
    (lost,) = [sensor for sensor in facts["sensors"] if sensor.get("missing")]
    assert (lost["stream"], lost["primary"]) == ("power:rapl/package-0", True)
    assert "no intel-rapl zone" in lost["missing"]
    assert "rapl/package-0 is missing in this run, so its energy is null: no intel-rapl zone" in caplog.text
    measured = {entry["scope"]: entry["power_w"] for entry in summary["energy"]}
    assert measured == {"package": None, "wall": pytest.approx(METER_W, rel=0.001)}, "the wall stays the wall"


def test_permission_that_is_denied_when_the_run_begins(tmp_path, model):
    if os.geteuid() == 0:
        pytest.skip("root may read everything; test_rapl.py drops root for the same refusal")
    counter = Counter(tmp_path)
    device = look(tmp_path)
    counter.path.chmod(0)
    facts, summary = run(device, model)
    assert has_times_and_no_energy(summary)
    assert "permission denied" in facts["sensors"][0]["missing"]


@pytest.mark.parametrize("line", ["", "\x00 garbage\n"], ids=["stops", "sends rubbish"])
def test_a_meter_that_fails_in_the_middle_of_a_run(tmp_path, model, meters, line, caplog):
    meter = meters()

    def spoil():
        meter.line = line

    facts, summary = run(look(tmp_path, meter), model, spoil)
    assert has_times_and_no_energy(summary)
    assert {"energy_not_covered", "sensor_failing"} <= set(summary["flags"])
    assert facts["sampler"]["failed"]["power:meter/m1"] > 1
    assert "the power sensor meter/m1 gave nothing at" in caplog.text


def test_a_meter_that_feeds_another_board_by_the_time_of_the_run(tmp_path, model, meters):
    meter = meters()
    device = look(tmp_path, meter)
    meter.greeting = "paretofleet-meter/1 busy=tx1-3\n"
    facts, summary = run(device, model)
    assert has_times_and_no_energy(summary)
    assert "sensor_missing" in summary["flags"]
    assert "already gives its figures to tx1-3" in facts["sensors"][0]["missing"]


def test_a_second_source_of_the_same_scope_that_turns_up_for_the_run(tmp_path, model, meters):
    one, two = meters(), meters(name="m2")
    greeting, two.greeting = two.greeting, "220 mail.example ESMTP\n"
    device = look(tmp_path, one, two)
    assert [sensor.rail for sensor in device.inventory.sensors] == ["m1"]
    two.greeting = greeting
    facts, summary = run(device, model)
    assert has_times_and_no_energy(summary)
    assert "sensor_missing" in summary["flags"]
    assert "all claim the scope wall" in facts["sensors"][0]["missing"]


@pytest.mark.parametrize("scopes", [("wall", "wall"), ("wall", "usb-input")], ids=["scope", "id"])
def test_two_sources_in_a_dispute_since_the_agent_started(tmp_path, model, meters, scopes):
    one, two = meters(), meters(name="m2" if scopes[0] == scopes[1] else "m1")
    device = look(tmp_path, one, two, scopes=scopes)
    assert not device.has_power
    facts, summary = run(device, model)
    assert has_times_and_no_energy(summary)
    assert "sensor_missing" in summary["flags"]
    assert facts["sensors"] == []
    (refused,) = facts["sensors_refused"]
    assert "cannot be known" in refused["why"]
    assert refused["fix"]


def test_a_meter_that_is_busy_since_the_agent_started_beside_a_package(tmp_path, model, meters):
    Counter(tmp_path)
    meter = meters()
    meter.greeting = "paretofleet-meter/1 busy=tx1-3\n"
    facts, summary = run(look(tmp_path, meter), model)
    assert summary["power_w"] == pytest.approx(PACKAGE_W, rel=0.2)
    assert "sensor_missing" in summary["flags"]
    assert "already gives its figures to tx1-3" in facts["sensors_refused"][0]["why"]


def test_a_rail_that_the_collector_marks_as_missing_tells_nothing_whatever_it_read():
    run = windows.run_of(MODELS["rapl"], windows.Load(20, 20, iteration_s=0.05), window_s=5, seed=1, idle_w=5)
    kind = {"batch_size": 1, "mode": "latency", "target_kind": "cpu"}
    assert summarize_run(run.streams, run.facts, **kind)["energy_j_per_item"] == pytest.approx(1.0, rel=0.1)
    shared = [
        dict(rail, missing="the meter m1 also gives its figures to tx1-3") for rail in run.facts["sensors"]
    ]
    summary = summarize_run(run.streams, dict(run.facts, sensors=shared), **kind)
    assert has_times_and_no_energy(summary)
    assert "sensor_missing" in summary["flags"]


def test_a_sensor_that_is_slower_than_the_run(tmp_path, model, meters):
    _, summary = run(look(tmp_path, meters(period_s=1.5)), model)
    assert has_times_and_no_energy(summary)
    assert "sensor_too_slow" in summary["flags"]


def sampler_pid():
    """The sampler of the run that is under way in this process."""
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (path / "stat").read_text().rpartition(")")[2].split()
            if int(fields[1]) == os.getpid() and b"power.sampler" in (path / "cmdline").read_bytes():
                return int(path.name)
    raise LookupError("no sampler")


def test_a_sampler_that_hangs_costs_a_run_its_energy_and_not_its_times(tmp_path, model, monkeypatch, caplog):
    monkeypatch.setattr(power_session, "COLLECT_LIMIT_S", 1.5)
    Counter(tmp_path)
    facts, summary = run(look(tmp_path), model, lambda: os.kill(sampler_pid(), signal.SIGSTOP))
    assert has_times_and_no_energy(summary)
    assert {"sampler_lost", "energy_not_covered"} <= set(summary["flags"])
    assert "does not answer" in facts["sampler_lost"]
    assert "this run has no energy: the sampler" in caplog.text
    back_to_back = 1 / summary["time_per_item_s"]
    assert summary["throughput_items_s"] > 0.6 * back_to_back, "the wait is in no window"


def test_a_sampler_that_does_not_start_costs_a_run_its_energy_alone(tmp_path, model, monkeypatch):
    Counter(tmp_path)
    device = look(tmp_path)
    monkeypatch.setattr(attempt, "sampler_command", lambda: [sys.executable, "-c", "raise SystemExit(3)"])
    facts, summary = run(device, model)
    assert has_times_and_no_energy(summary)
    assert {"sampler_lost", "sensor_missing"} <= set(summary["flags"])
    assert "exit code 3" in facts["sensors"][0]["missing"]
