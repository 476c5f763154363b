"""Finds the batch axis of a graph by the shapes that follow from it."""

from __future__ import annotations

import onnx
import onnx.shape_inference

from paretofleet_collector.errors import ModelRefused
from paretofleet_collector.models.onnxfile import OnnxInput, counting
from paretofleet_collector.models.onnxfile.checker import CHECKER_ERRORS, printable


def batch_size_and_macs(
    light: onnx.ModelProto, inputs: tuple[OnnxInput, ...], name: str
) -> tuple[int | None, int | None]:
    """The fixed batch size and the MACs of one item, each None where there is none.

    `light`: the graph, without the data of its large weights, called `name` in messages. The first axis of
    the `inputs` is the batch. An open one is tried at sizes 1 and 2: a graph that breaks at 2 or does not
    give 2 answers, by a reshape to [1, ...], is fixed at 1. Raises ModelRefused where there is no batch axis.
    """
    sizes = {i.shape[0] for i in inputs}
    if len(sizes) > 1:
        odd = next(i for i in inputs if i.shape[0] != inputs[0].shape[0])
        raise ModelRefused(
            f"{name} has no common batch axis: the first axes of inputs {printable(inputs[0].name)} and "
            f"{printable(odd.name)} differ; export the model with inputs of shape [batch, ...]"
        )
    fixed = sizes.pop()
    first = _inferred(light, inputs, fixed or 1)
    if first is None:
        raise ModelRefused(f"{name} breaks at batch size {fixed or 1} by its own shapes: export it again")
    if not _follows(first, fixed or 1):
        raise ModelRefused(
            f"{name} has no batch axis: the first axis of its inputs is not that of an output; "
            "export the model with inputs and outputs of shape [batch, ...]"
        )
    if fixed is None:
        second = _inferred(light, inputs, 2)
        fixed = None if second is not None and _follows(second, 2) else 1
    total = counting.macs(first)
    if total is None or total % (fixed or 1):
        return fixed, None
    return fixed, total // (fixed or 1)


def _inferred(light: onnx.ModelProto, inputs: tuple[OnnxInput, ...], size: int) -> onnx.ModelProto | None:
    """The model with the shapes that follow from batch size `size`; None where the shapes contradict."""
    model = onnx.ModelProto()
    model.CopyFrom(light)
    batched = {i.name for i in inputs}
    for value in model.graph.input:
        if value.name in batched:
            value.type.tensor_type.shape.dim[0].dim_value = size
    for value in model.graph.output:  # what the file declares may hold for its own batch size only
        if value.type.HasField("tensor_type"):
            value.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
    try:
        return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except CHECKER_ERRORS:
        return None


def _follows(model: onnx.ModelProto, size: int) -> bool:
    """True where the first axis of an output is the batch or, as far as the shapes tell, may be."""
    for value in model.graph.output:
        kind = value.type.tensor_type
        if not kind.HasField("shape"):
            return True
        first = kind.shape.dim[:1]
        if first and (not first[0].HasField("dim_value") or first[0].dim_value == size):
            return True
    return False
