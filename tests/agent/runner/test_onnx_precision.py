"""What ONNX Runtime computes a file in: a CPU casts half precision where it has no kernels."""

from __future__ import annotations

import platform

import pytest
from paretofleet_agent.runner.runtimes import onnxruntime_placement as placement
from paretofleet_agent.runner.runtimes.onnx_precision import precision_here
from paretofleet_graph import Description


@pytest.mark.parametrize(
    ("precisions", "kind", "precision"),
    [
        (("fp16",), "cpu", "fp32"),
        (("fp16",), "cuda", "fp16"),
        (("fp16", "fp32"), "cpu", "fp32"),
        (("fp16", "fp32"), "cuda", "mixed"),
        (("bf16", "fp64"), "cpu", "mixed"),
        (("int8", "fp16"), "cpu", "int8"),
    ],
)
def test_half_precision_is_fp32_on_a_cpu(precisions, kind, precision):
    word = precisions[0] if precisions[0] == "int8" or len(precisions) == 1 else "mixed"
    assert precision_here(described(word, precisions), kind) == precision


def described(word, precisions):
    return Description("", (), (), None, (), None, (), word, (), (), {}, precisions)


@pytest.mark.parametrize(
    ("precisions", "taken", "precision"),
    [
        (("fp16",), {"float16"}, "fp16"),
        (("fp16",), {"float"}, "fp32"),
        (("fp16",), {"float16", "float"}, "mixed"),
        (("fp16",), set(), "fp32"),
        (("fp16", "fp32"), {"float16", "float"}, "mixed"),
        (("int8", "fp16"), {"float16", "uint8"}, "int8"),
        (("bf16",), {"float16"}, "fp32"),
    ],
)
def test_a_cpu_with_kernels_of_half_precision_computes_in_it(precisions, taken, precision):
    """As CPUs of ARM have them: the profile says what each working kernel took."""
    assert precision_here(described(precisions[0], precisions), "cpu", taken) == precision


def test_what_working_kernels_take_is_read_from_the_profile(kit, tmp_path):
    ort = pytest.importorskip("onnxruntime")
    np = pytest.importorskip("numpy")
    path = kit.make_model(
        tmp_path / "m.onnx",
        nodes=[("MatMul", ["x", "w"], ["y"])],
        constants={"w": np.ones((16, 16), "float16")},
        dtype="FLOAT16",
    )

    def profiled(prefix):
        options = ort.SessionOptions()
        options.enable_profiling, options.profile_file_prefix = True, prefix
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        session.run(None, {"x": np.ones((2, 16), "float16")})
        return session.end_profiling()

    taken = placement.types_taken(placement.events_of(profiled))
    assert taken == {"float"} or (taken == {"float16"} and platform.machine() == "aarch64")
    event = {"cat": "Node", "args": {"op_name": "NhwcFusedConv", "input_type_shape": [{"float16": [1]}, {}]}}
    assert placement.types_taken([event, {"cat": "Session"}]) == {"float16"}
    assert placement.types_taken([{"cat": "Node", "args": {"op_name": "Conv"}}]) == set()
