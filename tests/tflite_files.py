"""Small tflite files, written table by table: LiteRT is not needed for that."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping, Sequence

import flatbuffers
import numpy as np

#: TensorType and BuiltinOperator of the schema.
TYPES = {"float32": 0, "float16": 1, "int32": 2, "uint8": 3, "int64": 4, "bool": 6, "int8": 9, "int4": 17}
OPERATORS = {
    "SHAPE": 77,
    "RESHAPE": 22,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 4,
    "DEQUANTIZE": 6,
    "FULLY_CONNECTED": 9,
    "GATHER": 36,
}
OPERATORS.update(
    {"SELECT": 64, "CUSTOM": 32, "CAST": 53, "BATCH_MATMUL": 126, "RANDOM_UNIFORM": 148, "ADD": 0}
)
#: The union's number of the options of an operator.
OPTIONS = {"FULLY_CONNECTED": 8, "GATHER": 23, "CAST": 37, "CONV_2D": 1, "BATCH_MATMUL": 101, "SHAPE": 55}
#: Weights of less than a byte have a version of their own, as quantised ones do.
INTS, OUTPUTS = 256, 64


@dataclass(frozen=True)
class Tensor:
    """A tensor; `free`: the axes of any size; `data`: its values, where it is a constant."""

    name: str
    type: str
    shape: tuple[int, ...]
    free: tuple[int, ...] = ()
    data: Any = None
    scale: float = 0.0
    zero: int = 0


@dataclass(frozen=True)
class Operator:
    """An operator by its name, with the names of its tensors and the numbers of its options by field."""

    op: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    options: Mapping[int, int] = field(default_factory=dict)
    version: int = 1


def save(
    path: Path, tensors: Sequence[Tensor], operators: Sequence[Operator], inputs: Sequence[str], output: str
) -> Path:
    """Writes a file of one graph, and returns its `path`; the file says that these tests made it."""
    builder = flatbuffers.Builder(1024)
    places = {each.name: at for at, each in enumerate(tensors)}
    buffers = [_table(builder, 3, {})]
    made = []
    for each in tensors:
        at = 0
        if each.data is not None:
            at = len(buffers)
            values = np.asarray(each.data)
            data = builder.CreateByteVector(values.tobytes())
            buffers.append(_table(builder, 3, {0: data}))
        made.append(_tensor(builder, each, at))
    codes = list(dict.fromkeys((each.op, each.version) for each in operators))
    written = []
    for each in operators:
        taken = _numbers(builder, [places[name] if name else -1 for name in each.inputs], "i")
        given = _numbers(builder, [places[name] for name in each.outputs], "i")
        options = _options(builder, each)
        slots = {1: taken, 2: given, **({4: options} if each.op in OPTIONS else {})}
        written.append(
            _table(
                builder,
                9,
                slots,
                {
                    0: ("Uint32", codes.index((each.op, each.version))),
                    3: ("Uint8", OPTIONS.get(each.op, 0)),
                },
            )
        )
    graph = {
        0: _tables(builder, made),
        1: _numbers(builder, [places[name] for name in inputs], "i"),
        2: _numbers(builder, [places[output]], "i"),
        3: _tables(builder, written),
    }
    known = []
    for op, version in codes:
        number = OPERATORS[op]
        custom = {1: builder.CreateString("Own")} if op == "CUSTOM" else {}
        numbers = {0: ("Int8", min(number, 127)), 2: ("Int32", version), 3: ("Int32", number)}
        known.append(_table(builder, 4, custom, numbers))
    model = {
        3: builder.CreateString("these tests"),
        1: _tables(builder, known),
        2: _tables(builder, [_table(builder, 5, graph)]),
        4: _tables(builder, buffers),
    }
    builder.Finish(_table(builder, 8, model, {0: ("Uint32", 3)}), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def layer(path: Path, *wanted: str) -> Path:
    """Writes y = relu(x w' + b).

    `wanted`: `free` (the batch axis), `int8`, `ids` (x is looked up), `whole` (x is cast from int32).
    """
    is_int8, free = "int8" in wanted, (0,) if "free" in wanted else ()
    random = np.random.RandomState(0)
    weights = random.randint(-127, 128, (OUTPUTS, INTS)).astype(np.int8)
    bias = random.randint(-500, 500, OUTPUTS).astype(np.int32)
    kind = "int8" if is_int8 else "float32"
    if not is_int8:
        weights, bias = (weights / 100).astype(np.float32), (bias / 100).astype(np.float32)
    scales = (0.02, 0.01, 0.02 * 0.01, 0.2) if is_int8 else (0.0,) * 4
    tensors = [
        Tensor("x", kind, (1, INTS), free, None, scales[0], 3 if is_int8 else 0),
        Tensor("w", kind, (OUTPUTS, INTS), (), weights, scales[1]),
        Tensor("b", "int32" if is_int8 else kind, (OUTPUTS,), (), bias, scales[2]),
        Tensor("y", kind, (1, OUTPUTS), free, None, scales[3], -100 if is_int8 else 0),
    ]
    operators = [Operator("FULLY_CONNECTED", "xwb", "y", {0: 1}, 4 if is_int8 else 1)]
    first = "x"
    if "whole" in wanted:
        tensors.append(Tensor("n", "int32", (1, INTS), free))
        operators.insert(0, Operator("CAST", ["n"], ["x"]))
        first = "n"
    if "ids" in wanted:
        table = random.standard_normal((40, INTS)).astype(np.float32)
        tensors += [Tensor("ids", "int32", (1,), free), Tensor("table", "float32", table.shape, (), table)]
        operators.insert(0, Operator("GATHER", ["table", "ids"], ["x"], {0: 0}))
        first = "ids"
    return save(path, tensors, operators, [first], "y")


def _tensor(builder: Any, tensor: Tensor, buffer: int) -> int:
    slots = {0: _numbers(builder, tensor.shape, "i"), 3: builder.CreateString(tensor.name)}
    if tensor.free:
        signature = [-1 if at in tensor.free else size for at, size in enumerate(tensor.shape)]
        slots[7] = _numbers(builder, signature, "i")
    if tensor.scale:
        scale, zero = _numbers(builder, [tensor.scale], "f"), _numbers(builder, [tensor.zero], "q")
        slots[4] = _table(builder, 7, {2: scale, 3: zero})
    return _table(builder, 11, slots, {1: ("Int8", TYPES[tensor.type]), 2: ("Uint32", buffer)})


def _options(builder: Any, operator: Operator) -> int:
    sort = "Int8" if operator.op in ("FULLY_CONNECTED", "BATCH_MATMUL") else "Int32"
    return _table(builder, 5, {}, {at: (sort, number) for at, number in operator.options.items()})


def _table(
    builder: Any,
    fields: int,
    offsets: Mapping[int, int],
    numbers: Mapping[int, tuple[str, int]] | None = None,
) -> int:
    builder.StartObject(fields)
    for at, (sort, number) in (numbers or {}).items():
        getattr(builder, f"Prepend{sort}Slot")(at, number, 0)
    for at, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(at, offset, 0)
    return builder.EndObject()


def _numbers(builder: Any, numbers: Sequence[float], letter: str) -> int:
    sorts = {"i": ("Int32", 4), "f": ("Float32", 4), "q": ("Int64", 8)}
    sort, size = sorts[letter]
    builder.StartVector(size, len(numbers), size)
    for number in reversed(numbers):
        getattr(builder, f"Prepend{sort}")(number)
    return builder.EndVector()


def _tables(builder: Any, tables: Sequence[int]) -> int:
    builder.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        builder.PrependUOffsetTRelative(table)
    return builder.EndVector()
