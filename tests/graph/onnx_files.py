"""Small ONNX files, built by the package onnx: nodes, inputs and outputs as (type, axes), constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

Axes = Sequence[int | str | None]
FLOAT, INT64, BOOL = "FLOAT", "INT64", "BOOL"


def value(name: str, kind: str, axes: Axes) -> Any:
    return helper.make_tensor_value_info(name, getattr(onnx.TensorProto, kind), list(axes))


def node(op: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> Any:
    return helper.make_node(op, list(inputs), list(outputs), **attributes)


def graph(
    nodes: Sequence[Any],
    inputs: Mapping[str, tuple[str, Axes]],
    outputs: Mapping[str, tuple[str, Axes]],
    constants: Mapping[str, Any] | None = None,
) -> Any:
    return helper.make_graph(
        list(nodes),
        "g",
        [value(name, *about) for name, about in inputs.items()],
        [value(name, *about) for name, about in outputs.items()],
        [numpy_helper.from_array(np.asarray(each), name) for name, each in (constants or {}).items()],
    )


def save(path: Path, made: Any, *, functions: Sequence[Any] = (), domains: Sequence[str] = ()) -> Path:
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(each, 1) for each in domains)]
    model = helper.make_model(made, opset_imports=opsets, functions=list(functions))
    model.ir_version = 8
    onnx.save(model, str(path))
    return path


def weights(*shape: int) -> Any:
    return np.random.RandomState(0).standard_normal(shape).astype(np.float32)
