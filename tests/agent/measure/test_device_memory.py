"""The memory that a run holds on its GPU, as the driver counts it by process."""

from __future__ import annotations

import os
import types

import pytest
from paretofleet_agent.hardware import gpu
from paretofleet_agent.measure.attempt import measure

GPU, RUNNER, OTHER = "GPU-1", 11, 12


class Library:
    """Stands in for the module pynvml: one GPU with the memory of each process on it."""

    _nvmlGetFunctionPointer = None  # noqa: N815 - the name that tells the right distribution
    NVMLError = RuntimeError

    def __init__(self, used_bytes):
        self._listed = [types.SimpleNamespace(pid=pid, usedGpuMemory=used_bytes[pid]) for pid in used_bytes]

    def __getattr__(self, name):
        answers = {"nvmlDeviceGetCount": 1, "nvmlDeviceGetUUID": GPU.encode()}
        answers["nvmlDeviceGetComputeRunningProcesses"] = self._listed
        return lambda *_: answers.get(name)


@pytest.mark.parametrize(
    ("used_bytes", "found"),
    [
        ({OTHER: 7 * 2**30, RUNNER: 5 * 2**20}, 5 * 2**20),
        ({OTHER: 7 * 2**30}, None),  # a container has ids of its own
        ({RUNNER: None}, None),  # a driver that does not count by process
        ({}, None),
    ],
)
def test_only_what_the_driver_says_of_the_runner_is_taken(tmp_path, used_bytes, found, monkeypatch):
    monkeypatch.setattr(gpu, "load", lambda _sysroot, library: library)
    assert gpu.memory_bytes(tmp_path, GPU, RUNNER, Library(used_bytes)) == found
    assert gpu.memory_bytes(tmp_path, "cpu", RUNNER, Library(used_bytes)) is None


@pytest.mark.parametrize("used_bytes", [5 * 2**20, None])
def test_a_run_is_asked_about_while_its_runner_lives(kit, here, model, monkeypatch, used_bytes):
    pytest.importorskip("onnxruntime")
    asked = []

    def memory_bytes(_sysroot, target_id, pid):
        os.kill(pid, 0)
        asked.append(target_id)
        return used_bytes

    monkeypatch.setattr(gpu, "memory_bytes", memory_bytes)
    outcome = measure(kit.lease_of(model), model, kit.Samples(), kit.Watch(), here)
    assert outcome.ok, outcome.message
    assert asked == ["cpu"]
    assert outcome.facts.get("device_memory_bytes") == used_bytes
