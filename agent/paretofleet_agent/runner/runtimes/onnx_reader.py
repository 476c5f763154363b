"""What a runner must know of an ONNX file without the onnx package: its name, inputs and weights.

Reads the wire format of protobuf; the collector has checked the file when it was added.
"""

import mmap
import struct
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

#: TensorProto.DataType -> the words of ONNX Runtime.
TYPES = {1: "float", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool"}
TYPES.update({10: "float16", 11: "double", 12: "uint32", 13: "uint64", 16: "bfloat16"})
FLOAT = 1

Input = NamedTuple("Input", [("name", str), ("type", str), ("shape", List[Any])])
Weight = NamedTuple("Weight", [("name", str), ("type", str), ("shape", Tuple[int, ...]), ("data", bytes)])


class OnnxFile(object):
    """`graph_name`, `inputs` (weights left out), `outputs` by name, and `weights` of a file."""

    def __init__(self, path: str) -> None:
        self.graph_name = ""
        self.weights: Dict[str, Weight] = {}
        self.outputs: List[str] = []
        self.operators: Dict[str, int] = {}
        values: List[Input] = []
        with open(path, "rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for field, value in _fields(data, 0, len(data)):
                if field == 7:
                    self._read_graph(data, value, values)
        self.inputs = [value for value in values if value.name not in self.weights]

    def _read_graph(self, data: Any, span: Tuple[int, int], values: List[Input]) -> None:
        for field, value in _fields(data, *span):
            if field == 1:
                operator = _text(data, dict(_fields(data, *value)).get(4))
                self.operators[operator] = self.operators.get(operator, 0) + 1
            elif field == 2:
                self.graph_name = _text(data, value)
            elif field == 5:
                weight = _weight(data, value)
                self.weights[weight.name] = weight
            elif field == 11:
                values.append(_input(data, value))
            elif field == 12:
                self.outputs.append(_input(data, value).name)


def _weight(data: Any, span: Tuple[int, int]) -> Weight:
    name, kind, shape, raw, floats = "", 0, [], b"", []
    for field, value in _fields(data, *span):
        if field == 1 and isinstance(value, int):
            shape.append(value)
        elif field == 1:
            shape.extend(_packed(data, value))
        elif field == 2:
            kind = value
        elif field == 4:
            floats.append(data[value[0] : value[1]] if isinstance(value, tuple) else struct.pack("<I", value))
        elif field == 8:
            name = _text(data, value)
        elif field == 9:
            raw = data[value[0] : value[1]]
    return Weight(name, TYPES.get(kind, "type %d" % kind), tuple(shape), raw or b"".join(floats))


def _input(data: Any, span: Tuple[int, int]) -> Input:
    about = dict(_fields(data, *span))
    shape: List[Any] = []
    kind = 0
    tensor = dict(_fields(data, *about[2])).get(1) if 2 in about else None
    if tensor is not None:
        inside = dict(_fields(data, *tensor))
        kind = inside.get(1, 0)
        if 2 in inside:
            axes = (dict(_fields(data, *axis)) for _, axis in _fields(data, *inside[2]))
            shape = [axis[1] if 1 in axis else _text(data, axis.get(2)) or "?" for axis in axes]
    return Input(_text(data, about.get(1)), "tensor(%s)" % TYPES.get(kind, "type %d" % kind), shape)


def _fields(data: Any, at: int, end: int) -> Iterator[Tuple[int, Any]]:
    """(number, value) of a message: an integer, or the (start, end) of what is delimited."""
    while at < end:
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
        elif kind == 2:
            size, at = _varint(data, at)
            yield key >> 3, (at, at + size)
            at += size
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            yield key >> 3, int.from_bytes(data[at : at + size], "little")
            at += size
        else:
            raise ValueError("wire type %d" % kind)


def _varint(data: Any, at: int) -> Tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _packed(data: Any, span: Tuple[int, int]) -> Iterator[int]:
    at = span[0]
    while at < span[1]:
        value, at = _varint(data, at)
        yield value


def _text(data: Any, span: Any) -> str:
    return data[span[0] : span[1]].decode("utf-8", "replace") if span else ""
