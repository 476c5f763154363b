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


def feed(rows, columns=16, seed=0):
    return {"x": np.random.RandomState(seed).standard_normal((rows, columns)).astype("float32")}


NO_BATCH = {"batch": None, "inputs": []}


def check(path, feed, outputs, precision="fp32", *, python=sys.executable, **about):
    """The comparison of one draw of inputs, or of as many as there are (feeds and outputs as lists)."""
    feeds, outputs = ([feed], [outputs]) if isinstance(feed, dict) else (feed, outputs)
    request = dict({"reference_python": python, "artifact": str(path), "seed": 7}, **about)
    return reference.check(request, map(reference.Draw, feeds, outputs), precision)


def test_the_same_outputs_agree_and_say_by_whom_and_how_far(model):
    values = feed(8)
    found = check(model, values, {"y": np.maximum(values["x"], 0)})
    assert found["by"].startswith("onnxruntime")
    assert (found["items"], found["precision"], found["draws"]) == (8, "fp32", 1)
    assert found["relative_error"] == 0
    assert found["tolerance"] == reference.TOLERANCES["fp32"]


@pytest.mark.parametrize(("precision", "off"), [("fp32", 0.01), ("fp16", 0.1), ("bf16", 0.3), ("int8", 0.5)])
def test_outputs_further_off_than_the_precision_may_be_are_wrong(model, precision, off):
    values = feed(2)
    outputs = {"y": np.maximum(values["x"], 0) * (1 + off)}
    with pytest.raises(RunFailed, match=rf"output y is {off} off the reference of onnxruntime") as told:
        check(model, values, outputs, precision)
    assert told.value.reason == "wrong_output"
    assert "check_reference: false" in str(told.value)


def test_a_file_is_held_to_its_own_precision_where_a_runtime_computes_it_in_a_finer_one(model):
    values = feed(2)
    outputs = {"y": np.maximum(values["x"], 0) * 1.05}
    found = check(model, values, outputs, "fp32", graph={"precisions": ["int8", "fp32"], **NO_BATCH})
    assert (found["precision"], found["tolerance"]) == ("int8", reference.TOLERANCES["int8"])
    with pytest.raises(RunFailed, match="that fp32 may be"):
        check(model, values, outputs, "fp32", graph={"precisions": ["fp32"], **NO_BATCH})


def test_a_precision_without_a_tolerance_is_not_checked_and_named(model):
    told = check(model, feed(2), feed(2), "u3")
    assert told == {"not_checked": "no tolerance is known for outputs that are computed in u3"}


def test_without_a_reference_nothing_is_claimed_and_why_is_said(model, tmp_path):
    values = feed(2)
    told = check(model, values, {"y": values["x"]}, python="/nowhere/python")
    assert told == {
        "not_checked": "the interpreter /nowhere/python does not start: No such file or directory"
    }
    broken = tmp_path / "m.onnx"
    broken.write_bytes(b"no model")
    assert "m.onnx failed" in check(broken, values, {"y": values["x"]})["not_checked"]


def test_a_reference_that_takes_too_long_is_none(model, monkeypatch):
    monkeypatch.setattr(reference, "TIMEOUT_S", 0.001)
    told = check(model, feed(2), {"y": feed(2)["x"]})
    assert told["not_checked"].startswith("the reference was not there after")


@pytest.mark.parametrize("shape", [(8, 15), (7, 16), (16, 16), (8, 16, 1), (128,)])
def test_outputs_of_another_shape_are_wrong(model, shape):
    with pytest.raises(RunFailed, match=r"output y has the shape \[.*\], the reference of onnx") as told:
        check(model, feed(8), {"y": np.zeros(shape, "float32")})
    assert told.value.reason == "wrong_output"


def test_an_axis_as_long_as_the_values_make_it_is_nobody_s_mistake(kit, tmp_path):
    path = kit.make_model(tmp_path / "m.onnx", nodes=[("Relu", ["x"], ["y"])], out=("M", 16))
    found = check(path, feed(2), {"y": feed(2)["x"][:1]})
    assert "its shape follows from its values" in found["not_checked"]
    assert reference.flags(found) == ["reference_not_checked"]


def test_a_second_draw_of_inputs_is_asked_before_a_run_is_called_wrong(model):
    feeds = [feed(4, seed=1), feed(4, seed=2)]
    sound = [{"y": np.maximum(each["x"], 0)} for each in feeds]
    off = [{"y": each["y"] * 1.5} for each in sound]
    assert check(model, feeds, [off[0], sound[1]])["draws"] == 2
    with pytest.raises(RunFailed, match=r"output y is 0\.5 off"):
        check(model, feeds, off)


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
