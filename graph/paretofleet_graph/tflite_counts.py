"""Weights and multiply-accumulates of a tflite file; what cannot be told is None."""

import os
from typing import Dict, NamedTuple, Optional, Sequence

from .errors import GraphRefused
from .model import Description
from .onnx_file import DAMAGED
from .tflite import WORK, described
from .tflite_file import OPERATORS, Operator, Part, Tensor, TfliteFile, inputs_of

#: Types of weights -> (their precision, bits of an element).
WEIGHTS = {"float": ("fp32", 32), "float16": ("fp16", 16), "bfloat16": ("bf16", 16), "double": ("fp64", 64)}
WEIGHTS.update({"int8": ("int8", 8), "uint8": ("int8", 8), "int4": ("int4", 4), "uint4": ("int4", 4)})
#: Wider integers are weights where they stand for reals, as biases of quantised layers do.
BIASES = ("int16", "int32", "int64")
MAIN_SHARE = 0.9
#: Operators whose work this does not follow.
UNCOUNTED = ("WHILE", "IF", "CALL", "STABLEHLO_COMPOSITE", "STABLEHLO_WHILE", "STABLEHLO_CUSTOM_CALL")
KERNELS = ("CONV_2D", "CONV_3D")


class Counts(NamedTuple):
    """What a file holds.

    `parameters`: elements of its weights; `macs`: multiply-accumulates of convolutions and matrix products
    for one item, None where not all are told; `weights_precision`: of 90 % of the weights' bytes, else mixed;
    `maker`: the converter, as the file says.
    """

    maker: str
    parameters: int
    macs: Optional[int]
    weights_precision: str


class Facts(NamedTuple):
    """A tflite file's description and counts."""

    description: Description
    counts: Counts


def facts_of(path: str) -> Facts:
    """What the tflite file at `path` asks for and holds. Raises GraphRefused where it cannot be read."""
    file = TfliteFile(path)
    try:
        description = described(file)
        counts = _counts(file, description)
    except DAMAGED:
        raise GraphRefused(
            "%s is damaged: its graph contradicts itself; export or copy it again" % os.path.basename(path)
        ) from None
    parameters, precision = counts.parameters, counts.weights_precision
    return Facts(description._replace(parameters=parameters, weights_precision=precision), counts)


def _counts(file: TfliteFile, description: Description) -> Counts:
    weights = _weights(file)
    bits: Dict[str, int] = {}
    for each in weights:
        precision, size = WEIGHTS.get(each.type, ("", 0))
        if precision:
            bits[precision] = bits.get(precision, 0) + size * each.elements
    word = max(sorted(bits), key=lambda name: bits[name]) if bits else description.precision
    if bits and bits[word] < MAIN_SHARE * sum(bits.values()):
        word = "mixed"
    return Counts(file.maker, sum(each.elements for each in weights), _macs(file, description), word)


def _weights(file: TfliteFile) -> Sequence[Tensor]:
    """The constants that are no shapes, paddings or bounds; a buffer of several tensors counts once."""
    weights = {}
    for part in file.parts:
        for at, tensor in enumerate(part.tensors):
            is_weight = tensor.type in WEIGHTS or (tensor.type in BIASES and tensor.is_quantised)
            if tensor.buffer is not None and is_weight and (tensor.elements > 1 or _is_taken(part, at)):
                weights[tensor.buffer] = tensor
    return list(weights.values())


def _is_taken(part: Part, at: int) -> bool:
    """Whether an operator that works takes the tensor `at`."""
    return any(operator.op in WORK and at in operator.inputs for operator in part.operators)


def _macs(file: TfliteFile, description: Description) -> Optional[int]:
    """The work of one item at the file's own shapes; None where other axes are free."""
    main = file.main
    named = {operator.op for operator in main.operators}
    if description.free or named & set(UNCOUNTED) or not named <= set(OPERATORS):
        return None
    total = 0
    for operator in main.operators:
        if operator.op in WORK:
            count = _macs_of(operator, main)
            if count is None:
                return None
            total += count
    items = _items(description, main)
    return None if not items or total % items else total // items


def _items(description: Description, main: Part) -> int:
    """The batch size of the file's own shapes."""
    if description.fixed_batch_size is not None:
        return description.fixed_batch_size
    for at, item in zip(main.inputs, description.inputs):
        for size, axis in zip(main.tensors[at].shape, item.axes or ()):
            if axis == description.batch:
                return size
    return 1


def _macs_of(operator: Operator, part: Part) -> Optional[int]:
    """Convolution: outputs x kernel; transposed: inputs x kernel; product: outputs x inner axis."""
    taken, made = inputs_of(operator, part), part.tensors[operator.outputs[0]]
    weights = taken[1]
    if weights is None:
        return None
    if operator.op in KERNELS or operator.op == "DEPTHWISE_CONV_2D":
        kernel = weights._replace(shape=weights.shape[1:])
        # The last axis of a depthwise kernel is that of the outputs.
        return made.elements * kernel.elements // (weights.shape[-1] if operator.op not in KERNELS else 1)
    if operator.op == "FULLY_CONNECTED":
        return made.elements * weights.shape[-1]
    if operator.op == "TRANSPOSE_CONV" and taken[2] is not None:
        return taken[2].elements * (weights.elements // weights.shape[-1])
    if operator.op == "BATCH_MATMUL" and taken[0] is not None:
        is_turned = operator.options is not None and operator.options.number(0, "B")
        return made.elements * taken[0].shape[-2 if is_turned else -1]
    return None
