"""What is known of a tensor within a graph: type, axes, and whose values it holds."""

import math
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .model import Axis
from .onnx_file import TYPES, Node, OnnxFile, Weight

#: Constants of up to so many values are looked at.
NUMBERS_MAX = 4096


class Trace(NamedTuple):
    """How a tensor holds values of an input: `exact` ones times `scale` plus `shift`, or what follows."""

    exact: bool = True
    scale: float = 1.0
    shift: float = 0.0


class Line(NamedTuple):
    """How a tensor's values follow from an input's: times `scale` plus `shift`."""

    scale: float = 1.0
    shift: float = 0.0


class Fact(NamedTuple):
    """A tensor: whose values it holds (`traces`, by input); `sizes`: its own values where they are sizes.

    `limit`: it counts 0, 1, 2, ... up to that. `weight`: the constant that it is. `is_truth`: it is 1 where
    something holds, else 0; `is_part`: it has been multiplied by that, and is to be added to the rest.
    `span`: the least and the largest of constants; `lines`: how it follows from inputs, by their names.
    """

    type: str = ""
    axes: Optional[Tuple[Axis, ...]] = None
    traces: Mapping[str, Trace] = {}
    weight: Optional[Weight] = None
    sizes: Optional[Tuple[Axis, ...]] = None
    limit: Axis = None
    is_truth: bool = False
    is_part: bool = False
    span: Optional[Tuple[float, float]] = None
    lines: Mapping[str, Line] = {}


UNKNOWN = Fact()
SAME_AXES = frozenset(
    (
        "Identity Cast CastLike Clip Relu Neg Abs Sign Floor Ceil Round Sqrt Exp Log Erf Tanh "
        "Sigmoid Softmax LogSoftmax Dropout Not LayerNormalization BatchNormalization "
        "InstanceNormalization Elu Selu LeakyRelu Gelu HardSwish HardSigmoid DequantizeLinear "
        "QuantizeLinear DynamicQuantizeLinear CumSum Reciprocal IsNaN SimplifiedLayerNormalization "
        "SkipLayerNormalization RMSNormalization PRelu Softplus ReverseSequence ScatterND "
        "ScatterElements Scatter Trilu FastGelu BiasGelu QuickGelu Sin Cos"
    ).split()
)
BROADCAST = frozenset(
    (
        "Add Sub Mul Div Mod Pow And Or Xor Equal Less LessOrEqual Greater GreaterOrEqual Where Min Max Sum"
    ).split()
)


def of_weight(file: OnnxFile, weight: Weight) -> Fact:
    """The fact of a constant `weight` of the `file`; small whole numbers are sizes, 0, 1, 2, ... counts."""
    sizes: Optional[Tuple[Axis, ...]] = None
    limit: Axis = None
    numbers = file.numbers(weight, NUMBERS_MAX)
    if numbers is not None and len(numbers) > 1 and numbers == list(range(len(numbers))):
        limit = len(numbers)
    if numbers is not None and weight.type in ("int64", "int32") and len(weight.shape) <= 1:
        sizes = tuple(numbers)
    return Fact(weight.type, weight.shape, {}, weight, sizes, limit, span=span_of(numbers))


def span_of(numbers: Optional[Sequence[float]]) -> Optional[Tuple[float, float]]:
    """The least and the largest of `numbers`; None for none, and where one is not finite."""
    if not numbers or not all(math.isfinite(each) for each in numbers):
        return None
    return float(min(numbers)), float(max(numbers))


def type_of(node: Node, facts: Sequence[Fact]) -> str:
    """The element type of the first output of a `node`, whose inputs are known by `facts`."""
    if node.op == "Cast":
        return TYPES.get(node.attributes.get("to", 0), "")
    if node.op in ("Shape", "Size", "ArgMax", "ArgMin", "NonZero"):
        return "int64"
    if node.op in ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Not", "And", "Or", "IsNaN"):
        return "bool"
    at = {"Where": 1, "DequantizeLinear": 1, "CastLike": 1, "OneHot": 2, "QuantizeLinear": 2}.get(node.op, 0)
    return facts[at].type if at < len(facts) else ""


