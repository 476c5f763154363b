"""A user's samples held against what a graph takes: names, types, shapes, ranges."""

from __future__ import annotations

from collections.abc import Mapping

from paretofleet_graph import Description, Input
from paretofleet_graph.model import LENGTH

from paretofleet_collector.errors import Refused
from paretofleet_collector.model.inputs import InputArray, InputFile

#: Types in the words of ONNX Runtime to numpy's.
TYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(bool)": "bool",
    "tensor(string)": "str",
    "tensor(bfloat16)": "float32",
    **{f"tensor({sign}int{bits})": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}


def array_of(file: InputFile, name: str) -> InputArray:
    """The array of `file` that feeds the input `name`: the one of its name, or the only one.

    Raises Refused where there is neither.
    """
    called = next((array for array in file.arrays if array.name == name), None)
    if called is not None:
        return called
    if len(file.arrays) > 1:
        there = ", ".join(array.name for array in file.arrays[:8])
        raise Refused(f"{file.name} has no array {name} for that input, it has {there}: rename one.")
    return file.arrays[0]


def sizes_of_samples(
    graph: Description, samples: Mapping[str, InputFile], sizes: Mapping[str, int]
) -> dict[str, int]:
    """The `sizes` of axes of `graph` with those that the `samples`, by input, say. Raises Refused.

    That is where they contradict one another, or where a sample has other axes than its input.
    """
    given = dict(sizes)
    for item in graph.inputs:
        if item.name not in samples:
            continue
        file = samples[item.name]
        array = array_of(file, item.name)
        axes = item_axes(graph, item, given)
        if len(array.shape) - 1 != len(axes):
            raise Refused(
                f"{file.name}: array {array.name} has the shape {list(array.shape)}, so a sample has "
                f"{len(array.shape) - 1} axes, and one item of input {item.name} has {len(axes)} "
                f"({', '.join(map(str, axes)) or 'a number'})."
            )
        for key, size in zip(axes, array.shape[1:], strict=True):
            due = given.setdefault(key, size) if isinstance(key, str) and key in graph.free else key
            if due != size and (isinstance(due, int)):
                raise Refused(
                    f"{file.name}: array {array.name} has {size} elements on axis {key} of input "
                    f"{item.name}, where {due} are due."
                )
    return given


def item_axes(graph: Description, item: Input, sizes: Mapping[str, int]) -> list[int | str]:
    """The axes of one item of the input `item` of a `graph` with these `sizes`: without that of the batch."""
    left = [key for key in graph.candidates if key not in sizes]
    batch = graph.batch or (left[0] if len(left) == 1 else None)
    axes = [axis for axis in item.axes or () if axis is not None]
    if batch is None and len(axes) > 1 and axes[0] == graph.fixed_batch_size:
        return axes[1:]
    return [axis for axis in axes if axis != batch]


def check_samples(
    graph: Description, name: str, array: InputArray, filled: Mapping[str, tuple[int, ...]], called: str
) -> None:
    """Raises Refused where the `array` of a file, `called` so, is nothing for the input `name` of `graph`.

    `filled`: the shapes of all inputs.
    """
    item = next(each for each in graph.inputs if each.name == name)
    due = TYPES.get(item.type)
    if array.type != due:
        fix = f"save it with .astype('{due}')" if due else "it cannot be fed"
        raise Refused(
            f"{called}: array {array.name} is {array.type} and input {name} takes {due or item.type}: {fix}."
        )
    if not array.is_finite:
        raise Refused(
            f"{called}: array {array.name} has values that are not finite: leave those samples out."
        )
    below = item.law.below if item.law is not None else None
    if item.law is None or below is None or array.low is None or array.high is None:
        return
    rows = below if isinstance(below, int) else _size_of(graph, below, filled)
    # A length may be the whole axis, an id is at most the last row.
    rows = rows if rows is None or item.law.values != LENGTH else rows + 1
    if "int" in array.type and rows is not None and (array.high >= rows or array.low < -rows):
        odd = array.high if array.high >= rows else array.low
        raise Refused(
            f"{called}: array {array.name} holds {odd:.0f}, and input {name} picks from {rows} rows "
            f"(0 to {rows - 1}): correct those samples."
        )


def _size_of(graph: Description, key: str, filled: Mapping[str, tuple[int, ...]]) -> int | None:
    for item in graph.inputs:
        for axis, size in zip(item.axes or (), filled[item.name], strict=True):
            if axis == key:
                return size
    return None
