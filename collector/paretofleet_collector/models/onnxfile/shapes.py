"""What follows from the shapes of a graph's inputs: multiply-accumulates, and whether batches may grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import onnx
import onnx.shape_inference
from paretofleet_graph import Description, GraphRefused, shapes

from paretofleet_collector.errors import ModelRefused
from paretofleet_collector.models.onnxfile import counting
from paretofleet_collector.models.onnxfile.checker import CHECKER_ERRORS, first_line, printable

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
    try:
        first = _inferred(light, filled)
    except CHECKER_ERRORS:
        raise ModelRefused(_broken_at(fixed or 1, sizes)) from None
    if fixed is None:
        larger = _filled(graph, 2, sizes, values)
        fixed = 1
        with suppress(*CHECKER_ERRORS):
            fixed = None if larger is not None and _differ(first, _inferred(light, larger)) else 1
    total = counting.macs(first)
    if total is None or total % (fixed or 1):
        return fixed, None
    return fixed, total // (fixed or 1)


def broken(light: onnx.ModelProto, graph: Description, feeds: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Why the graph cannot take one of `feeds`, each a `batch_size` and `sizes`, by its place among them.

    `light` and `graph` as in `batch_size_and_macs`. What cannot be told is left out.
    """
    why = {}
    for at, feed in enumerate(feeds):
        filled = _filled(graph, feed["batch_size"], feed["sizes"], {})
        if filled is None:
            continue
        try:
            _inferred(light, filled)
        except CHECKER_ERRORS as error:
            why[at] = _broken_at(feed["batch_size"], feed["sizes"], f" ({first_line(error)})")
    return why


def _broken_at(batch_size: int, sizes: Mapping[str, int], why: str = "") -> str:
    at = "".join(f", {printable(key)} {size}" for key, size in sizes.items())
    fix = "give other sizes" if sizes else "export it again"
    return f"it breaks at batch size {batch_size}{at} by its own shapes{why}: {fix}"


def _filled(
    graph: Description, batch_size: int, sizes: Mapping[str, int], values: Mapping[str, Any]
) -> Shapes | None:
    try:
        return shapes(graph, batch_size, sizes, values)
    except GraphRefused:
        return None  # what is missing is said when the model is added, and refused when it is planned


def _inferred(light: onnx.ModelProto, filled: Shapes) -> onnx.ModelProto:
    """The model with the shapes that follow from those of its inputs.

    Raises one of CHECKER_ERRORS where they contradict.
    """
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
    return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)


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
