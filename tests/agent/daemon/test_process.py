"""`paretofleet-agent run` as people start it: a process, a simulated device, signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from fake_collector import FakeCollector
from paretofleet_proto.v1 import fleet_pb2 as pb

CONFIGURATION = {
    "batch_size": 1,
    "device_id": "d",
    "mode": "latency",
    "options": {},
    "precision": "fp32",
    "protocol": "quick",
    "runtime": "onnxruntime",
    "target_id": "cpu",
    "threads": 1,
    "timing_scope": "copy+compute",
    "variant_sha256": "0" * 64,
}
LIMITS = pb.Limits(
    warm_up_min_s=0.1,
    warm_up_min_iterations=2,
    warm_up_max_s=1,
    warm_up_max_iterations=100,
    iterations_min=10,
    iterations_max=30,
    window_min_s=0.1,
    block_s=1,
    timeout_s=60,
    is_short=True,
)


def start(home, address, *arguments):
    command = [sys.executable, "-m", "paretofleet_agent.main", "run", "--collector", address]
    command += ["--home", str(home), "--name", "sim-1", "--simulate", "jetson-tx2", *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def wait_for(condition, what):
    until = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < until, f"{what} did not come to pass"
        time.sleep(0.02)


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def collector():
    with FakeCollector().running() as collector:
        yield collector


def grant(collector, run_id, **limits):
    collector.grant(run_id)
    last = collector.grants[-1]
    last.configuration_json = json.dumps(CONFIGURATION)
    last.limits.CopyFrom(LIMITS)
    for name, value in limits.items():
        setattr(last.limits, name, value)


def test_a_simulated_device_measures_two_runs_and_ends(collector, tmp_path):
    grant(collector, "run-1")
    grant(collector, "run-2")
    agent = start(tmp_path, collector.address, "--once")
    _, said = agent.communicate(timeout=120)
    assert agent.returncode == 0, said
    assert [end.ok for end in collector.ends.values()] == [True, True]
    assert {k[2] for k in collector.stored} >= {"iterations", "marks"}
    assert set(collector.stores.values()) == {1}
    (hello, *_) = collector.hellos
    assert (hello.device_class, hello.inventory.simulated) == ("sim:jetson-tx2", True)
    facts = json.loads(collector.ends["run-1", 1].facts_json)
    assert facts["simulated"]
    assert facts["environment"]["device"] == "sim:jetson-tx2"


def test_sigterm_ends_an_idle_agent_well(collector, tmp_path):
    agent = start(tmp_path, collector.address)
    wait_for(lambda: collector.beats, "a heartbeat")
    agent.send_signal(signal.SIGTERM)
    _, said = agent.communicate(timeout=120)
    assert agent.returncode == 0
    assert "told to end by SIGTERM" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_agent_that_ends_in_the_middle_of_a_run_takes_its_children_along(collector, tmp_path, number):
    # A window so long that a virtual clock too is busy with it for a while.
    grant(collector, "run-1", iterations_min=10**8, iterations_max=10**9, window_min_s=10**7, timeout_s=600)
    agent = start(tmp_path, collector.address)
    wait_for(lambda: any(beat.HasField("running") for beat in collector.beats), "a running attempt")
    wait_for(lambda: len(children_of(agent.pid)) == 2, "runner and sampler")
    children = children_of(agent.pid)
    agent.send_signal(number)
    agent.communicate(timeout=120)
    assert agent.returncode == (0 if number == signal.SIGTERM else -number)
    wait_for(lambda: not any(is_alive(child) for child in children), "the death of the children")

    again = start(tmp_path, collector.address, "--once")
    _, said = again.communicate(timeout=120)
    assert again.returncode == 0, said
    assert collector.ends["run-1", 1].reason == "lost"
    assert collector.ends["run-1", 1].interrupted
    assert collector.stored == {}
    instances = [hello.session.instance for hello in collector.hellos]
    assert instances[-1] == 2


def test_a_home_serves_one_agent(collector, tmp_path):
    agent = start(tmp_path, collector.address)
    wait_for(lambda: collector.beats, "a heartbeat")
    second = start(tmp_path, collector.address)
    _, said = second.communicate(timeout=120)
    assert second.returncode == 1
    assert f"process id {agent.pid} uses {tmp_path} already" in said
    assert said.count("\n") == 1
    agent.terminate()
    agent.communicate(timeout=120)


def test_a_full_disk_is_one_sentence(collector, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("a small file system of its own needs root")
    home = tmp_path / "home"
    home.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(home)], check=False)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        (home / "filler").write_bytes(b"x" * 40_000)
        agent = start(home, collector.address)
        _, said = agent.communicate(timeout=120)
        assert agent.returncode == 1
        assert "free some space" in said
        assert "Traceback" not in said
    finally:
        subprocess.run(["umount", str(home)], check=False)
