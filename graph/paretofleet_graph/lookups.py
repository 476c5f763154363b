"""What a node does with the values of the inputs that reach it: looks them up, compares, masks, decides."""

from typing import Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from . import operators
from .domains import Domain, domains_of
from .facts import UNKNOWN, Fact, Trace, axis_of
from .model import Axis
from .onnx_file import Node

REAL = ("float", "float16", "double", "bfloat16")
#: TensorProto.DataType of truth values.
BOOL = 9
SOFT = ("Identity", "Cast", "Reshape", "Add", "Where", "Clip")


class Use(NamedTuple):
    """A use of an input: ids, length, mask, bias, within, divides, decides, compared, content.

    `below`: ids are below it, lengths as large as it, others compared with it. `why`: the operator.
    `domain`: between which numbers it has to be.
    """

    kind: str
    below: Axis = None
    why: str = ""
    domain: Domain = Domain()


def uses_of(
    node: Node, facts: Sequence[Fact], takers: Mapping[str, Sequence[Node]]
) -> Iterator[Tuple[str, Use]]:
    """(input, use) of the graph's inputs whose values a `node` takes, by the `facts` of its own inputs.

    `takers`: the nodes that take a tensor, by its name.
    """
    for at, fact in enumerate(facts):
        for name, trace in fact.traces.items():
            for use in _uses(node, at, trace, facts, takers):
                yield name, use
        for name, domain in domains_of(node, at, facts):
            yield name, Use("within", None, node.op, domain)


def _uses(
    node: Node, at: int, trace: Trace, facts: Sequence[Fact], takers: Mapping[str, Sequence[Node]]
) -> List[Use]:
    places, what = operators.DECIDES.get(node.op, ((), ""))
    if at in places:
        return [Use("decides", why=what)]
    if node.op in operators.LOOKS_UP and at == operators.LOOKS_UP[node.op][0]:
        return [_looked_up(node, trace, facts)]
    special = _by_position(node, at, trace, facts)
    if special is not None:
        return [special]
    if node.op in (*operators.COMPARES, "Equal") and _number(facts[1 - at]) is not None:
        return [Use("compared", _number(facts[1 - at]), node.op)]
    if not trace.exact:
        return [Use("content", why=node.op)] if node.op in operators.COMPARES else []
    return _plain(node, at, facts, takers)


def _looked_up(node: Node, trace: Trace, facts: Sequence[Fact]) -> Use:
    """Ids of the rows of a table."""
    table = facts[operators.LOOKS_UP[node.op][1]]
    default = -1 if node.op == "ArrayFeatureExtractor" else 0
    rows: Axis = None
    if table.axes:
        place = axis_of(node, "axis", default, len(table.axes))
        rows = table.axes[place]
        if node.op in ("GatherND", "ScatterND"):
            rows = _fewest(_picked(node, table.axes, facts[operators.LOOKS_UP[node.op][0]].axes))
    return Use("ids", _before(rows, trace), node.op)


def _picked(node: Node, table: Sequence[Axis], indices: Optional[Sequence[Axis]]) -> Sequence[Axis]:
    """The axes of a `table` along which a GatherND or ScatterND picks: as many as an index of it has."""
    count = indices[-1] if indices else None
    if not isinstance(count, int):
        return table
    behind = node.attributes.get("batch_dims")
    skipped = behind if isinstance(behind, int) else 0
    return table[skipped : skipped + count]


def _fewest(axes: Sequence[Axis]) -> Axis:
    """The smallest of `axes` that are numbers; where none is, the only axis, if it is the only one."""
    counted = [axis for axis in axes if isinstance(axis, int)]
    if counted:
        return min(counted)
    return axes[0] if len(axes) == 1 else None


