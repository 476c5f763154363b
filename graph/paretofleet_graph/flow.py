"""Follows the values of every input through a graph, to the operators that say what they mean."""

import collections
from typing import Any, Dict, Iterable, List, Mapping, MutableMapping, NamedTuple, Optional, Sequence, Tuple

from . import operators
from .domains import lines_after
from .errors import GraphRefused
from .facts import UNKNOWN, Fact, Line, Trace, axes_after, of_weight, span_of, type_of
from .lookups import REAL, Use, uses_of
from .mixing import mixes_items
from .model import Axis
from .onnx_file import NONSENSE, Graph, Node, OnnxFile, Weight
from .precision import WORK

#: A body of a loop is walked twice, so that what one step hands to the next is seen.
PASSES = 2
DEPTH_MAX = 30
NODES_MAX = 1000000
Scope = MutableMapping[str, Fact]


class Flow(NamedTuple):
    """What a walk gave: uses by input, operators that work by type, the others, those that mix items."""

    uses: Dict[str, List[Use]]
    worked: Dict[str, int]
    others: Dict[str, int]
    mixes: Dict[str, None]


def follow(file: OnnxFile, shapes: Mapping[str, Optional[Tuple[Axis, ...]]], batch: Optional[str]) -> Flow:
    """Walks the graph of a `file` whose inputs have the axes `shapes`; `batch` is the key of the batch axis.

    Raises GraphRefused for a graph of too many nodes.
    """
    walk = _Walk(file, batch)
    scope: Scope = {}
    for each in file.inputs:
        kind = each.type[len("tensor(") : -1]
        scope[each.name] = Fact(kind, shapes[each.name], {each.name: Trace()}, lines={each.name: Line()})
        walk.flow.uses[each.name] = []
    walk.graph(file.graph, scope, 0)
    return walk.flow


class _Walk(object):
    def __init__(self, file: OnnxFile, batch: Optional[str]) -> None:
        self._file, self._batch = file, batch
        self._left = NODES_MAX
        self.flow = Flow({}, {}, {}, collections.OrderedDict())

    def graph(self, graph: Graph, scope: Scope, depth: int) -> List[Fact]:
        """The facts of the outputs of a `graph` whose inputs and surroundings are in `scope`."""
        if depth > DEPTH_MAX:
            raise GraphRefused("its graphs call one another without end; export the model again")
        for weight in graph.weights.values():
            scope[weight.name] = of_weight(self._file, weight)
        takers: Dict[str, List[Node]] = {}
        for node in graph.nodes:
            for name in node.inputs:
                takers.setdefault(name, []).append(node)
        for node in _sorted(graph.nodes, scope):
            self._left -= 1
            if self._left < 0:
                raise GraphRefused("its graph has too many nodes; export a simpler model")
            facts = [scope.get(name, UNKNOWN) if name else UNKNOWN for name in node.inputs]
            for name, fact in zip(node.outputs, self._facts_after(node, facts, scope, takers, depth)):
                scope[name] = _declared(fact, graph, name)
        return [scope.get(each.name, UNKNOWN) for each in graph.outputs]

    def _facts_after(
        self,
        node: Node,
        facts: List[Fact],
        scope: Scope,
        takers: Mapping[str, Sequence[Node]],
        depth: int,
    ) -> List[Fact]:
        """The facts of the outputs of a `node`; of what is not understood whose values may be in them."""
        try:
            return self._node(node, facts, scope, takers, depth)
        except NONSENSE:  # attributes or inputs of another kind than the operator has here
            return [Fact(traces=_followed(facts))] * len(node.outputs)

    def _node(
        self,
        node: Node,
        facts: List[Fact],
        scope: Scope,
        takers: Mapping[str, Sequence[Node]],
        depth: int,
    ) -> List[Fact]:
        """The facts of the outputs of a `node`."""
        for name, use in uses_of(node, facts, takers):
            self.flow.uses[name].append(use)
        if facts and node.op not in operators.SAME and node.op not in operators.SHAPE_ONLY:
            kind = facts[0].type or (facts[1].type if len(facts) > 1 else "")
            counts = self.flow.worked if node.op in WORK else self.flow.others
            counts[kind] = counts.get(kind, 0) + 1
        if mixes_items(node, facts, self._batch):
            self.flow.mixes[node.op] = None
        function = self._file.functions.get((node.domain, node.op))
        if function is not None:
            inner: Scope = {each.name: fact for each, fact in zip(function.inputs, facts)}
            return self.graph(function, inner, depth + 1)
        if node.op == "If":
            return self._if(node, scope, depth)
        if node.op == "Loop":
            return self._loop(node, facts, scope, depth)
        if node.op == "Scan":
            return self._scan(node, facts, scope, depth)
        return _outputs(self._file, node, facts)

    def _if(self, node: Node, scope: Scope, depth: int) -> List[Fact]:
        branches = [node.attributes.get(name) for name in ("then_branch", "else_branch")]
        ends = [self.graph(each, _within(scope), depth + 1) for each in branches if isinstance(each, Graph)]
        if len(ends) < 2:
            return [UNKNOWN] * len(node.outputs)
        return [left._replace(traces=_joined([left, right])) for left, right in zip(*ends)]

    def _loop(self, node: Node, facts: List[Fact], scope: Scope, depth: int) -> List[Fact]:
        body = node.attributes.get("body")
        if not isinstance(body, Graph):
            return [UNKNOWN] * len(node.outputs)
        states = facts[2:]
        ends: List[Fact] = []
        for _ in range(PASSES):
            inner = _within(scope)
            given = [Fact("int64", ()), facts[1] if len(facts) > 1 else UNKNOWN, *states]
            inner.update({each.name: fact for each, fact in zip(body.inputs, given)})
            ends = self.graph(body, inner, depth + 1)
            states = [
                before._replace(traces=_joined([before, after])) for before, after in zip(states, ends[1:])
            ]
        for name in ends[0].traces if ends else ():
            self.flow.uses[name].append(Use("decides", why="the steps of a Loop"))
        return [fact._replace(axes=None) for fact in states + ends[1 + len(states) :]]

    def _scan(self, node: Node, facts: List[Fact], scope: Scope, depth: int) -> List[Fact]:
        body = node.attributes.get("body")
        count = node.attributes.get("num_scan_inputs")
        if not isinstance(body, Graph) or not isinstance(count, int):
            return [UNKNOWN] * len(node.outputs)
        split = max(0, len(facts) - count)
        states = facts[:split]
        scanned = [fact._replace(axes=fact.axes[1:] if fact.axes else None) for fact in facts[split:]]
        ends: List[Fact] = []
        for _ in range(PASSES):
            inner = _within(scope)
            inner.update({each.name: fact for each, fact in zip(body.inputs, states + scanned)})
            ends = self.graph(body, inner, depth + 1)
            states = [before._replace(traces=_joined([before, after])) for before, after in zip(states, ends)]
        return [fact._replace(axes=None) for fact in states + ends[split:]]


