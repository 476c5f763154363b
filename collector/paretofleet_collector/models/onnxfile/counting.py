"""Counts multiply-accumulates of an ONNX graph; never guesses: what it cannot tell is None."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import onnx
from google.protobuf.message import Message

STANDARD_DOMAINS = frozenset({"", "ai.onnx"})

_MATRIX_PRODUCTS = frozenset({"MatMul", "MatMulInteger", "QLinearMatMul"})  # the left factor is input 0
_KERNEL = {"Conv": 1, "ConvInteger": 1, "QLinearConv": 3}
# Operators that multiply in ways that this counter does not follow.
_UNCOUNTED = frozenset(
    {"Attention", "DeformConv", "DFT", "Einsum", "GRU", "LSTM", "LinearAttention", "RNN", "STFT"}
)
_COUNTED = frozenset({"Gemm", "ConvTranspose", *_MATRIX_PRODUCTS, *_KERNEL})
Shape = tuple[int, ...]


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
