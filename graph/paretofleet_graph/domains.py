"""Within which numbers an input's values may lie, by operators that take no others: Log, Sqrt, Acos, ..."""

from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from . import operators
from .facts import Fact, Line
from .onnx_file import Node


class Domain(NamedTuple):
    """Numbers from `low` to `high`, both excluded; None: without an end."""

    low: Optional[float] = None
    high: Optional[float] = None

    def within(self, other: "Domain") -> "Domain":
        """What lies in both."""
        lows = [each for each in (self.low, other.low) if each is not None]
        highs = [each for each in (self.high, other.high) if each is not None]
        return Domain(max(lows) if lows else None, min(highs) if highs else None)


POSITIVE = Domain(0.0)
#: Operator -> what its first input has to be; at an end included it is as good as excluded.
DOMAINS = {
    "Log": POSITIVE,
    "Sqrt": POSITIVE,
    "Acos": Domain(-1.0, 1.0),
    "Asin": Domain(-1.0, 1.0),
    "Atanh": Domain(-0.999, 0.999),
    "Acosh": Domain(1.0),
}
#: Operators whose results lie between values of their input, or at the nearest end of what is allowed.
BETWEEN = frozenset(
    "Relu ReduceMean ReduceMax ReduceMin AveragePool MaxPool GlobalAveragePool GlobalMaxPool".split()
)


def lines_after(node: Node, facts: Sequence[Fact]) -> Mapping[str, Line]:
    """How the output of a `node` follows from inputs of the graph by scales and shifts, by their names.

    `facts`: of the inputs of the node.
    """
    if node.op in operators.SAME or node.op in BETWEEN:
        places = operators.SAME.get(node.op, (0,))
        kept = facts if places is None else [facts[at] for at in places if at < len(facts)]
        return {name: line for fact in kept for name, line in fact.lines.items()}
    if node.op in ("ReduceSum", "CumSum") and facts:
        return {name: line for name, line in facts[0].lines.items() if not line.shift}
    if node.op == "Neg" and facts:
        return {name: Line(-line.scale, -line.shift) for name, line in facts[0].lines.items()}
    moved: Dict[str, Line] = {}
    for at in (0, 1) if len(facts) == 2 else ():
        span = facts[1 - at].span
        if span is not None:
            for name, line in facts[at].lines.items():
                after = _moved(node.op, at, line, span)
                if after is not None:
                    moved[name] = after
    return moved


def _moved(op: str, at: int, line: Line, span: Tuple[float, float]) -> Optional[Line]:
    """The `line` behind an operator whose other input is constants in `span`; the input is its `at`-th."""
    low, high = span
    if op == "Add":
        return line._replace(shift=line.shift + low)
    if op == "Sub" and at == 0:
        return line._replace(shift=line.shift - high)
    if op == "Sub":
        return Line(-line.scale, low - line.shift)
    if op == "Mul" and low > 0:
        return Line(line.scale * low, line.shift * low)
    if op == "Div" and at == 0 and low > 0:
        return Line(line.scale / high, line.shift / high)
    return None


def domains_of(node: Node, at: int, facts: Sequence[Fact]) -> List[Tuple[str, Domain]]:
    """(input, what its values may be) by a `node` that takes them as its `at`-th input.

    `facts`: of the inputs of the node.
    """
    allowed = _allowed(node, at, facts)
    if allowed is None:
        return []
    made = []
    for name, line in facts[at].lines.items():
        is_moved = line != Line()
        if line.scale and (is_moved or not _divides(node, at)):
            ends = [None if end is None else (end - line.shift) / line.scale for end in allowed]
            made.append((name, Domain(*(ends if line.scale > 0 else ends[::-1]))))
    return made


def _divides(node: Node, at: int) -> bool:
    return (node.op == "Div" and at == 1) or (node.op == "Reciprocal" and at == 0)


def _allowed(node: Node, at: int, facts: Sequence[Fact]) -> Optional[Domain]:
    """What the `at`-th input of a `node` has to be; None for anything."""
    if _divides(node, at):
        return POSITIVE
    if node.op == "Pow" and at == 0 and len(facts) > 1:
        span = facts[1].span
        is_whole = span is not None and span[0] >= 0 and all(end == int(end) for end in span)
        return None if is_whole else POSITIVE
    return DOMAINS.get(node.op) if at == 0 else None