def axes_after(node: Node, facts: Sequence[Fact]) -> Optional[Tuple[Axis, ...]]:
    """The axes of the first output of a `node` whose inputs are known by `facts`; None: nobody can tell."""
    first = facts[0].axes if facts else None
    if node.op in SAME_AXES:
        return first
    if node.op in BROADCAST:
        return _broadcast([fact.axes for fact in facts])
    if node.op == "Shape":
        return None if first is None else (len(first),)
    if node.op in ("Reshape", "Expand") and len(facts) > 1:
        return _reshaped(first, facts[1].sizes)
    rule = RULES.get(node.op)
    return rule(node, facts, first) if rule is not None and first is not None else None


def numbers_of(node: Node, name: str, at: int, facts: Sequence[Fact]) -> Optional[List[int]]:
    """Whole numbers of a `node`: its attribute `name`, or the constant among `facts` at input `at`."""
    value = node.attributes.get(name)
    if value is None and at < len(facts) and facts[at].sizes is not None:
        value = [each for each in facts[at].sizes or () if isinstance(each, int)]
    if isinstance(value, int):
        return [value]
    return list(value) if isinstance(value, list) else None


def _broadcast(shapes: Sequence[Optional[Tuple[Axis, ...]]]) -> Optional[Tuple[Axis, ...]]:
    if any(axes is None for axes in shapes):
        return None
    given = [axes for axes in shapes if axes is not None]
    rank = max([len(axes) for axes in given] or [0])
    padded = [(1,) * (rank - len(axes)) + axes for axes in given]
    return tuple(next((axis for axis in column if axis != 1), 1) for column in zip(*padded))


def _reshaped(
    first: Optional[Tuple[Axis, ...]], sizes: Optional[Tuple[Axis, ...]]
) -> Optional[Tuple[Axis, ...]]:
    if sizes is None:
        return None
    return tuple(
        (first[at] if size == 0 and first is not None and at < len(first) else None if size == -1 else size)
        for at, size in enumerate(sizes)
    )


def _transpose(node: Node, _: Sequence[Fact], axes: Tuple[Axis, ...]) -> Optional[Tuple[Axis, ...]]:
    order = node.attributes.get("perm") or list(range(len(axes)))[::-1]
    return tuple(axes[at] for at in order) if sorted(order) == list(range(len(axes))) else None


def _unsqueeze(node: Node, facts: Sequence[Fact], axes: Tuple[Axis, ...]) -> Optional[Tuple[Axis, ...]]:
    places = numbers_of(node, "axes", 1, facts)
    if places is None:
        return None
    rank = len(axes) + len(places)
    taken, left = {place % rank for place in places} if rank else set(), list(axes)
    return tuple(1 if at in taken or not left else left.pop(0) for at in range(rank))


def _squeeze(node: Node, facts: Sequence[Fact], axes: Tuple[Axis, ...]) -> Optional[Tuple[Axis, ...]]:
    places = numbers_of(node, "axes", 1, facts)
    if places is None:
        return tuple(axis for axis in axes if axis != 1)
    gone = {place % len(axes) for place in places} if axes else set()
    return tuple(axis for at, axis in enumerate(axes) if at not in gone)


def _gather(node: Node, facts: Sequence[Fact], axes: Tuple[Axis, ...]) -> Optional[Tuple[Axis, ...]]:
    if len(facts) < 2 or facts[1].axes is None or not axes:
        return None
    at = axis_of(node, "axis", 0, len(axes))
    return axes[:at] + facts[1].axes + axes[at + 1 :]


