"""Which axis of the inputs is the batch, which others are free, and which move together."""

import ast
import re
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .model import Axis, Output, axis_key

#: How exporters call the batch, and names that stand for no name at all.
BATCH = re.compile(r"^(?:[nb]|bs|bsz|\w*batch\w*)$", re.IGNORECASE)
NAMELESS = re.compile(r"^(?:\?|none|unk__\d+|-1)?$", re.IGNORECASE)
#: How they call axes of which an item has many values.
INNER = re.compile(
    r"seq|len|tim|frame|token|step|point|width|height|sample|channel|num|past|audio|text|word|char|phon|node|"
    r"edge|box|patch|feat|dim_?[1-9]|dimension\.[1-9]|cache|wav|mel|^[thwlsdmkc]$",
    re.IGNORECASE,
)
#: The name of a batch axis that has none in the file.
BATCH_KEY = "batch"
#: Layers and directions of a recurrent network's state, which stand before its batch.
LAYERS_MAX = 64
NAME_MAX = 200


class Axes(NamedTuple):
    """The axes of all inputs, each a number or a key. `batch`, `candidates`, `free`: see `Description`."""

    shapes: Dict[str, Optional[Tuple[Axis, ...]]]
    batch: Optional[str]
    candidates: Tuple[str, ...]
    fixed_batch_size: Optional[int]
    free: Tuple[str, ...]


def axes_of(inputs: Sequence[Output], outputs: Sequence[Output]) -> Axes:
    """The axes of `inputs` by their names and by how `outputs` use them."""
    shapes = {each.name: _keyed(each) for each in inputs}
    batch, candidates = _batch(shapes, outputs)
    if batch is not None:
        shapes = {name: _with_state(name, axes, batch) for name, axes in shapes.items()}
    keys = _keys(shapes)
    free = [key for key in keys if key != batch and not _is_sum(key, keys)]
    fixed = None if batch is not None or candidates else _fixed(shapes)
    return Axes(shapes, batch, candidates, fixed, tuple(key for key in free if key not in candidates))


def total(key: str, sizes: Mapping[str, int]) -> Optional[int]:
    """What the axis `key`, a sum or product of others as exporters write it, comes to by `sizes`.

    None where it is no such sum, or where a size is missing.

    >>> total("past + seq", {"past": 3, "seq": 1})
    4
    """
    tree = _parsed(key)
    if tree is None or isinstance(tree, ast.Name):
        return None
    try:
        return _value(tree, sizes)
    except (KeyError, ZeroDivisionError):
        return None


def names_in(key: str) -> List[str]:
    """The names of axes within the sum or product `key`; none where it is a name itself."""
    tree = _parsed(key)
    if tree is None or isinstance(tree, ast.Name):
        return []
    return [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]


def _keyed(value: Output) -> Optional[Tuple[Axis, ...]]:
    """The axes with a key for each free one; a first axis without a name is the batch."""
    if value.axes is None:
        return None
    keyed: List[Axis] = []
    for number, axis in enumerate(value.axes):
        if isinstance(axis, int):
            keyed.append(axis)
        elif axis is None or NAMELESS.match(axis):
            keyed.append(axis_key(value.name, number, None) if number else BATCH_KEY)
        else:
            keyed.append(axis)
    return tuple(keyed)


def _batch(
    shapes: Mapping[str, Optional[Tuple[Axis, ...]]], outputs: Sequence[Output]
) -> Tuple[Optional[str], Tuple[str, ...]]:
    """The key of the batch axis, or the candidates for it."""
    keys = _keys(shapes)
    called = [key for key in keys if BATCH.match(key) and not INNER.search(key)]
    if called:
        return _by_use(called, outputs)
    first = [axes[0] for axes in shapes.values() if axes]
    leading = [key for key in keys if key in first and not INNER.search(key) and not _is_sum(key, keys)]
    if leading:
        return _by_use(leading, outputs)
    states = [
        axes[1]
        for axes in shapes.values()
        if axes is not None and _is_state(axes) and isinstance(axes[1], str)
    ]
    return (states[0], ()) if len(set(states)) == 1 and "." in states[0] else (None, ())


def _by_use(keys: Sequence[str], outputs: Sequence[Output]) -> Tuple[Optional[str], Tuple[str, ...]]:
    """The only one of `keys`, or the only one that an output has, too; else all are candidates."""
    if len(keys) == 1:
        return keys[0], ()
    declared = {axis for value in outputs for axis in value.axes or ()}
    used = [key for key in keys if key in declared]
    return (used[0], ()) if len(used) == 1 else (None, tuple(used or keys))


def _with_state(name: str, axes: Optional[Tuple[Axis, ...]], batch: str) -> Optional[Tuple[Axis, ...]]:
    """The `axes` of the input `name` where a state [layers, ?, size] has the batch in its middle."""
    if axes is not None and _is_state(axes) and axes[1] == axis_key(name, 1, None):
        return (axes[0], batch, axes[2])
    return axes


def _is_state(axes: Tuple[Axis, ...]) -> bool:
    if len(axes) != 3:
        return False
    layers, _, size = axes
    return isinstance(layers, int) and layers <= LAYERS_MAX and isinstance(size, int)


def _keys(shapes: Mapping[str, Optional[Tuple[Axis, ...]]]) -> List[str]:
    """Every key, in the order of the inputs."""
    keys = [axis for axes in shapes.values() for axis in axes or () if isinstance(axis, str)]
    return sorted(set(keys), key=keys.index)


def _fixed(shapes: Mapping[str, Optional[Tuple[Axis, ...]]]) -> int:
    """The batch size of a file without a free batch axis: the first axis of the first input that has any.

    One item where that is free: of a graph say, whose nodes are no items, and whose edges are [2, edges].
    """
    first = next((axes[0] for axes in shapes.values() if axes), 1)
    return first if isinstance(first, int) else 1


def _is_sum(key: str, keys: Sequence[str]) -> bool:
    """Whether `key` is a sum of other `keys`, as exporters write the length of a cache that has grown."""
    names = names_in(key)
    return bool(names) and all(name in keys for name in names)


def _parsed(key: str) -> Optional[Any]:
    if len(key) > NAME_MAX or not re.search(r"[-+*/]", key):
        return None
    try:
        return ast.parse(key, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _value(tree: Any, sizes: Mapping[str, int]) -> int:
    if isinstance(tree, ast.Name):
        return sizes[tree.id]
    number = getattr(tree, "n", None) if type(tree).__name__ == "Num" else getattr(tree, "value", None)
    if isinstance(number, int) and not isinstance(tree, ast.BinOp):
        return number
    if not isinstance(tree, ast.BinOp):
        raise KeyError("no sum")
    left, right = _value(tree.left, sizes), _value(tree.right, sizes)
    if isinstance(tree.op, ast.Add):
        return left + right
    if isinstance(tree.op, ast.Sub):
        return left - right
    if isinstance(tree.op, ast.Mult):
        return left * right
    if isinstance(tree.op, (ast.Div, ast.FloorDiv)):
        return left // right
    raise KeyError("no sum")
