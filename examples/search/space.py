"""The members of the space as networks: layers, which train.py reads, too, and their ONNX file."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE, CLASSES = 14, 10


def layers(member):
    """The convolutions of a member in turn: name, channels in and out, kernel, stride, groups, relu, adds.

    `adds`: the result gets what entered the block.
    """
    channels = member["width"]
    yield "stem", 1, channels, 3, 1, 1, True, False
    for stage in (1, 2, 3):
        width = channels if stage == 1 else round(channels * member[f"growth{stage}"])
        for depth in range(member[f"depth{stage}"]):
            name, stride = f"stage{stage}.{depth}", 2 if depth == 0 and stage > 1 else 1
            kernel, kind = member[f"kernel{stage}"], member[f"block{stage}"]
            if kind == "conv":
                yield name, channels, width, kernel, stride, 1, True, False
            elif kind == "dw":
                yield f"{name}.dw", channels, channels, kernel, stride, channels, True, False
                yield f"{name}.pw", channels, width, 1, 1, 1, True, False
            else:
                inner = channels * member[f"expand{stage}"]
                yield f"{name}.expand", channels, inner, 1, 1, 1, True, False
                yield f"{name}.dw", inner, inner, kernel, stride, inner, True, False
                yield f"{name}.project", inner, width, 1, 1, 1, False, stride == 1 and channels == width
            channels = width


def build(member, path, seed):
    """Writes the ONNX file of a member; its weights follow from the seed."""
    random = np.random.default_rng(seed)
    nodes, weights, value, entered = [], {}, "image", "image"
    for name, inputs, outputs, kernel, stride, groups, relu, adds in layers(member):
        entered = value if name.endswith("expand") else entered
        shape = (outputs, inputs // groups, kernel, kernel)
        weights[f"{name}.weight"] = random.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
        weights[f"{name}.bias"] = random.normal(0, 0.01, outputs)
        takes = [value, f"{name}.weight", f"{name}.bias"]
        attributes = {"pads": [kernel // 2] * 4, "strides": [stride] * 2, "group": groups}
        nodes.append(helper.make_node("Conv", takes, [name], **attributes))
        value = name
        for operator in ("Add",) * adds + ("Relu",) * relu:
            takes = [value, entered] if operator == "Add" else [value]
            nodes.append(helper.make_node(operator, takes, [f"{value}.{operator}"]))
            value = f"{value}.{operator}"
    weights["head.weight"] = random.normal(0, np.sqrt(1 / outputs), (CLASSES, outputs))
    weights["head.bias"] = np.zeros(CLASSES)
    nodes += [
        helper.make_node("GlobalAveragePool", [value], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "head.weight", "head.bias"], ["scores"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "member",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 1, SIDE, SIDE])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", CLASSES])],
        [numpy_helper.from_array(each.astype(np.float32), name) for name, each in weights.items()],
    )
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)