def _within(scope: Scope) -> Scope:
    """A scope of its own within `scope`, which it sees."""
    inner: Any = collections.ChainMap({}, scope)
    made: Scope = inner
    return made


def _sorted(nodes: Sequence[Node], scope: Mapping[str, Fact]) -> List[Node]:
    """The `nodes` with each behind those whose results it takes, as some converters do not leave them."""
    makers = {name for node in nodes for name in node.outputs}
    there = {name for name in makers if name in scope}
    ordered: List[Node] = []
    waiting = list(nodes)
    while waiting:
        left = []
        for node in waiting:
            if all(name not in makers or name in there for name in node.inputs):
                ordered.append(node)
                there.update(node.outputs)
            else:
                left.append(node)
        if len(left) == len(waiting):  # a circle, or names of a graph around this one
            return ordered + left
        waiting = left
    return ordered


def _declared(fact: Fact, graph: Graph, name: str) -> Fact:
    """The `fact` of the tensor `name` with what its `graph` declares of it, where nothing better is known."""
    declared = graph.values.get(name)
    if declared is None:
        return fact
    axes = fact.axes
    if axes is None:
        axes = declared.axes
    elif declared.axes is not None and len(axes) == len(declared.axes):
        axes = tuple(theirs if axis is None else axis for axis, theirs in zip(axes, declared.axes))
    return fact._replace(axes=axes, type=fact.type or declared.type[len("tensor(") : -1])


def _outputs(file: OnnxFile, node: Node, facts: List[Fact]) -> List[Fact]:
    """The facts of the outputs of a `node` without graphs of its own."""
    if node.op == "Constant":
        value = node.attributes.get("value")
        if isinstance(value, Weight):
            return [of_weight(file, value)]
        number = node.attributes.get("value_int")
        numbers = node.attributes.get("value_ints") or ([number] if isinstance(number, int) else None)
        real = node.attributes.get("value_float")
        reals = node.attributes.get("value_floats") or ([real] if isinstance(real, float) else None)
        made = Fact("int64" if numbers else "float", None, {}, None, tuple(numbers) if numbers else None)
        return [made._replace(span=span_of(numbers or reals))]
    first = facts[0] if facts else UNKNOWN
    out = Fact(type_of(node, facts), axes_after(node, facts), _traces(node, facts))
    out = out._replace(lines=lines_after(node, facts))
    out = out._replace(is_truth=_is_truth(node, first), is_part=node.op == "Mul" and _is_masked(facts))
    if node.op == "Shape":
        out = out._replace(sizes=first.axes)
    elif node.op == "Range":
        limit = facts[1].sizes if len(facts) > 1 else None
        out = out._replace(limit=limit[0] if limit and len(limit) == 1 else None)
    elif node.op in operators.SAME:
        out = out._replace(sizes=_sizes(node, facts), limit=first.limit)
    elif node.op in ("Add", "Sub", "Mul") and any(fact.limit is not None for fact in facts):
        out = out._replace(limit=next(fact.limit for fact in facts if fact.limit is not None))
    plain = Fact(out.type, None, _traces(node, facts))
    return [out] + [plain._replace(axes=out.axes if node.op == "Split" else None)] * (len(node.outputs) - 1)


