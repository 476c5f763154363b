"""From settings and fixtures to what probe says and what a sampler records."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from paretofleet_agent import config, main, sensors
from paretofleet_agent.device import description, power_sources, probe
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
    device = probe.probe_device(tree("raspberry_pi4"), None, {}, sensor_settings={"meter": f"wall@{wall}"})
    assert [sensor.scope for sensor in device.inventory.sensors] == ["wall"]
    assert device.sensor_settings == {"meter": f"wall@{wall}"}
    text = description.describe(device)
    assert "meter/m1  wall, boxcar" in text
    assert "a Raspberry Pi has no current sensor" in text


def test_a_device_without_a_sensor_says_so_plainly(tree):
    text = description.describe(probe.probe_device(tree("ina3221_nano_2gb"), None, {}))
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
    monkeypatch.setattr(power_sources, "find_all", find_all)
    calls.opened = opened
    return calls


@pytest.mark.usefixtures("measured")
def test_probe_tells_the_measured_refresh(tmp_path):
    device = probe.probe_device(Path("/"), None, {}, home=tmp_path)
    assert "a/x  wall, boxcar, refreshed every 100 ms, constant" in description.describe(device)
    assert description.as_json(device)["sensor_facts"]["power:a/x"]["period_s"] == 0.1


def is_locked(folder):
    """Whether somebody holds the host lock in a folder."""
    with host_lock(folder, stopped=lambda: True) as mine:
        return not mine


@pytest.mark.parametrize("command", ["probe", "bench", "selftest", "run"])
def test_sensors_are_measured_once_and_with_the_host_to_ourselves(tmp_path, monkeypatch, command, measured):
    (tmp_path / "agent.ini").write_text(f"[host]\nlock_dir = {tmp_path}\n")
    (tmp_path / "net.onnx").write_bytes(b"")
    locked, probe_device = [], probe.probe_device
    of_device = characterise.of_device

    def watched(*arguments):
        locked.append(is_locked(tmp_path))
        return of_device(*arguments)

    def only_probe(*arguments, **more):
        probe_device(*arguments, **more)
        raise PfError("that is all")

    monkeypatch.setattr(characterise, "of_device", watched)
    monkeypatch.setattr(probe, "probe_device", only_probe)
    model = [str(tmp_path / "net.onnx")] if command in ("bench", "selftest") else []
    for _ in range(2):
        assert main.main([command, *model, "--home", str(tmp_path)]) == 1
        assert not is_locked(tmp_path)
    assert locked == [True]
    assert len(measured) == 1


def test_a_recorder_takes_every_refresh_of_a_meter(wall):
    found, _ = sensors.find_all(Path("/nowhere"), {"meter": f"wall@{wall}"})
    recorder = SensorRecorder(found, 0.1)
    times, values, reads = [], [], 0
    until = time.monotonic() + 60
    while len(times) <= max(15, 2 * reads):
        assert time.monotonic() < until, "no more refreshes than reads"
        time.sleep(0.2)
        recorder.tick()
        ((more, new),) = recorder.take({})
        times, values, reads = [*times, *more], [*values, *new], reads + 2
    found[0].close()
    assert set(values) == {42_000_000}
    assert list(times) == sorted(times)


def test_a_tick_reads_each_file_of_six_rails_once_and_opens_none(tree, monkeypatch):
    """What a tick costs of a core says `make bench`, in bench/sampler.py."""
    found, _ = sensors.find_all(tree("ina3221_agx_xavier"))
    recorder = SensorRecorder(found, 0.02)
    read, pread = Counter(), os.pread

    def counted(descriptor, size, at):
        read[descriptor] += 1
        return pread(descriptor, size, at)

    def no_file(path, *_, **__):
        raise AssertionError(path)

    with monkeypatch.context() as watched:
        watched.setattr(os, "pread", counted)
        watched.setattr(os, "open", no_file)
        watched.setattr("builtins.open", no_file)
        for _ in range(100):
            recorder.tick()
    files = len({path for rail in found[0]._rails for path in rail.paths})
    for sensor in found:
        sensor.close()
    assert len(found[0].rails()) == 7
    assert len(read) == files
    assert set(read.values()) == {100}


@pytest.mark.parametrize("name", ["ina3221_tx2_l4t28", "battery_power"])
def test_probe_reads_a_copied_tree(tree, name):
    command = [sys.executable, "-m", "paretofleet_agent.main", "probe", "--sysroot", str(tree(name))]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=120, env=dict(os.environ)
    )
    assert "module+carrier, boxcar" in done.stdout if "tx2" in name else "battery/BAT0" in done.stdout


def test_sensors_are_opened_once_and_not_before_the_host_is_ours(tmp_path, measured):
    """A meter serves one agent: the one that we wait for may need it, or may just have left it."""

    @contextlib.contextmanager
    def alone():
        assert not measured.opened
        yield

    probe.probe_device(Path("/"), None, {}, home=tmp_path, alone=alone)
    assert len(measured.opened) == 1
    assert len(measured) == 1


def test_sensors_that_were_measured_in_this_boot_are_opened_once_without_a_wait(tmp_path, measured):
    probe.probe_device(Path("/"), None, {}, home=tmp_path)

    def alone():
        pytest.fail("nothing is to be measured")

    device = probe.probe_device(Path("/"), None, {}, home=tmp_path, alone=alone)
    assert device.sensor_facts["power:a/x"]["period_s"] == 0.1
    assert len(measured.opened) == 2, "once by each"
    assert len(measured) == 1


def test_a_device_without_a_sensor_waits_for_nobody_after_its_first_look(tmp_path, monkeypatch):
    monkeypatch.setattr(power_sources, "find_all", lambda _root, _settings: ([], []))
    waits = []

    @contextlib.contextmanager
    def alone():
        waits.append(1)
        yield

    for _ in range(2):
        assert probe.probe_device(Path("/"), None, {}, home=tmp_path, alone=alone).sensor_facts == {}
    assert len(waits) == 1


def test_a_sensor_that_comes_within_a_boot_is_measured_too(tmp_path, measured):
    assert characterise.of_device(tmp_path, Path("/"), [], 1) == {}
    device = probe.probe_device(Path("/"), None, {}, home=tmp_path)
    assert device.sensor_facts["power:a/x"]["period_s"] == 0.1
    assert len(measured) == 1
