"""An ONNX file whose arithmetic is a little off, by chance: how far rounding alone moves its outputs.

Every result of an operator that rounds, and every weight, is multiplied by 1 plus a random number of the
size of one rounding (Monte Carlo arithmetic: Parker, Pierce and Eggert, 2000). The file is rewritten as it
lies on the wire of protobuf, since the interpreter of a board has no package for ONNX files.
"""

import struct
from typing import Any, Collection, Iterator, List, Mapping, NamedTuple, Sequence

from paretofleet_graph.wire import integers, parts

#: Operators whose results are rounded. Those that copy, compare or compute shapes are left exact.
_ROUND = """
Add Sub Mul Div Sum Mean Pow Sqrt Reciprocal Exp Log Sin Cos Erf Gelu Elu Selu Celu Softplus Mish
HardSwish Tanh Sigmoid HardSigmoid Softmax LogSoftmax MatMul Gemm Einsum Conv ConvTranspose LSTM GRU
RNN Attention AveragePool GlobalAveragePool LpPool LpNormalization LRN BatchNormalization
InstanceNormalization GroupNormalization LayerNormalization SimplifiedLayerNormalization
SkipLayerNormalization MeanVarianceNormalization ReduceMean ReduceSum ReduceL1 ReduceL2
ReduceLogSumExp ReduceSumSquare CumSum Resize Upsample GridSample RoiAlign MultiHeadAttention
GroupQueryAttention FusedMatMul FusedConv FusedGemm FastGelu BiasGelu QuickGelu MatMulNBits
DequantizeLinear
"""
ROUND = frozenset(_ROUND.split())
#: Those whose results are off by a share of 1 and not of themselves: they are computed as 1/2 plus a rest,
#: whose rounding is a quarter of that of a number near 1.
ROUND_AS_ONE, OF_ONE = ("Sigmoid", "HardSigmoid"), 0.25
#: Tensors with fewer axes are sizes, scales and scalars more often than data.
AXES_MIN = 2
#: Types of tensors that a random factor can be drawn for.
TYPES = ("tensor(float)", "tensor(double)")
EXACT, FACTOR = "/exact", "/rounding"
Field = NamedTuple("Field", [("number", int), ("value", Any), ("raw", bytes)])
Node = NamedTuple("Node", [("operator", str), ("outputs", List[str])])


def results(model: bytes) -> List[str]:
    """The names of all tensors of the main graph of `model` that come of an operator that rounds."""
    graph = _graph(model)
    nodes = [_node(field.value) for field in graph if field.number == 1]
    return [name for node in nodes if node.operator in ROUND for name in node.outputs if name]


def with_outputs(model: bytes, names: Sequence[str]) -> bytes:
    """The `model` with the tensors `names` as outputs, too; a session on it tells their types."""
    present = {_name(field.value, 1) for field in _graph(model) if field.number == 12}
    added = [_field(12, _field(1, name.encode("utf-8"))) for name in names if name not in present]
    return _with_graph(model, [field.raw for field in _graph(model)] + added)


def rounded(model: bytes, shapes: Mapping[str, int], unit: float) -> bytes:
    """The `model` with every rounded result off by a random share of itself, at most `unit`.

    `shapes`: the number of axes of each of its tensors of real numbers, as a session told it. Weights of
    real numbers are off, too.
    """
    made: List[bytes] = []
    noise: List[bytes] = []
    exact = set()
    for field in _graph(model):
        raw = field.raw
        if field.number == 1:
            node = _node(field.value)
            names = [n for n in node.outputs if shapes.get(n, 0) >= AXES_MIN and node.operator in ROUND]
            if names:
                raw = _field(1, _renamed(field.value, 2, names))
            for name in names:
                noise += _noise(name, unit, len(noise), added=node.operator in ROUND_AS_ONE)
        elif field.number == 5 and _is_weight(field.value):
            name = _name(field.value, 8)
            exact.add(name)
            raw = _field(5, _renamed(field.value, 8, [name]))
            noise += _noise(name, unit, len(noise), added=False)
        made.append(raw)
    # Old files name their weights among the inputs.
    made = [_without_old_name(raw, exact) for raw in made]
    return _with_graph(model, made + noise)


def _noise(name: str, unit: float, seed: int, *, added: bool) -> List[bytes]:
    """Two nodes: a random number for each value of NAME/exact, and NAME as their product or sum."""
    centre, unit = (0.0, unit * OF_ONE) if added else (1.0, unit)
    numbers = {"low": centre - unit, "high": centre + unit, "seed": float(seed + 1)}
    attributes = b"".join(
        _field(5, _field(1, key.encode()) + b"\x15" + struct.pack("<f", value) + b"\xa0\x01\x01")
        for key, value in numbers.items()
    )
    exact, factor = (name + EXACT).encode("utf-8"), (name + FACTOR).encode("utf-8")
    draw = _field(1, exact) + _field(2, factor) + _field(4, b"RandomUniformLike") + attributes
    use = _field(1, exact) + _field(1, factor) + _field(2, name.encode("utf-8"))
    return [_field(1, draw), _field(1, use + _field(4, b"Add" if added else b"Mul"))]


def _is_weight(tensor: bytes) -> bool:
    axes = kind = 0
    for field in _fields(tensor):
        if field.number == 1:
            axes += 1 if isinstance(field.value, int) else len(integers(field.value, (0, len(field.value))))
        elif field.number == 2:
            kind = field.value
    return kind in (1, 11) and axes >= AXES_MIN


def _renamed(message: bytes, number: int, names: Collection[str]) -> bytes:
    """The `message` with EXACT behind those of its texts `number` that are among `names`."""
    made = b""
    for field in _fields(message):
        text = field.value.decode("utf-8", "replace") if field.number == number else ""
        made += _field(number, (text + EXACT).encode("utf-8")) if text in names and text else field.raw
    return made


def _without_old_name(raw: bytes, exact: Collection[str]) -> bytes:
    field = next(_fields(raw))
    return b"" if field.number == 11 and _name(field.value, 1) in exact else raw


def _graph(model: bytes) -> List[Field]:
    return list(_fields(next(field.value for field in _fields(model) if field.number == 7)))


def _with_graph(model: bytes, parts: Sequence[bytes]) -> bytes:
    others = [field.raw for field in _fields(model) if field.number != 7]
    return b"".join(others) + _field(7, b"".join(parts))


def _node(message: bytes) -> Node:
    fields = list(_fields(message))
    outputs = [field.value.decode("utf-8", "replace") for field in fields if field.number == 2]
    return Node(_name(message, 4), outputs)


def _name(message: bytes, number: int) -> str:
    content = next((field.value for field in _fields(message) if field.number == number), b"")
    return str(content.decode("utf-8", "replace"))


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _fields(message: bytes) -> Iterator[Field]:
    """The fields of a message: an integer, or the bytes of what is longer; and each as it lies there."""
    for number, value, (begin, end) in parts(message, (0, len(message))):
        content = value if isinstance(value, int) else message[slice(*value)]
        yield Field(number, content, message[begin:end])


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)
