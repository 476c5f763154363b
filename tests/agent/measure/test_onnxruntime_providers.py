"""Execution providers: chosen by name, and believed only after the profile says where the nodes ran."""

from __future__ import annotations

import dataclasses
import json
import os

import pytest
from paretofleet_agent.attempt import measure
from paretofleet_agent.runner import onnxruntime_placement as placement
from paretofleet_agent.runner import onnxruntime_settings as settings
from paretofleet_agent.runner.failure import RunFailed

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
PYTHON = os.environ.get("PARETOFLEET_TEST_ORT_OPENVINO_PYTHON")
with_provider = pytest.mark.skipif(
    not PYTHON, reason="NOT TRIED: PARETOFLEET_TEST_ORT_OPENVINO_PYTHON names no onnxruntime-openvino"
)


def profile_of(*nodes):
    """A profile as ONNX Runtime writes it: sessions, then kernels with their providers."""
    events = [{"cat": "Session", "name": "model_loading_uri", "args": {}}]
    events += [
        {
            "cat": "Node",
            "name": f"{operator}{at}_kernel_time",
            "args": {"op_name": operator, "provider": where},
        }
        for at, (operator, where) in enumerate(nodes)
    ]
    events.append({"cat": "Node", "name": "fence", "args": {"op_name": "Conv"}})

    def profiled(prefix):
        with open(prefix + ".json", "w") as file:
            json.dump(events, file)
        return prefix + ".json"

    return profiled


def test_nodes_are_counted_where_they_ran_and_shapes_may_stay_on_the_cpu():
    nodes = [("Conv", CUDA), ("Relu", CUDA), ("Gather", CPU)]
    assert placement.check(CUDA, profile_of(*nodes)) == {CUDA: 2, CPU: 1}


def test_a_provider_that_ran_nothing_is_a_silent_fall_back():
    with pytest.raises(RunFailed, match="no node of the model ran on CUDAExecutionProvider") as told:
        placement.check(CUDA, profile_of(("Conv", CPU)))
    assert told.value.reason == "unsupported"


@pytest.mark.parametrize("operator", ["Conv", "FusedConv", "QLinearConv", "MatMul", "Gemm", "ConvTranspose"])
def test_work_that_was_left_to_the_cpu_is_refused(operator):
    with pytest.raises(RunFailed, match=f"left {operator} to another provider"):
        placement.check(CUDA, profile_of(("Relu", CUDA), (operator, CPU)))


def test_what_changes_numbers_is_told_to_the_provider():
    options = {"provider": "cuda", "cudnn_conv_algo_search": "HEURISTIC"}
    for precision, flag in (("fp32", "0"), ("native", "0"), ("tf32", "1")):
        told = settings.provider_options(options, {"precision": precision})
        assert told == {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": flag}
    told = settings.provider_options({"provider": "tensorrt"}, {"precision": "fp16"})
    assert told["trt_fp16_enable"] == "True"


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"target_id": "GPU-1"}, "has no CUDAExecutionProvider for the target GPU-1"),
        ({"options": {"provider": "openvino"}}, "has no OpenVINOExecutionProvider"),
        ({"options": {"provider": "cuda"}}, "provider cuda is not for target cpu"),
        ({"target_id": "GPU-1", "options": {"provider": "cpu"}}, "provider cpu is not for target GPU-1"),
        ({"options": {"provider": "rocm"}}, "option provider takes"),
    ],
)
def test_a_provider_that_is_not_there_is_never_replaced(kit, here, model, wanted, says):
    pytest.importorskip("onnxruntime")
    lease = kit.lease_of(model, **wanted)
    outcome = measure(lease, model, kit.Samples(), kit.Watch(), here)
    assert (outcome.ok, outcome.reason) == (False, "unsupported")
    assert says in outcome.message


@with_provider
def test_a_real_other_provider_runs_the_nodes_and_says_so(kit, here, tmp_path):
    np = pytest.importorskip("numpy")
    weight = np.random.RandomState(0).standard_normal((64, 64)).astype("float32") / 8
    nodes = [("MatMul", ["x", "w"], ["y"])]
    path = kit.make_model(tmp_path / "m.onnx", nodes=nodes, shape=("N", 64), constants={"w": weight})
    device = dataclasses.replace(here, interpreters={"onnxruntime": PYTHON})
    lease = kit.lease_of(path, options={"provider": "openvino"})
    outcome = measure(lease, path, kit.Samples(), kit.Watch(), device)
    assert outcome.ok, outcome.message
    effective = outcome.facts["effective"]
    assert effective["provider"] == "OpenVINOExecutionProvider"
    assert set(effective["nodes"]) == {"OpenVINOExecutionProvider"}
    assert effective["reference"]["relative_error"] < 1e-3
