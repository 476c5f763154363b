"""Small real ONNX networks for the system tests, made on the spot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def convolution(
    path: Path, *, channels: int = 8, side: int = 32, batch: int | str = "batch", seed: int = 0
) -> Path:
    """One convolution, pooling and a classifier of 10; `batch` is a name for a free axis or a number."""
    random = np.random.default_rng(seed)
    weights = {
        "kernel": random.normal(0, 0.2, (channels, 3, 3, 3)).astype(np.float32),
        "head": random.normal(0, 0.2, (channels, 10)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["image", "kernel"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("MatMul", ["f", "head"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        path.stem,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, side, side])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, 10])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path


def encoder(path: Path, *, rows: int = 500, width: int = 32) -> Path:
    """A table, a projection and a mean: ids and mask of [batch, sequence] to a vector for each item."""
    random = np.random.default_rng(0)
    weights = {
        "table": random.normal(0, 1, (rows, width)).astype(np.float32),
        "head": random.normal(0, 0.2, (width, width)).astype(np.float32),
        "last": np.array([-1]),
        "first": np.array([1]),
    }
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["e"]),
        helper.make_node("MatMul", ["e", "head"], ["h"]),
        helper.make_node("Cast", ["mask"], ["m"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["m", "last"], ["u"]),
        helper.make_node("Mul", ["h", "u"], ["k"]),
        helper.make_node("ReduceSum", ["k", "first"], ["y"], keepdims=0),
    ]
    axes = ["batch", "sequence"]
    graph = helper.make_graph(
        nodes,
        path.stem,
        [helper.make_tensor_value_info(name, TensorProto.INT64, axes) for name in ("ids", "mask")],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", width])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path


def folding(path: Path) -> Path:
    """Folds its free axis, the width, into pairs: an odd one breaks it."""
    shape = numpy_helper.from_array(np.array([0, -1, 2]), "shape")
    graph = helper.make_graph(
        [helper.make_node("Reshape", ["x", "shape"], ["y"])],
        path.stem,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", "width"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", None, 2])],
        [shape],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path


def linear(path: Path, weights: np.ndarray) -> Path:
    """A classifier of one product: an item's values by `weights` are the scores of its classes."""
    values, classes = weights.shape
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["scores"])],
        path.stem,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", values])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", classes])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path
