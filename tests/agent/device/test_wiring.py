"""From settings and fixtures to what probe says and what a sampler records."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from paretofleet_agent import config, main, sensors
from paretofleet_agent.device import probe
from paretofleet_agent.device.host_lock import host_lock
from paretofleet_agent.errors import PfError
from paretofleet_agent.power import characterise
from paretofleet_agent.power.sampler import SensorRecorder


@pytest.fixture
def wall():
    """A wall meter that greets everybody and sends 42 W every 20 ms."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve(connection):
        with connection:
            connection.sendall(b"paretofleet-meter/1 id=m1 unit=W period=0.02\n")
            begin = time.perf_counter()
            try:
                while not over.wait(0.02):
                    connection.sendall(b"%.3f 42.0\n" % (time.perf_counter() - begin + 0.001))
            except OSError:
                return

    def accept():
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    over.set()
    listener.close()


@pytest.mark.parametrize("where", ["file", "environment"])
def test_settings_of_sensors_come_from_the_file_or_the_environment(tmp_path, where):
    (tmp_path / "agent.ini").write_text("[sensors]\nmeter = wall@tcp://a:1#tx2\n" if where == "file" else "")
    env = {} if where == "file" else {"PARETOFLEET_SENSORS_METER": "wall@tcp://a:1#tx2"}
    assert config.load({"home": str(tmp_path)}, env).sensors == {"meter": "wall@tcp://a:1#tx2"}


def test_a_meter_of_the_settings_is_probed_and_passed_on(tree, wall):
    device = probe.look(tree("raspberry_pi4"), None, 1, {}, sensor_settings={"meter": f"wall@{wall}"})
    assert [sensor.scope for sensor in device.inventory.sensors] == ["wall"]
    assert device.sensor_settings == {"meter": f"wall@{wall}"}
    text = probe.describe(device)
    assert "meter/m1  wall, boxcar" in text
    assert "a Raspberry Pi has no current sensor" in text


def test_a_device_without_a_sensor_says_so_plainly(tree):
    text = probe.describe(probe.look(tree("ina3221_nano_2gb"), None, 1, {}))
    assert "none: this device has no power sensor, so no energy is measured" in text
    assert "the Nano 2GB has no power monitor" in text


@pytest.fixture
def measured(monkeypatch):
    """This machine has one sensor, whose measurement takes no time; returns the calls of it."""

    class Calls(list):
        """The sensors that were measured; `opened`: those that were opened."""

    calls = Calls()

    def measure(sensor, _load):
        calls.append(sensor)
        return {sensor.rails()[0].stream: {"period_s": 0.1, "flags": ["constant"]}}

    monkeypatch.setattr(characterise, "measure", measure)
    rail = sensors.Rail("a", "x", "wall", "boxcar", primary=True)

    class Here:
        def rails(self):
            return [rail]

        def close(self):
            pass

    def find_all(_root, _settings):
        opened.append(Here())
        return [opened[-1]], []

    opened = []
    monkeypatch.setattr(probe, "find_all", find_all)
    calls.opened = opened
    return calls


@pytest.mark.usefixtures("measured")
def test_probe_tells_the_measured_refresh(tmp_path):
    device = probe.look(Path("/"), None, 1, {}, home=tmp_path)
    assert "a/x  wall, boxcar, refreshed every 100 ms, constant" in probe.describe(device)
    assert probe.as_json(device)["sensor_facts"]["power:a/x"]["period_s"] == 0.1


def is_locked(folder):
    """Whether somebody holds the host lock in a folder."""
    with host_lock(folder, stopped=lambda: True) as mine:
        return not mine


@pytest.mark.parametrize("command", ["probe", "bench", "selftest", "run"])
def test_sensors_are_measured_once_and_with_the_host_to_ourselves(tmp_path, monkeypatch, command, measured):
    (tmp_path / "agent.ini").write_text(f"[host]\nlock_dir = {tmp_path}\n")
    (tmp_path / "net.onnx").write_bytes(b"")
    locked, look = [], probe.look
    of_device = characterise.of_device

    def watched(*arguments):
        locked.append(is_locked(tmp_path))
        return of_device(*arguments)

    def only_look(*arguments, **more):
        look(*arguments, **more)
        raise PfError("that is all")

    monkeypatch.setattr(characterise, "of_device", watched)
    monkeypatch.setattr(probe, "look", only_look)
    model = [str(tmp_path / "net.onnx")] if command in ("bench", "selftest") else []
    for _ in range(2):
        assert main.main([command, *model, "--home", str(tmp_path)]) == 1
        assert not is_locked(tmp_path)
    assert locked == [True]
    assert len(measured) == 1


def test_a_recorder_takes_every_refresh_of_a_meter(wall):
    found, _ = sensors.find_all(Path("/nowhere"), {"meter": f"wall@{wall}"})
    recorder = SensorRecorder(found, 0.1)
    end = time.monotonic() + 0.6
    while time.monotonic() < end:
        recorder.tick()
        time.sleep(recorder.wait_s())
    ((times, values),) = recorder.take({})
    found[0].close()
    assert len(times) > 15, "more refreshes than reads"
    assert set(values) == {42_000_000}
    assert list(times) == sorted(times)


def test_six_rails_at_50_hz_cost_less_than_a_hundredth_of_a_core(tree):
    """Two minutes of ticks at 50 Hz, as fast as they go: less than 1.2 s of processor time."""
    found, _ = sensors.find_all(tree("ina3221_agx_xavier"))
    recorder = SensorRecorder(found, 0.02)
    before = time.process_time()
    for _ in range(1000):
        recorder.tick()
    cost = (time.process_time() - before) / 1000
    for sensor in found:
        sensor.close()
    assert len(found[0].rails()) == 7
    assert cost * 50 < 0.01


@pytest.mark.parametrize("name", ["ina3221_tx2_l4t28", "battery_power"])
def test_probe_reads_a_copied_tree(tree, name):
    command = [sys.executable, "-m", "paretofleet_agent.main", "probe", "--sysroot", str(tree(name))]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=60, env=dict(os.environ)
    )
    assert "module+carrier, boxcar" in done.stdout if "tx2" in name else "battery/BAT0" in done.stdout


@pytest.mark.parametrize(("waits_s", "opened"), [(0.0, 1), (60.0, 2)])
def test_sensors_are_opened_again_only_after_a_wait(tmp_path, monkeypatch, measured, waits_s, opened):
    """A meter may take a moment to see that we left: it would say that it is busy."""
    now_s = [0.0]
    monkeypatch.setattr(probe.time, "monotonic", lambda: now_s[0])

    @contextlib.contextmanager
    def alone():
        now_s[0] += waits_s
        yield

    probe.look(Path("/"), None, 1, {}, home=tmp_path, alone=alone)
    assert len(measured.opened) == opened
    assert len(measured) == 1
