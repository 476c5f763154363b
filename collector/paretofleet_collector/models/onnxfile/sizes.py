"""Refuses a file whose tensors lie elsewhere, claim another size than they have, or are too large."""

from __future__ import annotations

import math
from collections.abc import Sequence

import onnx
from paretofleet_graph import BITS, TYPES, Constant

from paretofleet_collector.errors import ModelRefused
from paretofleet_collector.models.onnxfile import OnnxInput, counting
from paretofleet_collector.models.onnxfile.checker import printable

MAX_BYTES = (2 << 30) - 1  # protobuf's own limit


def refuse_tensors(model: onnx.ModelProto, name: str) -> None:
    """Raises ModelRefused for weights in other files and tensors that claim another size than they have.

    The `model` is called `name` in the message.
    """
    for tensor in counting.messages(model):
        if not isinstance(tensor, onnx.TensorProto):
            continue
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise ModelRefused(
                f"{name} keeps the weights {printable(tensor.name)} in another file: "
                "save the model as one file (onnx.save with save_as_external_data=False)"
            )
        if not _holds_its_elements(tensor):
            raise ModelRefused(
                f"{name} is damaged: tensor {printable(tensor.name)} does not hold the elements that its "
                "shape claims; export or copy the model again"
            )


def _holds_its_elements(tensor: onnx.TensorProto) -> bool:
    try:
        bits = BITS[TYPES[tensor.data_type]]
    except KeyError:
        return False
    if any(d < 0 for d in tensor.dims):
        return False
    elements = math.prod(tensor.dims)
    if tensor.HasField("raw_data"):
        return len(tensor.raw_data) == (elements * bits + 7) // 8
    values = len(tensor.float_data) + len(tensor.double_data) + len(tensor.string_data)
    values += len(tensor.int32_data) + len(tensor.int64_data) + len(tensor.uint64_data)
    # A value of a typed field is half an element (complex), one, or up to eight (packed).
    return values <= 2 * elements <= 16 * values


def refuse_sizes(weights: Sequence[Constant], inputs: tuple[OnnxInput, ...], name: str) -> None:
    """Raises ModelRefused where `weights`, or one of the `inputs` of a single item, take more than 2 GiB.

    The file is called `name` in the message.
    """
    for weight in weights:
        if weight.elements < 0 or weight.size_bytes > MAX_BYTES:
            raise ModelRefused(f"{name} has more than 2 GiB in {printable(weight.name)}: use a smaller model")
    if sum(weight.size_bytes for weight in weights) > MAX_BYTES:
        raise ModelRefused(f"{name} has more than 2 GiB of weights: use a smaller model")
    for item in inputs:
        if math.prod(d for d in item.shape if d is not None) * 4 > MAX_BYTES:
            raise ModelRefused(
                f"{name} takes more than 2 GiB at input {printable(item.name)}: use a smaller model"
            )
