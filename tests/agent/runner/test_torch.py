"""torch: the order of synchronisation, proven on a fake GPU; the file's network, on a real torch."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import types

import pytest
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.runner import loop
from paretofleet_agent.runner.runtimes import torch_runtime

PYTHON = os.environ.get("PARETOFLEET_TEST_TORCH_PYTHON")
with_torch = pytest.mark.skipif(
    not PYTHON, reason="NOT TRIED: PARETOFLEET_TEST_TORCH_PYTHON names no Python with torch and torchvision"
)


class Clock:
    """Counts up by one at every look, and writes down that it was looked at."""

    def __init__(self, log):
        self.log, self.now = log, 0

    def __call__(self):
        self.log.append("clock")
        self.now += 10**8
        return self.now


class FakeTensor:
    """A tensor whose copies are written down with their places and whether they wait."""

    def __init__(self, log, place="cpu"):
        self.log, self.place, self.shape = log, place, (1, 2)

    def to(self, device=None, non_blocking=False, **_layout):
        if device is not None and device != self.place:
            self.log.append(f"queue copy to {device}" if non_blocking else f"copy to {device} and wait")
        return FakeTensor(self.log, device or self.place)

    def copy_(self, _other, non_blocking=False):
        self.log.append("queue copy to host" if non_blocking else "copy to host and wait")
        return self


def fake_step(log):
    torch = types.SimpleNamespace(
        float32="float32",
        empty=lambda _, pin_memory, **__: FakeTensor(log) if pin_memory else pytest.fail("not pinned"),
    )

    def net(moved):
        assert moved.place == "cuda"
        log.append("queue work")
        return moved

    return torch_runtime.step_of(torch, net, "x", kind="cuda", dtype="float16", layout="contiguous")


QUEUED = ["queue copy to cuda", "queue work", "queue copy to host"]


def timed(how, iterations):
    log = []
    step, feed = fake_step(log), {"x": FakeTensor(log)}
    columns = how(
        step,
        iter([feed] * 10),
        Clock(log),
        lambda: log.append("synchronise"),
        seconds=100,
        max_iterations=iterations,
    )
    return log[1:], columns  # the first look at the clock is for the end of the block


def test_latency_mode_synchronises_before_the_start_and_after_the_end_of_every_iteration():
    log, (starts, durations) = timed(loop.latency, 2)
    assert log == ["synchronise", "clock", *QUEUED, "synchronise", "clock"] * 2
    assert len(starts) == len(durations) == 2


def test_throughput_mode_synchronises_at_the_edges_of_the_window_only():
    log = []
    step, feed = fake_step(log), {"x": FakeTensor(log)}
    clock = Clock(log)
    starts, durations = loop.throughput(
        step, iter([feed] * 3), clock, lambda: log.append("synchronise"), seconds=100, max_iterations=3
    )
    assert log == ["synchronise", "clock", *(["clock", *QUEUED, "clock"] * 3), "synchronise", "clock"]
    assert starts[-1] + durations[-1] == clock.now, "the last iteration ends when all work is done"


def run(kit, here, path, limits=None, **wanted):
    limits = limits or dataclasses.replace(kit.QUICK, iterations_max=10)
    device = dataclasses.replace(here, interpreters={"torch": PYTHON})
    lease = kit.lease_of(path, runtime="torch", limits=limits, **wanted)
    return measure(lease, path, kit.Samples(), kit.Watch(), device)


@with_torch
def test_torch_runs_the_files_own_weights_and_agrees_with_the_reference(kit, here, squeezenet):
    pytest.importorskip("onnxruntime")
    outcome = run(kit, here, squeezenet)
    assert outcome.ok, outcome.message
    effective = outcome.facts["effective"]
    assert effective["precision"] == "fp32"
    assert effective["provider"] == "CPU"
    assert effective["settings"]["allow_tf32"] is False
    assert effective["settings"]["threads"] == 1
    assert effective["reference"]["relative_error"] < 1e-5
    assert effective["reference"]["by"].startswith("onnxruntime")


@with_torch
@pytest.mark.parametrize("mode", loop.MODES)
def test_precision_layout_and_mode_are_those_asked_for_and_recorded(kit, here, squeezenet, mode):
    outcome = run(kit, here, squeezenet, precision="bf16", options={"channels_last": True}, mode=mode)
    assert outcome.ok, outcome.message
    effective = outcome.facts["effective"]
    assert (effective["precision"], effective["mode"]) == ("bf16", mode)
    assert effective["settings"]["memory_format"] == "channels_last"


@with_torch
def test_a_file_with_other_weights_than_the_architecture_is_refused(kit, here, squeezenet, tmp_path):
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(squeezenet))
    model.graph.name = "alexnet"
    onnx.save(model, str(tmp_path / "m.onnx"))
    outcome = run(kit, here, tmp_path / "m.onnx")
    assert outcome.reason == "unsupported"
    assert "torchvision's alexnet" in outcome.message


@with_torch
@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({}, "'graph' is none"),
        ({"precision": "tf32"}, "not in tf32"),
        ({"precision": "int8"}, "not in int8"),
        ({"options": {"fast": True}}, "'fast'"),
        ({"target_id": "GPU-1"}, "sees no CUDA GPU"),
    ],
)
def test_what_torch_cannot_run_is_unsupported_with_a_sentence(kit, here, model, wanted, says):
    outcome = run(kit, here, model, **wanted)
    assert outcome.reason == "unsupported", outcome.message
    assert says in outcome.message


@with_torch
def test_memory_that_runs_out_is_oom(kit, here, squeezenet):
    outcome = run(kit, here, squeezenet, batch_size=2**24)
    assert outcome.reason == "oom", outcome.message


@with_torch
def test_torchvision_loads_where_its_operators_do_not():
    source = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from paretofleet_agent.runner.runtimes.torch_architecture import import_models\n"
        "print(import_models().resnet18)"
    )
    from pathlib import Path

    import paretofleet_agent

    agent = str(Path(paretofleet_agent.__file__).parent.parent)
    done = subprocess.run([PYTHON, "-c", source, agent], capture_output=True, text=True, check=True)
    assert "function resnet18" in done.stdout


def test_an_interpreter_without_torch_is_runtime_missing(kit, here, model):
    device = dataclasses.replace(here, interpreters={"torch": "/nowhere/python"})
    outcome = measure(kit.lease_of(model, runtime="torch"), model, kit.Samples(), kit.Watch(), device)
    assert outcome.reason == "runtime_missing"
    assert "/nowhere/python" in outcome.message
