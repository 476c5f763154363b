"""How each weight of a network is distributed, from what it is used for.

The scales keep activations of order 1 through every network of the zoo: no denormals, no overflow. A
distribution's numbers come from additions, products, quotients and square roots alone, which IEEE 754 fixes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import onnx

from paretofleet_collector.models.zoo.fill import Spread

BIAS = Spread(0.0, 0.0625)
NORM_SCALE = Spread(1.0, 0.25)
NORM_SHIFT = Spread(0.0, 0.125)
BN_MEAN = Spread(0.0, 0.125)
BN_VARIANCE = Spread(1.0, 0.25)
LAYER_SCALE = Spread(0.5, 0.125)
EMBEDDING = Spread(0.0, 1.0)  # class tokens and positions, beside patches of order 1
PRELU_SLOPE = Spread(0.25, 0.125)

#: So many sums into which normalised branches go keep the scale of `into_sum`; more have smaller branches.
SUMS = 20
#: The mean square of what an activation makes of standard normal values, where it is not ReLU's 1/2.
NORMALISED, SILU, GELU, HARD_SWISH = 1.0, 0.356, 0.425, 0.334
#: Of values behind an activation that a gate multiplies: around 1/2 where it is small, towards 1 where not.
GATED = 0.18
#: Operators that hand on what they are given, at another place, in another shape or a mean of it.
_HANDED_ON = frozenset(
    {
        *("AveragePool", "Concat", "Dropout", "Expand", "Flatten", "GlobalAveragePool", "Identity"),
        *("MaxPool", "Pad", "ReduceMean", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze"),
    }
)
Rule = Callable[["_Graph", onnx.NodeProto], Iterator[tuple[str, Spread]]]


def he_uniform(shape: tuple[int, ...], mean_square: float = 0.5) -> Spread:
    """He's rule for a weight of `shape` (outputs, inputs, ...): what it makes has the variance 1.

    `mean_square` of its inputs, as a share of the variance before their activation; ReLU's is a half.
    """
    return Spread(0.0, math.sqrt(3.0 / mean_square / math.prod(shape[1:])))


def into_sum(sums: int) -> Spread:
    """The scale of a normalisation into one of `sums` residual sums, which would double with each."""
    centre = 0.5 if sums <= SUMS else 0.5 * math.sqrt(SUMS / sums)
    return Spread(centre, 0.25 * centre)


@dataclass(frozen=True)
class _Graph:
    """By a value's name: the shape of a weight, the node that makes it, whether a branch ends in a sum."""

    shapes: Mapping[str, tuple[int, ...]]
    makers: Mapping[str, onnx.NodeProto]
    added: frozenset[str]

    def weight(self, value: str) -> str | None:
        """The weight that `value` is, perhaps in another shape; None where it is none."""
        while value not in self.shapes:
            maker = self.makers.get(value)
            if maker is None or maker.op_type not in _HANDED_ON:
                return None
            value = maker.input[0]
        return value

    def origin(self, value: str) -> onnx.NodeProto | None:
        """The node that computed what `value` holds; None at the network's input."""
        maker = self.makers.get(value)
        while maker is not None and maker.op_type in _HANDED_ON:
            maker = self.makers.get(maker.input[0])
        return maker

    def mean_square(self, value: str) -> float:
        """That of `value`, by the operator that made it."""
        maker = self.origin(value)
        if maker is None or maker.op_type not in {"Mul", "HardSwish", "LayerNormalization"}:
            return 0.5
        if maker.op_type != "Mul":
            return NORMALISED if maker.op_type == "LayerNormalization" else HARD_SWISH
        factors = [self.makers.get(name) for name in maker.input]
        gates = [f for f in factors if f is not None and f.op_type in {"Sigmoid", "HardSigmoid"}]
        if not gates:
            return GELU
        return SILU if gates[0].input[0] in maker.input else GATED


def _convolution(graph: _Graph, node: onnx.NodeProto) -> Iterator[tuple[str, Spread]]:
    weight = node.input[1]
    if weight in graph.shapes:
        yield weight, he_uniform(graph.shapes[weight], graph.mean_square(node.input[0]))
    for bias in node.input[2:]:
        yield bias, BIAS


def _product(graph: _Graph, node: onnx.NodeProto) -> Iterator[tuple[str, Spread]]:
    weight = graph.weight(node.input[1])
    if weight is not None:
        shape = graph.shapes[weight]
        outputs_first = shape if weight != node.input[1] else shape[::-1]
        yield weight, he_uniform(outputs_first, graph.mean_square(node.input[0]))


def _batch_normalisation(graph: _Graph, node: onnx.NodeProto) -> Iterator[tuple[str, Spread]]:
    scale = into_sum(len(graph.added)) if node.output[0] in graph.added else NORM_SCALE
    yield from zip(node.input[1:], (scale, NORM_SHIFT, BN_MEAN, BN_VARIANCE), strict=True)


def _layer_normalisation(_: _Graph, node: onnx.NodeProto) -> Iterator[tuple[str, Spread]]:
    yield from zip(node.input[1:], (NORM_SCALE, NORM_SHIFT), strict=True)


def _sum(graph: _Graph, node: onnx.NodeProto) -> Iterator[tuple[str, Spread]]:
    for at in (0, 1):
        weight, other = graph.weight(node.input[at]), graph.makers.get(node.input[1 - at])
        if weight is not None:
            is_bias = other is not None and other.op_type == "MatMul"
            yield weight, BIAS if is_bias else EMBEDDING


def _scaling(graph: _Graph, node: onnx.NodeProto) -> Iterator[tuple[str, Spread]]:
    yield from ((name, LAYER_SCALE) for name in map(graph.weight, node.input) if name is not None)


def _joined(graph: _Graph, node: onnx.NodeProto) -> Iterator[tuple[str, Spread]]:
    yield from ((name, EMBEDDING) for name in map(graph.weight, node.input) if name is not None)


def _slope(graph: _Graph, node: onnx.NodeProto) -> Iterator[tuple[str, Spread]]:
    name = graph.weight(node.input[1])
    if name is not None:
        yield name, PRELU_SLOPE


_RULES: dict[str, Rule] = {
    "Add": _sum,
    "BatchNormalization": _batch_normalisation,
    "Concat": _joined,
    "Conv": _convolution,
    "Gemm": _convolution,
    "LayerNormalization": _layer_normalisation,
    "MatMul": _product,
    "Mul": _scaling,
    "PRelu": _slope,
}


def spreads(graph: onnx.GraphProto) -> Mapping[str, Spread]:
    """How every weight of the `graph` is distributed.

    Weights are the float inputs behind the first. Raises ValueError for a weight whose use is unknown.
    """
    shapes = {v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim) for v in graph.input[1:]}
    makers = {name: node for node in graph.node for name in node.output}
    summands = {name for node in graph.node if node.op_type == "Add" for name in node.input}
    normalised = {node.output[0] for node in graph.node if node.op_type == "BatchNormalization"}
    known = _Graph(shapes, makers, frozenset(summands & normalised))
    by_weight: dict[str, Spread] = {}
    for node in graph.node:
        if node.op_type in _RULES:
            by_weight.update(_RULES[node.op_type](known, node))
    unknown = sorted(set(shapes) - set(by_weight))
    if unknown:
        raise ValueError(f"no rule says how to fill {unknown[0]} of {graph.name}")
    return {name: by_weight[name] for name in shapes}