def _matmul(_: Node, facts: Sequence[Fact], axes: Tuple[Axis, ...]) -> Optional[Tuple[Axis, ...]]:
    second = facts[1].axes if len(facts) > 1 else None
    if second is None or len(axes) < 2 or len(second) < 2:
        return None
    lead = _broadcast([axes[:-2], second[:-2]]) or ()
    return (*lead, axes[-2], second[-1])


def _conv(_: Node, facts: Sequence[Fact], axes: Tuple[Axis, ...]) -> Optional[Tuple[Axis, ...]]:
    kernel = facts[1].axes if len(facts) > 1 else None
    channels = kernel[0] if kernel else None
    return axes[:1] + (channels,) + (None,) * (len(axes) - 2) if len(axes) > 2 else None


def _gemm(node: Node, facts: Sequence[Fact], axes: Tuple[Axis, ...]) -> Optional[Tuple[Axis, ...]]:
    second = facts[1].axes if len(facts) > 1 else None
    if len(axes) != 2 or second is None or len(second) != 2:
        return None
    rows = axes[1] if node.attributes.get("transA") else axes[0]
    return (rows, second[0] if node.attributes.get("transB") else second[1])


def _concat(node: Node, facts: Sequence[Fact], axes: Tuple[Axis, ...]) -> Optional[Tuple[Axis, ...]]:
    if not axes:
        return None
    at = axis_of(node, "axis", 0, len(axes))
    parts: List[Any] = [
        fact.axes[at] if fact.axes is not None and len(fact.axes) == len(axes) else None for fact in facts
    ]
    size = sum(parts) if all(isinstance(part, int) for part in parts) else None
    return (*axes[:at], size, *axes[at + 1 :])


def _reduce(node: Node, facts: Sequence[Fact], axes: Tuple[Axis, ...]) -> Optional[Tuple[Axis, ...]]:
    places = numbers_of(node, "axes", 1, facts)
    if node.op in ("ArgMax", "ArgMin"):
        places = [node.attributes.get("axis") or 0]
    gone = set(range(len(axes))) if not places else {place % len(axes) for place in places if axes}
    if node.attributes.get("keepdims", 1):
        return tuple(1 if at in gone else axis for at, axis in enumerate(axes))
    return tuple(axis for at, axis in enumerate(axes) if at not in gone)


def _flatten(node: Node, _: Sequence[Fact], axes: Tuple[Axis, ...]) -> Optional[Tuple[Axis, ...]]:
    return (axes[0], None) if node.attributes.get("axis", 1) == 1 and axes else None


def _cut(node: Node, facts: Sequence[Fact], axes: Tuple[Axis, ...]) -> Optional[Tuple[Axis, ...]]:
    """Slice, Pad, pooling: the batch stays, other sizes are open."""
    places = numbers_of(node, "axes", 3, facts) if node.op == "Slice" else None
    if places is not None and axes:
        gone = {place % len(axes) for place in places}
        return tuple(None if at in gone else axis for at, axis in enumerate(axes))
    return axes[:2] + (None,) * (len(axes) - 2) if "Pool" in node.op and len(axes) > 2 else None


def axis_of(node: Node, name: str, default: int, rank: int) -> int:
    """The attribute `name` of a `node`, an axis of `rank` axes, counted from the front; else `default`."""
    value = node.attributes.get(name)
    axis = value if isinstance(value, int) else default
    return axis % rank if rank else 0


RULES: Dict[str, Any] = {
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Gather": _gather,
    "MatMul": _matmul,
    "Conv": _conv,
    "Gemm": _gemm,
    "Concat": _concat,
    "Flatten": _flatten,
    "Slice": _cut,
    "MaxPool": _cut,
    "AveragePool": _cut,
}
RULES.update(
    {"Reduce" + how: _reduce for how in ("Sum", "Max", "Min", "Mean", "Prod", "L2", "L1", "SumSquare")}
)
RULES.update({"ArgMax": _reduce, "ArgMin": _reduce})
