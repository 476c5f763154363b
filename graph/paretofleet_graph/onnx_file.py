"""An ONNX file as it lies on the disk: graphs, nodes and tensors, read without the package onnx.

Weights stay in the file until somebody asks for their values.
"""

import mmap
import os
import re
import struct
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from .errors import GraphRefused
from .model import Axis, Output
from .wire import Span, fields, integers, text

#: TensorProto.DataType -> the words of ONNX Runtime.
TYPES = {1: "float", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string"}
TYPES.update({9: "bool", 10: "float16", 11: "double", 12: "uint32", 13: "uint64", 14: "complex64"})
TYPES.update({15: "complex128", 16: "bfloat16", 17: "float8e4m3fn", 18: "float8e4m3fnuz", 19: "float8e5m2"})
TYPES.update({20: "float8e5m2fnuz", 21: "uint4", 22: "int4", 23: "float4e2m1", 24: "float8e8m0"})
TYPES.update({25: "uint2", 26: "int2", 27: "float6e2m3", 28: "float6e3m2"})
#: Bits of an element of a type; a text counts as 8.
BITS = {"float": 32, "double": 64, "bool": 8, "string": 8, "bfloat16": 16, "complex64": 64, "complex128": 128}
BITS.update({word: int(re.findall(r"\d+", word)[0]) for word in TYPES.values() if word not in BITS})
#: struct's letter of a type.
LETTERS = {"float": "f", "double": "d", "int64": "q", "int32": "i", "int16": "h", "int8": "b"}
LETTERS.update({"uint64": "Q", "uint32": "I", "uint16": "H", "uint8": "B", "bool": "B", "float16": "e"})
#: Graphs within graphs that are read; a file with more is no network.
DEPTH_MAX = 50
#: What reading raises where something is not what it should be.
NONSENSE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
DAMAGED = (*NONSENSE, RecursionError, struct.error)


class Weight(NamedTuple):
    """A constant tensor: its name, type and shape, and where its values are."""

    name: str
    type: str
    shape: Tuple[int, ...]
    parts: Tuple[Tuple[int, Any], ...]

    @property
    def elements(self) -> int:
        """How many values it has."""
        count = 1
        for size in self.shape:
            count *= size
        return count

    @property
    def is_elsewhere(self) -> bool:
        """Whether its values are in another file."""
        return any(field == 13 for field, _ in self.parts)


class Node(NamedTuple):
    """A node; `attributes` are integers, reals, texts, tensors, graphs, or lists of them."""

    op: str
    domain: str
    inputs: Tuple[str, ...]
    outputs: Tuple[str, ...]
    attributes: Dict[str, Any]


class Graph(NamedTuple):
    """A graph, or the body of a function (which has no types). `values`: what it declares of its tensors."""

    name: str
    nodes: Tuple[Node, ...]
    weights: Dict[str, Weight]
    inputs: Tuple[Output, ...]
    outputs: Tuple[Output, ...]
    values: Dict[str, Output]


class OnnxFile(object):
    """The main `graph` of the file at a path, and its `functions` by domain and name.

    Raises GraphRefused, with one sentence, where it cannot be read as an ONNX file.
    """

    def __init__(self, path: str) -> None:
        name = os.path.basename(path)
        graph: Optional[Graph] = None
        self.functions: Dict[Tuple[str, str], Graph] = {}
        try:
            with open(path, "rb") as handle:
                self._data = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
            for field, value in fields(self._data, (0, len(self._data))):
                if field == 7:
                    graph = self._graph(value, 0)
                elif field == 25:
                    key, function = self._function(value)
                    self.functions[key] = function
        except OSError as error:
            raise GraphRefused("cannot read the model %s: %s" % (name, error.strerror)) from error
        except DAMAGED:
            raise GraphRefused(
                "%s is not an ONNX file or is cut short: export or copy it again" % name
            ) from None
        if graph is None:
            raise GraphRefused("%s is not an ONNX file: it holds no graph" % name)
        self.graph = graph

    @property
    def inputs(self) -> List[Output]:
        """What has to be fed: the graph's inputs without those that are only the names of weights."""
        return [each for each in self.graph.inputs if each.name not in self.graph.weights]

    def data(self, weight: Weight) -> bytes:
        """The values of a `weight` as they lie in memory, little-endian; empty where the file has none."""
        raw = b"".join(bytes(self._data[slice(*value)]) for field, value in weight.parts if field == 9)
        return raw or self._typed(weight)

    def numbers(self, weight: Weight, count_max: int = 64) -> Optional[List[Any]]:
        """The values of a `weight` of at most `count_max`; None for more, and for what is no number."""
        letter = LETTERS.get(weight.type)
        if letter is None or not 0 <= weight.elements <= count_max:
            return None
        data = self.data(weight)
        size = struct.calcsize("<" + letter)
        if len(data) != size * weight.elements:
            return None
        return list(struct.unpack("<%d%s" % (weight.elements, letter), data))

    def _typed(self, weight: Weight) -> bytes:
        """The values of the fields that have a type of their own."""
        letter = LETTERS.get(weight.type)
        values: List[bytes] = []
        for field, value in weight.parts:
            if field in (4, 10) and isinstance(value, tuple):
                values.append(bytes(self._data[slice(*value)]))
            elif field in (5, 7, 11) and letter is not None:
                numbers = integers(self._data, value)
                if weight.type == "float16":  # its bits
                    values += [struct.pack("<H", each & 0xFFFF) for each in numbers]
                else:
                    values += [struct.pack("<" + letter, each) for each in numbers]
        return b"".join(values)

    def _graph(self, span: Span, depth: int) -> Graph:
        if depth > DEPTH_MAX:
            raise ValueError("graphs within graphs")
        data, name = self._data, ""
        nodes: List[Node] = []
        inputs: List[Output] = []
        outputs: List[Output] = []
        weights: Dict[str, Weight] = {}
        values: Dict[str, Output] = {}
        for field, value in fields(data, span):
            if field == 1:
                nodes.append(self._node(value, depth))
            elif field == 2:
                name = text(data, value)
            elif field == 5:
                weight = self._weight(value)
                weights[weight.name] = weight
            elif field in (11, 12):
                (inputs if field == 11 else outputs).append(self._value(value))
            elif field == 13:
                declared = self._value(value)
                values[declared.name] = declared
            elif field == 15:
                weight = self._sparse(value)
                weights[weight.name] = weight
        return Graph(name, tuple(nodes), weights, tuple(inputs), tuple(outputs), values)

    def _function(self, span: Span) -> Tuple[Tuple[str, str], Graph]:
        data, name, domain = self._data, "", ""
        nodes: List[Node] = []
        inputs: List[Output] = []
        outputs: List[Output] = []
        for field, value in fields(data, span):
            if field == 1:
                name = text(data, value)
            elif field == 10:
                domain = text(data, value)
            elif field in (4, 5):
                (inputs if field == 4 else outputs).append(Output(text(data, value), "", None))
            elif field == 7:
                nodes.append(self._node(value, 0))
        return (domain, name), Graph(name, tuple(nodes), {}, tuple(inputs), tuple(outputs), {})

    def _node(self, span: Span, depth: int) -> Node:
        data, op, domain = self._data, "", ""
        inputs: List[str] = []
        outputs: List[str] = []
        attributes: Dict[str, Any] = {}
        for field, value in fields(data, span):
            if field in (1, 2):
                (inputs if field == 1 else outputs).append(text(data, value))
            elif field == 4:
                op = text(data, value)
            elif field == 5:
                name, content = self._attribute(value, depth)
                attributes[name] = content
            elif field == 7:
                domain = text(data, value)
        return Node(op, "" if domain == "ai.onnx" else domain, tuple(inputs), tuple(outputs), attributes)

    def _attribute(self, span: Span, depth: int) -> Tuple[str, Any]:
        data, name = self._data, ""
        content: Any = None
        many: List[Any] = []
        for field, value in fields(data, span):
            if field == 1:
                name = text(data, value)
            elif field in (2, 3, 4, 5, 6, 22):
                content = self._single(field, value, depth)
            elif field == 7:
                part = data[slice(*value)]
                many += struct.unpack("<%df" % (len(part) // 4), part)
            elif field == 8:
                many += integers(data, value)
            elif field == 9:
                many.append(text(data, value))
            elif field in (10, 23):
                many.append(self._weight(value) if field == 10 else self._sparse(value))
            elif field == 11:
                content = self._graph(value, depth + 1)
        return name, (many or None) if content is None else content

    def _single(self, field: int, value: Any, depth: int) -> Any:
        """An attribute's only `value`: a real number, an integer, a text, a tensor or a graph."""
        data = self._data
        if field == 2:
            return struct.unpack("<f", data[slice(*value)])[0]
        if field == 3:
            return integers(data, value)[0]
        if field == 4:
            return text(data, value)
        if field == 6:
            return self._graph(value, depth + 1)
        return self._weight(value) if field == 5 else self._sparse(value)

    def _weight(self, span: Span) -> Weight:
        data, name, kind = self._data, "", 0
        shape: List[int] = []
        parts: List[Tuple[int, Any]] = []
        for field, value in fields(data, span):
            if field == 1:
                shape += integers(data, value)
            elif field == 2:
                kind = value
            elif field in (4, 5, 7, 9, 10, 11, 13):
                parts.append((field, value))
            elif field == 8:
                name = text(data, value)
        return Weight(name, TYPES.get(kind, "type %d" % kind), tuple(shape), tuple(parts))

    def _sparse(self, span: Span) -> Weight:
        weight = Weight("", "", (), ())
        shape: List[int] = []
        for field, value in fields(self._data, span):
            if field == 1:
                weight = self._weight(value)
            elif field == 3:
                shape += integers(self._data, value)
        return weight._replace(shape=tuple(shape), parts=())

    def _value(self, span: Span) -> Output:
        data = self._data
        about = dict(fields(data, span))
        kind = dict(fields(data, about[2])) if 2 in about else {}
        tensor = kind.get(1)
        if tensor is None:
            word = next((word for at, word in ((4, "seq"), (5, "map"), (9, "optional")) if at in kind), "")
            return Output(text(data, about.get(1)), word, None)
        inside = dict(fields(data, tensor))
        axes: Optional[Tuple[Axis, ...]] = None
        if 2 in inside:
            axes = tuple(self._axis(axis) for field, axis in fields(data, inside[2]) if field == 1)
        number = inside.get(1, 0)
        word = "tensor(%s)" % TYPES.get(number, "type %s" % number)
        return Output(text(data, about.get(1)), word, axes)

    def _axis(self, span: Span) -> Axis:
        about = dict(fields(self._data, span))
        if 1 in about:
            size = integers(self._data, about[1])[0]
            return size if size >= 0 else None
        return text(self._data, about.get(2)) or None