def _sizes(node: Node, facts: List[Fact]) -> Optional[Tuple[Axis, ...]]:
    """The sizes that a tensor of sizes becomes: one picked, several joined, a part."""
    first = facts[0].sizes
    if node.op == "Concat":
        parts = [fact.sizes for fact in facts]
        return None if any(part is None for part in parts) else tuple(x for part in parts for x in part or ())
    if node.op == "Gather" and first is not None and len(facts) > 1 and facts[1].sizes is not None:
        picked = [at for at in facts[1].sizes if isinstance(at, int) and -len(first) <= at < len(first)]
        return tuple(first[at] for at in picked) if len(picked) == len(facts[1].sizes) else None
    if node.op == "Slice" and first is not None:
        bounds = [fact.sizes[0] for fact in facts[1:3] if fact.sizes]
        whole = [each for each in bounds if isinstance(each, int)]
        return first[whole[0] : whole[1]] if len(whole) == 2 and len(facts) < 5 else None
    return first if node.op in ("Identity", "Cast", "Squeeze", "Unsqueeze", "Reshape") else None


def _traces(node: Node, facts: List[Fact]) -> Dict[str, Trace]:
    """Whose values the output of a `node` holds."""
    if node.op in operators.SHAPE_ONLY:
        return {}
    if node.op in operators.SAME:
        places = operators.SAME[node.op]
        kept = facts if places is None else [facts[at] for at in places if at < len(facts)]
        traces = _joined(kept)
        if node.op == "Where" and facts:
            traces = dict(_followed([facts[0]]), **traces)
            traces.update(_chosen(facts[0].traces, kept))
        return traces
    if node.op in ("Add", "Sub", "Mul", "Div"):
        return _shifted(node.op, facts)
    return _followed(facts) if node.op in operators.ARITHMETIC else {}


def _shifted(op: str, facts: List[Fact]) -> Dict[str, Trace]:
    """Traces through arithmetic: exact ones stay so where the other side is constant and small enough.

    Or where it is a choice by the same input's values, written as a sum of products with truth values.
    """
    if op == "Mul" and _is_masked(facts):
        return dict(max(facts, key=lambda fact: not fact.is_truth).traces)
    if op == "Add" and all(fact.is_part for fact in facts):
        return dict(_followed(facts), **_chosen(_joined(facts), facts))
    for at, other in ((0, 1), (1, 0)):
        if len(facts) == 2 and facts[at].traces and facts[other].sizes and not facts[other].traces:
            numbers = [each for each in facts[other].sizes or () if isinstance(each, int)]
            if numbers and (at == 0 or op in ("Add", "Mul")):
                return {name: _moved(trace, op, max(numbers)) for name, trace in facts[at].traces.items()}
        if at == 0 and len(facts) == 2 and facts[0].type in REAL and facts[1].weight is not None:
            return dict(facts[0].traces)  # a mean or a scale of real numbers
    return _followed(facts)


def _moved(trace: Trace, op: str, number: int) -> Trace:
    if op == "Add":
        return trace._replace(shift=trace.shift + number)
    if op == "Sub":
        return trace._replace(shift=trace.shift - number)
    if op == "Mul" and number > 0:
        return trace._replace(scale=trace.scale * number, shift=trace.shift * number)
    return Trace(exact=False)


def _followed(facts: Sequence[Fact]) -> Dict[str, Trace]:
    return {name: Trace(exact=False) for fact in facts for name in fact.traces}


def _is_truth(node: Node, first: Fact) -> bool:
    return node.op == "Cast" and (first.type == "bool" or first.is_truth)


def _is_masked(facts: Sequence[Fact]) -> bool:
    """Whether one of two factors is a truth that follows from no other input than the other factor does."""
    truths = [fact for fact in facts if fact.is_truth and fact.traces]
    others = [fact for fact in facts if not fact.is_truth]
    return len(truths) == len(others) == 1 and set(truths[0].traces) <= set(others[0].traces)


def _chosen(names: Iterable[str], choices: Sequence[Fact]) -> Dict[str, Trace]:
    """The traces of inputs that their own values choose, by `names`: of the choice that moves them least.

    So ids below zero are counted from a table's end: what is drawn is not below zero.
    """
    chosen = {}
    for name in names:
        own = [fact.traces[name] for fact in choices if name in fact.traces and fact.traces[name].exact]
        if own:
            chosen[name] = min(own, key=lambda trace: (abs(trace.shift), abs(trace.scale - 1)))
    return chosen


def _joined(facts: Sequence[Fact]) -> Dict[str, Trace]:
    """The traces of tensors that are put together; exact wherever one is."""
    traces: Dict[str, Trace] = {}
    for fact in facts:
        for name, trace in fact.traces.items():
            if name not in traces or trace.exact:
                traces[name] = trace
    return traces
