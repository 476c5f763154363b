"""What follows from the shapes of a graph's inputs: multiply-accumulates, and whether batches may grow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx
import onnx.shape_inference
from paretofleet_graph import Description, GraphRefused, shapes

from paretofleet_collector.errors import ModelRefused
from paretofleet_collector.models.onnxfile import counting
from paretofleet_collector.models.onnxfile.checker import CHECKER_ERRORS, printable

Shapes = Mapping[str, tuple[int, ...]]


def batch_size_and_macs(
    light: onnx.ModelProto, graph: Description, sizes: Mapping[str, int], values: Mapping[str, Any]
) -> tuple[int | None, int | None]:
    """The fixed batch size and the MACs of one item, each None where there is none.

    `light`: the file of `graph` without the data of its large weights; `sizes` and `values`: what was given
    for its axes and inputs. An open batch axis is tried at sizes 1 and 2: a graph that breaks at 2 or gives
    the same answers, by a reshape to [1, ...], is fixed at 1. Where sizes are missing nothing is tried.
    Raises ModelRefused where the shapes contradict one another.
    """
    fixed = graph.fixed_batch_size
    filled = _filled(graph, fixed or 1, sizes, values)
    if filled is None:
        return fixed, None
    first = _inferred(light, filled)
    if first is None:
        at = "".join(f", {printable(key)} {size}" for key, size in sizes.items())
        raise ModelRefused(
            f"it breaks at batch size {fixed or 1}{at} by its own shapes: "
            f"{'give other sizes' if sizes else 'export it again'}"
        )
    if fixed is None:
        larger = _filled(graph, 2, sizes, values)
        second = None if larger is None else _inferred(light, larger)
        fixed = None if second is not None and _differ(first, second) else 1
    total = counting.macs(first)
    if total is None or total % (fixed or 1):
        return fixed, None
    return fixed, total // (fixed or 1)


def _filled(
    graph: Description, batch_size: int, sizes: Mapping[str, int], values: Mapping[str, Any]
) -> Shapes | None:
    try:
        return shapes(graph, batch_size, sizes, values)
    except GraphRefused:
        return None  # what is missing is said when the model is added, and refused when it is planned


def _inferred(light: onnx.ModelProto, filled: Shapes) -> onnx.ModelProto | None:
    """The model with the shapes that follow from those of its inputs; None where they contradict."""
    model = onnx.ModelProto()
    model.CopyFrom(light)
    for value in model.graph.input:
        if value.name in filled:
            for dim, size in zip(value.type.tensor_type.shape.dim, filled[value.name], strict=True):
                dim.dim_value = size
    for value in model.graph.output:  # what the file declares may hold for its own batch size only
        if value.type.HasField("tensor_type"):
            value.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
    try:
        return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except CHECKER_ERRORS:
        return None


def _differ(first: onnx.ModelProto, second: onnx.ModelProto) -> bool:
    """Whether outputs grow with the batch or, as far as the shapes tell, may."""
    for one, other in zip(first.graph.output, second.graph.output, strict=True):
        dims = [value.type.tensor_type.shape.dim for value in (one, other)]
        if not other.type.tensor_type.HasField("shape") or len(dims[0]) != len(dims[1]):
            return True
        for before, after in zip(*dims, strict=True):
            if not after.HasField("dim_value") or before.dim_value != after.dim_value:
                return True
    return False
