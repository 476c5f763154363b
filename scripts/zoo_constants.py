"""Computes at export what a structure would compute from constants and from known shapes alone.

Tracing leaves chains such as Shape, Gather, Div, Concat behind, which say only how wide a layer is. The
counters of MACs would have to follow them, and every runtime does at load.
"""

from typing import Any

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

_NEVER = frozenset({"Constant", "Shape"})  # already one, or known only where the batch is


def folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """The `model` with constants in place of nodes that always give the same value; the batch stays open."""
    while True:
        nodes, changed = _pass(model)
        nodes = _used(nodes, {value.name for value in model.graph.output})
        del model.graph.node[:]
        model.graph.node.extend(nodes)
        if not changed:
            return model


def _pass(model: onnx.ModelProto) -> tuple[list[onnx.NodeProto], bool]:
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    dims = {
        value.name: value.type.tensor_type.shape.dim
        for value in [*inferred.input, *inferred.value_info, *inferred.output]
    }
    values: dict[str, Any] = {}
    shape_of = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "Shape"}
    nodes, changed = [], False
    for node in model.graph.node:
        if node.op_type == "Constant":
            values[node.output[0]] = onnx.numpy_helper.to_array(node.attribute[0].t)
        elif node.op_type == "Gather" and node.input[0] in shape_of and node.input[1] in values:
            axis = values[node.input[1]]  # of one element, as a scalar or as a vector
            dim = dims.get(shape_of[node.input[0]], ())
            if axis.size == 1 and len(dim) > axis.item() and dim[axis.item()].HasField("dim_value"):
                values[node.output[0]] = np.full(axis.shape, dim[axis.item()].dim_value, dtype=np.int64)
        elif node.op_type not in _NEVER and node.input and all(name in values for name in node.input):
            values[node.output[0]] = _value(node, values, model.opset_import)
        if node.op_type != "Constant" and node.output[0] in values:
            tensor = onnx.numpy_helper.from_array(np.asarray(values[node.output[0]]))
            nodes.append(onnx.helper.make_node("Constant", [], [node.output[0]], value=tensor))
            changed = True
        else:
            nodes.append(node)
    return nodes, changed


def _value(node: onnx.NodeProto, values: dict[str, Any], opsets: Any) -> Any:
    inputs = [
        onnx.helper.make_tensor_value_info(
            name, onnx.helper.np_dtype_to_tensor_dtype(values[name].dtype), values[name].shape
        )
        for name in dict.fromkeys(node.input)
    ]
    output = onnx.helper.make_empty_tensor_value_info(node.output[0])
    graph = onnx.helper.make_graph([node], "one", inputs, [output])
    alone = onnx.helper.make_model(graph, opset_imports=opsets)
    return ReferenceEvaluator(alone).run(None, {name: values[name] for name in node.input})[0]


def _used(nodes: list[onnx.NodeProto], outputs: set[str]) -> list[onnx.NodeProto]:
    """The `nodes` that one of the `outputs` needs, in order."""
    needed, kept = set(outputs), []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    return kept[::-1]
