"""Outputs are held against a reference before anything is timed."""

from __future__ import annotations

import sys
import time

import pytest
from paretofleet_agent.measure.attempt import measure
from paretofleet_agent.runner import failure, reference
from paretofleet_agent.runner.failure import RunFailed
from paretofleet_agent.runner.runtimes import onnxruntime_runtime

pytest.importorskip("onnxruntime")
np = pytest.importorskip("numpy")


def feed(rows):
    return {"x": np.random.RandomState(0).standard_normal((rows, 16)).astype("float32")}


def test_the_same_outputs_agree_and_say_by_whom_and_how_far(model):
    values = feed(8)
    found = reference.check(sys.executable, str(model), values, {"y": np.maximum(values["x"], 0)}, "fp32")
    assert found["by"].startswith("onnxruntime")
    assert found["items"] == 2, "the first items of a batch are enough"
    assert found["relative_error"] == 0
    assert found["tolerance"] == reference.TOLERANCES["fp32"]


@pytest.mark.parametrize(("precision", "off"), [("fp32", 0.01), ("fp16", 0.1), ("bf16", 0.3), ("int8", 0.5)])
def test_outputs_further_off_than_the_precision_may_be_are_wrong(model, precision, off):
    values = feed(2)
    outputs = {"y": np.maximum(values["x"], 0) * (1 + off)}
    with pytest.raises(RunFailed, match=rf"output y is {off} off the reference of onnxruntime") as told:
        reference.check(sys.executable, str(model), values, outputs, precision)
    assert told.value.reason == "wrong_output"


def test_without_a_reference_nothing_is_claimed_and_why_is_said(model, tmp_path):
    values = feed(2)
    told = reference.check("/nowhere/python", str(model), values, {"y": values["x"]}, "fp32")
    assert told == {
        "not_checked": "the interpreter /nowhere/python does not start: No such file or directory"
    }
    broken = tmp_path / "m.onnx"
    broken.write_bytes(b"no model")
    told = reference.check(sys.executable, str(broken), values, {"y": values["x"]}, "fp32")
    assert "m.onnx failed" in told["not_checked"]


def test_a_reference_that_takes_too_long_is_none(model, monkeypatch):
    monkeypatch.setattr(reference, "TIMEOUT_S", 0.001)
    told = reference.check(sys.executable, str(model), feed(2), {"y": feed(2)["x"]}, "fp32")
    assert told["not_checked"].startswith("the reference was not there after")


@pytest.mark.parametrize("shape", [(8, 15), (7, 16), (16, 16), (8, 16, 1), (128,)])
def test_outputs_of_another_shape_are_wrong(model, shape):
    with pytest.raises(RunFailed, match=r"output y has the shape \[.*\], the reference of onnx") as told:
        reference.check(sys.executable, str(model), feed(8), {"y": np.zeros(shape, "float32")}, "fp32")
    assert told.value.reason == "wrong_output"


def test_an_axis_as_long_as_the_values_make_it_is_nobody_s_mistake(kit, tmp_path):
    path = kit.make_model(tmp_path / "m.onnx", nodes=[("Relu", ["x"], ["y"])], out=("M", 16))
    found = reference.check(sys.executable, str(path), feed(2), {"y": feed(2)["x"][:1]}, "fp32")
    assert "no output of real numbers" in found["not_checked"]


def test_the_first_block_checks_and_later_ones_spare_the_time(kit, here, model):
    errors = []
    for block in (1, 2):
        outcome = measure(kit.lease_of(model, block=block), model, kit.Samples(), kit.Watch(), here)
        errors.append(outcome.facts["effective"]["reference"])
    assert errors[0]["relative_error"] == 0
    assert errors[1] is None


def test_a_run_that_could_not_be_checked_goes_on_with_a_flag(kit, model):
    flags = {}
    for python in (sys.executable, "/nowhere/python", None):
        lease = kit.lease_of(model)
        request = dict(lease.configuration, artifact=str(model), seed=7, reference_python=python)
        ready = onnxruntime_runtime.OnnxRuntime(request, time.perf_counter_ns).ready()
        flags[python] = ready["flags"]
    assert flags == {sys.executable: [], "/nowhere/python": ["reference_not_checked"], None: []}


def test_a_device_owner_may_switch_the_check_off(kit, here, model):
    lease = kit.lease_of(model, options={"check_reference": False})
    outcome = measure(lease, model, kit.Samples(), kit.Watch(), here)
    assert outcome.facts["effective"]["reference"] is None
    assert outcome.facts["effective"]["options"]["check_reference"] is False


MEMORY = [
    "CUDA out of memory. Tried to allocate 2.00 GiB",
    "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory",
    "CUDA failure 2: cudaErrorMemoryAllocation",
    "CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate",
    "std::bad_alloc",
]


@pytest.mark.parametrize("text", MEMORY)
def test_every_library_that_runs_out_of_memory_is_oom(text):
    assert failure.explain(RuntimeError(text))[0] == "oom"
    assert failure.refusal("the model fails", RuntimeError(text)).reason == "oom"


def test_what_a_library_refuses_else_is_unsupported_in_its_own_words():
    told = failure.refusal("the model fails", ValueError("no such\noperator"))
    assert (told.reason, str(told)) == ("unsupported", "the model fails: no such operator")
