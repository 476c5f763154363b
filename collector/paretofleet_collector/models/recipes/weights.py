"""The weights of a graph: the constants that convolutions and matrix products multiply with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from paretofleet_collector.errors import ModelRefused

#: Operator to the place of its weights among its inputs; `is_dense` decides bits of a sparse index.
_CONVOLUTIONS = ("Conv", "ConvTranspose")
_PRODUCTS = ("MatMul", "Gemm")


@dataclass(frozen=True)
class Layer:
    """A layer's weights: the name of their `tensor`, its float32 `values`; `is_dense`: a matrix product's."""

    tensor: str
    values: np.ndarray
    is_dense: bool


def parsed(path: Path, called: str) -> onnx.ModelProto:
    """The ONNX file at `path`, `called` so in messages; raises ModelRefused."""
    try:
        return onnx.load(str(path), load_external_data=False)
    except Exception as error:  # noqa: BLE001 - protobuf's errors depend on its version
        raise ModelRefused(f"{called} cannot be read as an ONNX file ({error}).") from None


def layers(model: onnx.ModelProto) -> Iterator[Layer]:
    """The layers of a `model` whose weights are float32 constants, each tensor once, in the graph's order."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    seen: set[str] = set()
    for node in model.graph.node:
        if node.op_type not in (*_CONVOLUTIONS, *_PRODUCTS):
            continue
        for name in node.input[:2]:
            tensor = tensors.get(name)
            if tensor is None or name in seen or tensor.data_type != onnx.TensorProto.FLOAT:
                continue
            seen.add(name)
            yield Layer(name, numpy_helper.to_array(tensor), node.op_type in _PRODUCTS)


def with_weights(model: onnx.ModelProto, values: dict[str, np.ndarray]) -> onnx.ModelProto:
    """The `model` with other `values` in the tensors of these names; it is changed itself."""
    for tensor in model.graph.initializer:
        if tensor.name in values:
            new = numpy_helper.from_array(np.ascontiguousarray(values[tensor.name], np.float32), tensor.name)
            tensor.CopyFrom(new)
    return model


def save(model: Any, path: Path) -> None:
    """Writes a `model` to `path`, the same bytes for the same graph."""
    path.write_bytes(model.SerializeToString(deterministic=True))
