"""Counts weights and multiply-accumulates of an ONNX graph; never guesses: what it cannot tell is None."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import onnx
from google.protobuf.message import Message

STANDARD_DOMAINS = frozenset({"", "ai.onnx"})

# Inputs that hold statistics, scales, bounds and shapes rather than weights.
_ARGUMENTS: Mapping[str, frozenset[int]] = {
    "BatchNormalization": frozenset({3, 4}),
    "Clip": frozenset({1, 2}),
    "ConvInteger": frozenset({2, 3}),
    "DequantizeLinear": frozenset({1, 2}),
    "Dropout": frozenset({1, 2}),
    "MatMulInteger": frozenset({2, 3}),
    "Pad": frozenset({1, 2, 3}),
    "QLinearConv": frozenset({1, 2, 4, 5, 6, 7}),
    "QLinearMatMul": frozenset({1, 2, 4, 5, 6, 7}),
    "QuantizeLinear": frozenset({1, 2}),
    "Resize": frozenset({1, 2, 3}),
    "Upsample": frozenset({1}),
}
# A constant of one element is a weight only here; elsewhere it is a factor or a bound.
_TAKES_WEIGHTS = frozenset(
    {"BatchNormalization", "Conv", "ConvTranspose", "Gemm", "LayerNormalization", "MatMul", "PRelu"}
)
_TAKES_INT32_WEIGHTS = frozenset({("DequantizeLinear", 0), ("QLinearConv", 8)})  # quantised biases
_MATRIX_PRODUCTS = frozenset({"MatMul", "MatMulInteger", "QLinearMatMul"})  # the left factor is input 0
_KERNEL = {"Conv": 1, "ConvInteger": 1, "QLinearConv": 3}
# Operators that multiply in ways that this counter does not follow.
_UNCOUNTED = frozenset(
    {"Attention", "DeformConv", "DFT", "Einsum", "GRU", "LSTM", "LinearAttention", "RNN", "STFT"}
)
_COUNTED = frozenset({"Gemm", "ConvTranspose", *_MATRIX_PRODUCTS, *_KERNEL})
_PRECISIONS = {
    "DOUBLE": "fp64",
    "FLOAT": "fp32",
    "FLOAT16": "fp16",
    "BFLOAT16": "bf16",
    "INT8": "int8",
    "UINT8": "int8",
    "INT4": "int4",
    "UINT4": "int4",
}
_UNNUMBERED_BITS = {"FLOAT": 32, "DOUBLE": 64, "BOOL": 8, "STRING": 8, "UNDEFINED": 8}
_MAIN_SHARE = 0.9

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Weight:
    """A constant tensor of a graph; `is_parameter` False for shapes, statistics and other arguments."""

    name: str
    type_name: str
    elements: int
    is_parameter: bool

    @property
    def size_bytes(self) -> int:
        """Bytes of its elements in memory."""
        return (self.elements * type_bits(self.type_name) + 7) // 8


def type_bits(type_name: str) -> int:
    """Bits of one element of the ONNX type `type_name`, such as "FLOAT16"; strings count as 8."""
    number = re.search(r"\d+", type_name)
    return int(number[0]) if number else _UNNUMBERED_BITS[type_name]


def messages(root: Message) -> Iterator[Message]:
    """The message `root` and all messages inside it."""
    waiting = [root]
    while waiting:
        message = waiting.pop()
        yield message
        if isinstance(message, onnx.TensorProto):
            continue  # nothing in it is of interest, and listing its fields would copy its data
        for field, value in message.ListFields():
            if field.message_type is not None:
                waiting.extend([value] if isinstance(value, Message) else value)


def weights(graph: onnx.GraphProto) -> list[Weight]:
    """Every constant of the `graph` and of the graphs in it: initializers and what constant nodes make."""
    constants = []
    for inner in messages(graph):
        if isinstance(inner, onnx.GraphProto):
            uses = _uses(inner)
            constants += [
                Weight(name, type_name, elements, _is_parameter(type_name, elements, uses[name]))
                for name, type_name, elements in _constants(inner)
            ]
    return constants


def _uses(graph: onnx.GraphProto) -> dict[str, set[tuple[str, int]]]:
    """For every name the operators that take it and as which input."""
    uses: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for node in messages(graph):
        if isinstance(node, onnx.NodeProto):
            for position, name in enumerate(node.input):
                uses[name].add((node.op_type, position))
    return uses


def _constants(graph: onnx.GraphProto) -> Iterator[tuple[str, str, int]]:
    shapes: dict[str, onnx.TensorProto] = {}
    for tensor in graph.initializer:
        yield tensor.name, type_name_of(tensor), math.prod(tensor.dims)
        shapes[tensor.name] = tensor
    for sparse in graph.sparse_initializer:
        yield sparse.values.name, type_name_of(sparse.values), math.prod(sparse.dims)
    for node in graph.node:
        value = next((a.t for a in node.attribute if a.name == "value" and a.HasField("t")), None)
        if not node.output:
            continue
        if node.op_type == "Constant" and value is not None:
            yield node.output[0], type_name_of(value), math.prod(value.dims)
            shapes[node.output[0]] = value
        elif node.op_type == "ConstantOfShape" and node.input and node.input[0] in shapes:
            dims = onnx.numpy_helper.to_array(shapes[node.input[0]]).tolist()
            elements = math.prod(dims) if isinstance(dims, list) else int(dims)
            yield node.output[0], "FLOAT" if value is None else type_name_of(value), elements


def type_name_of(tensor: onnx.TensorProto) -> str:
    """The element type of the `tensor` as ONNX names it; raises ValueError for a number that is no type."""
    return str(onnx.TensorProto.DataType.Name(tensor.data_type))


def _is_parameter(type_name: str, elements: int, uses: set[tuple[str, int]]) -> bool:
    real = {(op, i) for op, i in uses if i not in _ARGUMENTS.get(op, ())}
    if type_name in {"INT32", "UINT32"}:
        return bool(real & _TAKES_INT32_WEIGHTS)
    if type_name in {"BOOL", "STRING", "INT64", "UINT64", "UNDEFINED"}:
        return False
    return bool(real) and (elements > 1 or any(op in _TAKES_WEIGHTS for op, _ in real))


def precision(constants: Sequence[Weight], input_type: str) -> str:
    """The precision that holds 90 % of the bytes of the parameters among `constants`, else "mixed".

    Without parameters it is that of `input_type`, ONNX's name of the first input's element type.
    """
    size: dict[str, int] = defaultdict(int)
    for weight in constants:
        if weight.is_parameter:
            size[_PRECISIONS.get(weight.type_name, "mixed")] += weight.size_bytes
    if not size:
        return _PRECISIONS.get(input_type.upper(), "mixed")
    word = max(size, key=lambda w: size[w])
    return word if size[word] >= _MAIN_SHARE * sum(size.values()) else "mixed"


def macs(model: onnx.ModelProto) -> int | None:
    """Multiply-accumulates of convolutions and matrix products of a `model` whose shapes were inferred."""
    graph = model.graph
    shapes = _shapes(graph)
    total = 0
    for node in graph.node:
        if node.domain not in STANDARD_DOMAINS or node.op_type in _UNCOUNTED:
            return None
        if any(isinstance(m, onnx.NodeProto) and m is not node and _multiplies(m) for m in messages(node)):
            return None
        if node.op_type in _COUNTED:
            count = _node_macs(node, shapes)
            if count is None:
                return None
            total += count
    return total


def _multiplies(node: onnx.NodeProto) -> bool:
    return node.domain not in STANDARD_DOMAINS or node.op_type in _UNCOUNTED | _COUNTED


def _shapes(graph: onnx.GraphProto) -> dict[str, Shape]:
    """The tensors whose shape is wholly known."""
    shapes: dict[str, Shape] = {t.name: tuple(t.dims) for t in graph.initializer}
    for value in [*graph.input, *graph.value_info, *graph.output]:
        kind = value.type.tensor_type
        if kind.HasField("shape") and all(d.HasField("dim_value") for d in kind.shape.dim):
            shapes[value.name] = tuple(d.dim_value for d in kind.shape.dim)
    return shapes


def _node_macs(node: onnx.NodeProto, shapes: Mapping[str, Shape]) -> int | None:
    """Convolution: outputs x kernel; transposed: inputs x kernel; product: outputs x inner axis."""
    output = shapes.get(node.output[0])
    if output is None:
        return None
    if node.op_type in _KERNEL or node.op_type == "ConvTranspose":
        kernel = shapes.get(node.input[_KERNEL.get(node.op_type, 1)])
        spread = output if node.op_type in _KERNEL else shapes.get(node.input[0])
        return None if kernel is None or spread is None else math.prod(spread) * math.prod(kernel[1:])
    left = shapes.get(node.input[0])
    if not left:
        return None
    transposed = node.op_type == "Gemm" and any(a.name == "transA" and a.i for a in node.attribute)
    return math.prod(output) * (left[0] if transposed else left[-1])
