"""Operators in which the items of a batch change one another's values."""

from typing import List, Optional, Sequence

from .facts import Fact, numbers_of
from .model import Axis
from .onnx_file import Node

#: One scale for the whole batch follows from its largest value.
WHOLE = ("DynamicQuantizeLinear", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM", "QAttention")
ALONG = ("Softmax", "LogSoftmax", "Hardmax", "TopK", "ArgMax", "ArgMin", "CumSum")


def mixes_items(node: Node, facts: Sequence[Fact], batch: Optional[str]) -> bool:
    """Whether a `node` with inputs known by `facts` lets items along the axis `batch` change one another."""
    if node.op in WHOLE or (node.op == "BatchNormalization" and node.attributes.get("training_mode")):
        return True
    axes = facts[0].axes if facts else None
    if batch is None or not axes or batch not in axes:
        return False
    places = _places(node, facts, axes)
    return any(axes[place] == batch for place in places if -len(axes) <= place < len(axes))


def _places(node: Node, facts: Sequence[Fact], axes: Sequence[Axis]) -> List[int]:
    """The axes along which a `node` works."""
    if node.op in ALONG:
        axis = node.attributes.get("axis")
        given = numbers_of(node, "axis", 1, facts) if node.op == "CumSum" else None
        default = 0 if node.op.startswith("Arg") else -1
        return given or [axis if isinstance(axis, int) else default]
    if node.op.startswith("Reduce"):
        given = numbers_of(node, "axes", 1, facts)
        if given is None and len(facts) > 1 and facts[1].axes is not None and facts[1].weight is None:
            return []  # axes that follow from something else
        return given or list(range(len(axes)))
    if node.op == "MatMul" and len(axes) > 1:
        return [len(axes) - 1]
    return []
