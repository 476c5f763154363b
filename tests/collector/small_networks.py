"""Small networks that recipes change."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def small_network(seed: int = 0, side: int = 8) -> onnx.ModelProto:
    """A convolution, batch normalisation, a pool and a classifier of 10."""
    random = np.random.default_rng(seed)
    weights = {
        "kernel": random.normal(0, 0.3, (8, 3, 3, 3)),
        "scale": random.uniform(0.5, 1.5, 8),
        "shift": random.normal(0, 0.1, 8),
        "mean": random.normal(0, 0.1, 8),
        "variance": random.uniform(0.5, 1.5, 8),
        "head": random.normal(0, 0.3, (8, 10)),
    }
    nodes = [
        helper.make_node("Conv", ["image", "kernel"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["c", "scale", "shift", "mean", "variance"], ["n"]),
        helper.make_node("Relu", ["n"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("MatMul", ["f", "head"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, side, side])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 10])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
