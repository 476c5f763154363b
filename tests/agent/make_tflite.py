"""Writes a small tflite file: y = relu(x w' + b). A program for an interpreter that has LiteRT.

Arguments: the file, then any of `free` (the batch axis), `int8` (quantised), `ids` (whole numbers as input).
"""

from __future__ import annotations

import sys

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

ITEMS, INPUTS, OUTPUTS = 1, 256, 64
path, wanted = sys.argv[1], set(sys.argv[2:])
is_int8 = "int8" in wanted
kind = schema.TensorType.INT8 if is_int8 else schema.TensorType.FLOAT32
random = np.random.RandomState(0)


def buffer(data=b""):
    made = schema.BufferT()
    made.data = np.frombuffer(data, np.uint8) if data else None
    return made


def tensor(name, shape, dtype, at, scale=0.0, zero=0, signature=None):
    made = schema.TensorT()
    made.name, made.shape, made.type, made.buffer = name.encode(), shape, dtype, at
    made.shapeSignature = signature
    if scale:
        made.quantization = schema.QuantizationParametersT()
        made.quantization.scale, made.quantization.zeroPoint = [scale], [zero]
    return made


weights = random.randint(-127, 128, (OUTPUTS, INPUTS)).astype(np.int8)
bias = random.randint(-500, 500, OUTPUTS)
if is_int8:
    data = (weights.tobytes(), bias.astype(np.int32).tobytes())
    scales, kinds = (0.02, 0.01, 0.02 * 0.01, 0.2), (kind, kind, schema.TensorType.INT32, kind)
else:
    data = ((weights / 100.0).astype(np.float32).tobytes(), (bias / 100.0).astype(np.float32).tobytes())
    scales, kinds = (0.0,) * 4, (kind,) * 4


def signature(width):
    return [-1, width] if "free" in wanted else None


graph = schema.SubGraphT()
graph.tensors = [
    tensor("x", [ITEMS, INPUTS], kinds[0], 0, scales[0], 3 if is_int8 else 0, signature(INPUTS)),
    tensor("w", [OUTPUTS, INPUTS], kinds[1], 1, scales[1]),
    tensor("b", [OUTPUTS], kinds[2], 2, scales[2]),
    tensor("y", [ITEMS, OUTPUTS], kinds[3], 0, scales[3], -100 if is_int8 else 0, signature(OUTPUTS)),
]
graph.inputs, graph.outputs, graph.name = [0], [3], b"main"
operator = schema.OperatorT()
operator.inputs, operator.outputs, operator.opcodeIndex = [0, 1, 2], [3], 0
operator.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
operator.builtinOptions = schema.FullyConnectedOptionsT()
operator.builtinOptions.fusedActivationFunction = schema.ActivationFunctionType.RELU
codes = [(schema.BuiltinOperator.FULLY_CONNECTED, 4 if is_int8 else 1)]
graph.operators = [operator]
if "ids" in wanted:
    graph.tensors.append(tensor("ids", [ITEMS, INPUTS], schema.TensorType.INT32, 0))
    cast = schema.OperatorT()
    cast.inputs, cast.outputs, cast.opcodeIndex = [4], [0], 1
    graph.inputs, graph.operators = [4], [cast, operator]
    codes.append((schema.BuiltinOperator.CAST, 1))
model = schema.ModelT()
model.version, model.subgraphs, model.description = 3, [graph], b"made"
model.buffers = [buffer(), buffer(data[0]), buffer(data[1])]
model.operatorCodes = []
for number, version in codes:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = number
    code.version = version
    model.operatorCodes.append(code)
builder = flatbuffers.Builder(1024)
builder.Finish(model.Pack(builder), b"TFL3")
with open(path, "wb") as file:
    file.write(builder.Output())
