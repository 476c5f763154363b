"""Which architecture an ONNX file holds: a hash of its graph without names and without weights' values.

The graph is written out from its outputs backwards, nodes numbered as they are met, so that names and the
order of nodes in the file do not matter; the order of a node's inputs does. Integers count by their values,
because they are shapes and axes; reals by their shapes, because training changes them, except for bounds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from paretofleet_graph import OnnxFile, Weight

#: Operators whose real constants are bounds or factors of the architecture: those inputs count by value.
_BOUNDS: Mapping[str, tuple[int, ...]] = {
    "Clip": (1, 2),
    "Dropout": (1,),
    "Pad": (2,),
    "Range": (0, 1, 2),
    "Resize": (1, 2),
    "Upsample": (1,),
}
_REALS = ("float", "double", "float16", "bfloat16")
#: Where whole numbers are weights in fewer bits: operator -> its inputs that count by shape.
_QUANTISED = {
    "DequantizeLinear": (0, 2),
    "QLinearConv": (2, 3, 5, 7, 8),
    "QLinearMatMul": (2, 5, 7),
    "QGemm": (2, 5, 6, 8),
    "QuantizeLinear": (2,),
    "ConvInteger": (1, 2, 3),
    "MatMulInteger": (1, 2, 3),
    "MatMulNBits": (1, 3),
}


def graph_hash(file: OnnxFile) -> str:
    """The first 32 hex digits of the SHA-256 of the architecture in a `file`."""
    functions = {
        f"{domain}::{name}": _Writer(file, {}).body(body) for (domain, name), body in file.functions.items()
    }
    text = json.dumps([_Writer(file, {}).body(file.graph), functions], sort_keys=True)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


class _Writer:
    """Writes one graph; `outer`: the names of values of the graphs around it, and how they are written."""

    def __init__(self, file: OnnxFile, outer: Mapping[str, Any]) -> None:
        self._file = file
        self._written: dict[str, Any] = dict(outer)
        self._constants: dict[str, Weight] = {}
        self._weights: dict[str, int] = {}
        self._lines: list[Any] = []

    def body(self, graph: Any) -> list[Any]:
        """The `graph` as lists: its inputs, its nodes in the order in which its outputs need them, these."""
        self._constants = dict(graph.weights)
        makers = {}
        for node in graph.nodes:
            value = node.attributes.get("value")
            if node.op == "Constant" and isinstance(value, Weight):
                self._constants[node.outputs[0]] = value
            makers.update({name: node for name in node.outputs if name})
        inputs = [each for each in graph.inputs if each.name not in graph.weights]
        self._written.update({each.name: ["in", i] for i, each in enumerate(inputs)})
        for output in graph.outputs:
            self._write(output.name, makers)
        kinds = [[each.type, _axes(each.axes)] for each in inputs]
        ends = [self._reference("", 0, each.name) for each in graph.outputs]
        return [kinds, self._lines, ends]

    def _write(self, wanted_name: str, makers: Mapping[str, Any]) -> None:
        """Writes the node that makes a value, behind those that it needs, without recursion."""
        stack = [wanted_name]
        while stack:
            name = stack[-1]
            node = makers.get(name)
            if name in self._written or name in self._constants or node is None:
                stack.pop()
                continue
            needed = [each for each in _inputs_of(node) if self._is_open(each, makers)]
            if needed and not set(needed) & set(stack):
                stack += reversed(needed)
                continue
            stack.pop()
            parts = [self._reference(node.op, i, each) for i, each in enumerate(node.inputs)]
            at = len(self._lines)
            attributes = {key: self._attribute(each) for key, each in sorted(node.attributes.items())}
            self._lines.append([node.domain, node.op, parts, attributes])
            self._written.update({each: ["node", at, i] for i, each in enumerate(node.outputs) if each})

    def _is_open(self, name: str, makers: Mapping[str, Any]) -> bool:
        return name in makers and name not in self._written and name not in self._constants

    def _reference(self, op: str, position: int, name: str) -> Any:
        """How an input of an operator is written."""
        weight = self._constants.get(name)
        if weight is None:
            return self._written.get(name, ["none"] if not name else ["outer", name])
        if weight.type in _REALS and position not in _BOUNDS.get(op, ()):
            return self._weight(name, weight)
        if position in _QUANTISED.get(op, ()):
            return self._weight(name, weight)
        return self._valued(weight)

    def _weight(self, name: str, weight: Weight) -> Any:
        """By its shape, and by when it was met: two nodes with one kernel are no two nodes with two."""
        number = self._weights.setdefault(name, len(self._weights)) if len(weight.shape) > 1 else -1
        return ["weight", weight.type, list(weight.shape), number]

    def _valued(self, weight: Weight) -> Any:
        data = hashlib.sha256(self._file.data(weight)).hexdigest()
        return ["value", weight.type, list(weight.shape), data]

    def _attribute(self, content: Any) -> Any:
        if isinstance(content, Weight):
            return self._valued(content)
        if hasattr(content, "nodes"):  # a graph of If, Loop or Scan
            outer = {**self._written, **{name: self._valued(each) for name, each in self._constants.items()}}
            return _Writer(self._file, outer).body(content)
        if isinstance(content, list):
            return [self._attribute(each) for each in content]
        return content if isinstance(content, str | int | None) else repr(content)


def _inputs_of(node: Any) -> Iterable[str]:
    """The values that a node takes, those of its inner graphs, too, as far as they are from outside."""
    yield from node.inputs
    for content in node.attributes.values():
        if hasattr(content, "nodes"):
            for inner in content.nodes:
                yield from _inputs_of(inner)


def _axes(axes: Any) -> Any:
    """Sizes; names of free axes do not matter."""
    return None if axes is None else [axis if isinstance(axis, int) else None for axis in axes]