def _before(rows: Axis, trace: Trace) -> Axis:
    """How far an input may go whose values, scaled and shifted, pick one of `rows`."""
    if not trace.exact:
        return None
    if not isinstance(rows, int):
        return rows
    return max(1, int((rows - 1 - trace.shift) // trace.scale) + 1)


def _by_position(node: Node, at: int, trace: Trace, facts: Sequence[Fact]) -> Optional[Use]:
    """What the position says by itself."""
    if at in operators.MASKS.get(node.op, ()) or (node.op == "Where" and at == 0):
        return Use("mask", why=node.op)
    if at in operators.BIASES.get(node.op, ()):
        return Use("bias", why=node.op)
    is_rows, rows = _rows(node, at, facts)
    if is_rows:
        return Use("ids", _before(rows, trace), node.op)
    is_length, limit = _length(node, at, facts)
    if is_length:
        return Use("length", limit if trace.exact else None, node.op)
    return _codes(node, at)


def _rows(node: Node, at: int, facts: Sequence[Fact]) -> Tuple[bool, Axis]:
    """Whether position `at` picks from a table that is no LOOKS_UP's, and its rows."""
    if node.op == "OneHot" and at == 0:
        depth = facts[1].sizes if len(facts) > 1 else None
        return True, depth[0] if depth else None
    if node.op == "EmbedLayerNormalization" and at in operators.EMBEDS:
        table = facts[operators.EMBEDS[at]] if operators.EMBEDS[at] < len(facts) else UNKNOWN
        return True, table.axes[0] if table.axes else None
    if node.op == "Equal" and len(facts) == 2 and facts[1 - at].limit is not None:  # a OneHot by hand
        return True, facts[1 - at].limit
    return False, None


def _length(node: Node, at: int, facts: Sequence[Fact]) -> Tuple[bool, Axis]:
    """Whether position `at` takes lengths, and the axis that they cut."""
    if node.op in operators.COMPARES:
        limit = facts[1 - at].limit if len(facts) == 2 else None
        return limit is not None, limit
    axes = facts[0].axes or ()
    if node.op in operators.RECURRENT and at == 4:
        place = 1 if node.attributes.get("layout") else 0
    elif node.op == "ReverseSequence" and at == 1:
        place = axis_of(node, "time_axis", 0, len(axes))
    else:
        return False, None
    return True, axes[place] if place < len(axes) else None


def _codes(node: Node, at: int) -> Optional[Use]:
    """Category codes, where an operator lists those that it takes."""
    for attribute in operators.CODES.get(node.op, ()) if at == 0 else ():
        keys = node.attributes.get(attribute)
        if isinstance(keys, list) and keys:
            return Use("ids", max(keys) + 1, node.op)
    return None


def _plain(node: Node, at: int, facts: Sequence[Fact], takers: Mapping[str, Sequence[Node]]) -> List[Use]:
    """Uses of the values as they are."""
    kind = facts[at].type
    use: Optional[Use] = None
    if (node.op in ("Div", "Mod") and at == 1) or node.op == "Reciprocal":
        use = Use("divides", why=node.op)
    elif node.op == "Mod" and at == 0 and len(facts) > 1 and facts[1].sizes:
        use = Use("ids", facts[1].sizes[0], node.op)
    elif node.op in ("Not", "And", "Or") or (node.op == "Cast" and node.attributes.get("to") == BOOL):
        use = Use("mask", why=node.op)
    elif node.op == "Sub" and at == 1 and _is_constant(facts[0]):
        use = Use("mask", why="a constant less it")
    elif node.op == "Mul" and len(facts) == 2 and not _is_constant(facts[1 - at]):
        use = Use("mask" if kind not in REAL else "scale", why=node.op)
    elif node.op == "Add" and kind in REAL and _reaches_softmax(node, takers, 0):
        use = Use("bias", why="Add before a Softmax")
    elif node.op not in operators.SAME and node.op not in operators.ARITHMETIC:
        use = Use("content", why=node.op)
    return [] if use is None else [use]


def _number(fact: Fact) -> Optional[int]:
    """The whole number that a constant is; None for anything else."""
    number = fact.sizes[0] if fact.sizes is not None and len(fact.sizes) == 1 and not fact.traces else None
    return number if isinstance(number, int) else None


def _is_constant(fact: Fact) -> bool:
    return fact.weight is not None or (fact.sizes is not None and not fact.traces)


def _reaches_softmax(node: Node, takers: Mapping[str, Sequence[Node]], steps: int) -> bool:
    """Whether what a `node` adds goes into a Softmax with nothing of weight in between."""
    for name in node.outputs[:1]:
        for taker in takers.get(name, ()):
            if taker.op in operators.SOFTMAX:
                return True
            if steps < 4 and taker.op in SOFT and _reaches_softmax(taker, takers, steps + 1):
                return True
    return False
