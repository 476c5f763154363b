"""The shapes of the inputs by batch size and sizes, and what has still to be given."""

from typing import Any, Dict, List, Mapping, Optional, Tuple

from .axes import BATCH_KEY, total
from .errors import GraphRefused
from .model import Description, Input

#: What was given for inputs, by name: {"values": law, "shape": [...]} or {"file": path}.
Values = Mapping[str, Mapping[str, Any]]
UNDRAWN = "input %s is %s, of which nothing can be drawn: give samples, as in --input %s=samples.npz"
#: No array has more; whether memory holds it is seen when it is made.
ELEMENTS_MAX = 1 << 56


def shapes(
    description: Description, batch_size: int, sizes: Mapping[str, int], values: Values
) -> Dict[str, Tuple[int, ...]]:
    """{name: shape} of the inputs of `description` with `batch_size` items and `sizes` by the axes' keys.

    `values`: what was given for the inputs, whose shapes count like sizes. Raises GraphRefused, with one
    sentence, for a size that is missing, that no axis has, or that contradicts another.
    """
    settled = sizes_of(description, sizes, values)
    batch = _batch_of(description, settled, batch_size)
    if batch is not None:
        _set(settled, batch, batch_size, "the batch size")
    missing = _missing(description, settled)
    if missing:
        raise GraphRefused(_give(missing))
    filled = {each.name: _filled(each, settled) for each in description.inputs}
    for name, shape in filled.items():
        count = 1
        for size in shape:
            count *= size
        if count > ELEMENTS_MAX:
            raise GraphRefused(
                "input %s of the shape %s is too large; give smaller sizes" % (name, list(shape))
            )
    return filled


def to_give(description: Description, sizes: Mapping[str, int], values: Values) -> List[str]:
    """What `description` asks for beside `sizes` and `values`, a sentence each with what to type."""
    settled = sizes_of(description, sizes, values)
    sentences = []
    missing = _missing(description, dict(settled, **dict.fromkeys(_batches(description, settled), 1)))
    if missing:
        sentences.append(_give(missing))
    left = [key for key in description.candidates if key not in settled]
    if len(left) > 1:
        sentences.append(_ask_batch(left))
    sentences += [
        UNDRAWN % (each.name, each.type, each.name)
        for each in description.inputs
        if each.law is None and not each.decides and each.axes is not None and each.name not in values
    ]
    return sentences + [
        "input %s decides the work (%s): give its value, as in --input %s=%s"
        % (each.name, each.decides, each.name, example_of(each))
        for each in description.inputs
        if each.decides and each.name not in values
    ]


def example_of(item: Input) -> str:
    """A value to be typed for the input `item`."""
    if item.law is None:
        return "samples.npz"
    if item.law.values.lstrip("-").isdigit():  # what the graph compares it with
        return item.law.values
    if item.law.values == "ones":
        return "ones"
    return "50" if "int" in item.type else "1"


def sizes_of(description: Description, sizes: Mapping[str, int], values: Values) -> Dict[str, int]:
    """All that `sizes` and the shapes in `values` say of the axes of `description`. Raises GraphRefused."""
    keys = {axis for each in description.inputs for axis in each.axes or () if isinstance(axis, str)}
    settled: Dict[str, int] = {}
    for key, size in sizes.items():
        if key not in keys:
            raise GraphRefused(
                "the model has no free axis %s; %s"
                % (key, "it has %s" % ", ".join(sorted(keys)) if keys else "all its axes are fixed")
            )
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise GraphRefused("the size %r of axis %s is no whole number, 0 or more" % (size, key))
        settled[key] = size
    items = {each.name: each for each in description.inputs}
    for name, about in values.items():
        if name in items and about.get("shape") is not None:
            _take_shape(description, items[name], about["shape"], settled)
    return settled


def _take_shape(description: Description, item: Input, shape: Any, settled: Dict[str, int]) -> None:
    """Enters the sizes that the `shape` given for an input says of its axes; names stay free."""
    axes = item.axes
    if axes is None or len(axes) != len(shape):
        raise GraphRefused(
            "input %s has the axes %s; the shape %s was given for it"
            % (item.name, "of no tensor" if axes is None else list(axes), list(shape))
        )
    for axis, size in zip(axes, shape):
        if isinstance(size, str):
            is_batch = size == BATCH_KEY and axis == description.batch
            if size != axis and not is_batch:
                raise GraphRefused("the shape given for input %s calls axis %s %s" % (item.name, axis, size))
        elif isinstance(axis, str):
            _set(settled, axis, size, "the shape of input %s" % item.name)
        elif axis != size:
            raise GraphRefused(
                "input %s has an axis fixed at %s, and %s was given for it" % (item.name, axis, size)
            )


def _set(settled: Dict[str, int], key: str, size: int, source: str) -> None:
    if settled.get(key, size) != size:
        raise GraphRefused("%s makes axis %s %d, and %d was given for it" % (source, key, size, settled[key]))
    settled[key] = size


def _batch_of(description: Description, settled: Mapping[str, int], batch_size: int) -> Optional[str]:
    """The key of the batch axis. Raises GraphRefused where it is open, or has another size."""
    batches = _batches(description, settled)
    if len(batches) > 1:
        raise GraphRefused(_ask_batch(batches))
    if batches:
        return batches[0]
    fixed = description.fixed_batch_size or 1
    if fixed != batch_size:
        raise GraphRefused("the file has the fixed batch size %d; %d was asked for" % (fixed, batch_size))
    return None


def _batches(description: Description, settled: Mapping[str, int]) -> List[str]:
    if description.batch is not None:
        return [description.batch]
    return [key for key in description.candidates if key not in settled]


def _missing(description: Description, settled: Mapping[str, int]) -> List[str]:
    """The free axes without a size."""
    return [key for key in description.free if key not in settled]


def _filled(item: Input, settled: Mapping[str, int]) -> Tuple[int, ...]:
    if item.axes is None:
        raise GraphRefused(
            "input %s is %s, which cannot be fed; export the model with tensors as inputs"
            % (item.name, item.type or "no tensor with axes")
        )
    filled = []
    for axis in item.axes:
        size = axis if isinstance(axis, int) else settled.get(str(axis))
        if size is None:
            size = total(str(axis), settled)
        if size is None or size < 0:
            raise GraphRefused("axis %s of input %s gets no size from the others" % (axis, item.name))
        filled.append(size)
    return tuple(filled)


def _give(missing: List[str]) -> str:
    options = " ".join("--size %s=%s" % (_quoted(key), "N") for key in missing)
    are = "axis %s is free" if len(missing) == 1 else "axes %s are free"
    return "%s besides the batch: give %s, as in %s" % (
        are % ", ".join(missing),
        "its size" if len(missing) == 1 else "their sizes",
        options,
    )


def _ask_batch(keys: List[str]) -> str:
    return "the batch may be axis %s: give a size to what is not, as in --size %s=16" % (
        " or ".join(keys),
        _quoted(keys[-1]),
    )


def _quoted(key: str) -> str:
    return "'%s'" % key if " " in key else key
