"""What ONNX Runtime computes a file in: on a CPU half precision is cast to float around the operators."""

from __future__ import annotations

import pytest
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
    about = Description("", (), (), None, (), None, (), word, (), (), {}, precisions)
    assert precision_here(about, kind) == precision
