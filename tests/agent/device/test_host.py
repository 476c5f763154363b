"""What an attempt asks of its machine: the real one reads it, a simulated one makes it up."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from paretofleet_agent.device.host import RealHost
from paretofleet_agent.device.simulated_host import SimulatedHost
from paretofleet_agent.hardware import gpu_state, sysfs

ROOM = Path(sysfs.__file__).parents[1] / "measure"


def test_the_probe_chose_the_host_of_a_device(kit, here, tx2):
    lease = kit.lease_of(size_bytes=5_000_000)
    assert isinstance(here.open_host(here, lease, 1), RealHost)
    assert isinstance(tx2.open_host(tx2, lease, 1), SimulatedHost)


def test_an_attempt_knows_nothing_of_simulation():
    """The one key of a run's facts is not its own: it says what the inventory says."""
    lines = [line for path in ROOM.glob("*.py") for line in path.read_text().splitlines()]
    assert [line.strip() for line in lines if "simul" in line] == ['"simulated": inventory.simulated,']


def test_the_gpu_s_own_temperature_goes_before_the_hottest_zone(tmp_path, monkeypatch):
    zone = tmp_path / "sys/class/thermal/thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "type").write_text("CPU-therm\n")
    (zone / "temp").write_text("45000\n")
    states = {"GPU-1": {"temperature_c": 61}, "GPU-2": {"temperature_c": None}}
    monkeypatch.setattr(gpu_state, "state", lambda _: states)
    assert [RealHost(tmp_path, (0,), name).temperature_c() for name in ("GPU-1", "GPU-2", "cpu")] == [
        61,
        45,
        45,
    ]
    assert RealHost(tmp_path / "nothing", (0,), "cpu").temperature_c() is None


def test_a_real_host_asks_nothing_more_of_its_processes_and_knows_no_truth(here):
    host = RealHost(here.sysroot, here.inventory.cpus, "cpu")
    assert host.sampler_request() == host.runner_request() == {}
    assert host.rest_temperature_c is None
    host.write_truth()


@pytest.fixture
def simulated(kit, tx2):
    return tx2.open_host(tx2, kit.lease_of(size_bytes=5_000_000), 1)


def test_a_simulated_host_has_nothing_of_the_machine_that_simulates(simulated, here):
    assert simulated.readings() == {}
    assert simulated.flags({}, {}) == simulated.other_processes([1]) == []
    assert simulated.device_memory_bytes(1) is None
    assert not simulated.watch_contention(here.inventory.cpus, [])()
    log = simulated.frequency_log(here.inventory.cpus, "cpu")
    log.read()
    assert log.khz == []
    assert simulated.environment()["device"] == "sim:jetson-tx2"
    assert simulated.boot_id().startswith("sim:")


def test_a_simulated_host_cools_down_on_its_own_clock(simulated):
    warm_c = simulated.temperature_c()
    simulated.clock.sleep(3600.0, lambda: False)
    assert simulated.rest_temperature_c <= simulated.temperature_c() < warm_c
    assert simulated.runner_request()["simulate"]["start_ns"] == simulated.clock.now_ns()
    assert simulated.sampler_request()["simulate"]["start_ns"] == simulated.clock.now_ns()


def test_the_truth_of_a_run_goes_to_a_file_where_one_is_named(simulated, tx2):
    simulated.write_truth()
    simulated.write_truth()
    first, second = tx2.simulation.truth_path.read_text().splitlines()
    assert json.loads(first) == json.loads(second) == simulated.run.truth
    secret = dataclasses.replace(tx2.simulation, truth_path=None)
    dataclasses.replace(simulated, simulation=secret).write_truth()
    assert len(tx2.simulation.truth_path.read_text().splitlines()) == 2
