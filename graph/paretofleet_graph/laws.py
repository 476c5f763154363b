"""The law of an input's values, from what the graph does with them."""

import re
from typing import AbstractSet, Dict, Mapping, Optional, Sequence, Tuple

from .lookups import REAL, Use
from .model import LENGTH, Axis, Input, Law, Output

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
NAME_OF_MASK = re.compile(r"mask", re.IGNORECASE)
NAME_OF_LENGTH = re.compile(r"len", re.IGNORECASE)
#: Axes of an image, with its batch.
IMAGE_RANK = 4
NOTHING = "no operator tells what its values mean"


def laws_of(
    inputs: Sequence[Output],
    shapes: Mapping[str, Optional[Tuple[Axis, ...]]],
    uses: Mapping[str, Sequence[Use]],
    taken: AbstractSet[str],
    batch: Optional[str],
) -> Tuple[Input, ...]:
    """The `inputs` with the axes `shapes` and the laws that follow from their `uses`.

    `taken`: names that some node takes. `batch`: the key of the batch axis.
    """
    described = []
    for each in inputs:
        axes, used = shapes[each.name], uses[each.name]
        by_kind: Dict[str, Use] = {}
        for use in used:
            kept = by_kind.get(use.kind)
            by_kind[use.kind] = use if kept is None else _narrower(kept, use)
        length = _likely_length(each.name, inputs, shapes, batch)
        law = _law(each, axes, by_kind, length)
        decides = by_kind["decides"].why if "decides" in by_kind else ""
        if law is not None and not law.sure and each.name not in taken:
            law = Law("ones", None, True, "nothing takes it")
        elif decides and "compared" in by_kind and law is not None:
            law = Law(str(by_kind["compared"].below), None, False, "it is compared with that")
        described.append(Input(each.name, each.type, axes, law, decides))
    return tuple(described)


def _narrower(left: Use, right: Use) -> Use:
    """The use that allows less; a number before the size of an axis, that before nothing."""
    if left.kind == "within":
        return left._replace(domain=left.domain.within(right.domain))
    if isinstance(left.below, int) and isinstance(right.below, int):
        return left if left.below <= right.below else right
    if isinstance(left.below, int) or isinstance(right.below, int):
        return left if isinstance(left.below, int) else right
    return left if left.below is not None else right


def _law(
    item: Output, axes: Optional[Tuple[Axis, ...]], by_kind: Mapping[str, Use], length: Axis
) -> Optional[Law]:
    """The law of an input; None where nothing can be drawn."""
    kind = item.type[len("tensor(") : -1]
    if axes is None or not item.type.startswith("tensor("):
        return None
    if kind in REAL:
        return _law_of_reals(item, by_kind)
    if kind == "bool":
        return Law("ones", None, "mask" in by_kind, by_kind["mask"].why if "mask" in by_kind else NOTHING)
    return _law_of_integers(item, axes, by_kind, length) if kind in INTEGERS else None


def _law_of_integers(item: Output, axes: Tuple[Axis, ...], by_kind: Mapping[str, Use], length: Axis) -> Law:
    ids, lengths = by_kind.get("ids", Use("ids")), by_kind.get("length", Use("length"))
    if ids.below is not None:
        return Law("zipf", ids.below, True, ids.why)
    if lengths.below is not None:
        return Law(LENGTH, lengths.below, True, lengths.why)
    mask = by_kind.get("mask", by_kind.get("bias"))
    if mask is not None and "content" not in by_kind:
        return Law("ones", None, True, mask.why)
    if "length" in by_kind and length is not None:
        return Law(LENGTH, length, False, lengths.why)
    if "ids" in by_kind:  # of a table whose rows nobody knows
        return Law("zeros", None, False, ids.why)
    return _unsure(item, axes, by_kind, length)


#: A real input's use -> its law, and whether only a mask by its name follows it.
REAL_LAWS = (
    ("bias", "zeros", False),
    ("mask", "ones", True),
    ("scale", "ones", True),
    ("within", "uniform", False),
    ("divides", "ones", False),
)


def _law_of_reals(item: Output, by_kind: Mapping[str, Use]) -> Law:
    if "ids" in by_kind and by_kind["ids"].below is not None:  # of a table, by a Cast
        return Law("zipf", by_kind["ids"].below, "content" not in by_kind, by_kind["ids"].why)
    is_mask = NAME_OF_MASK.search(item.name) is not None
    for use, law, only_masks in REAL_LAWS:
        if use == "within" and use in by_kind:
            return _within(by_kind[use])
        if use in by_kind and (is_mask or not only_masks):
            return Law(law, None, use != "scale", by_kind[use].why)
    return Law("normal")


def _within(use: Use) -> Law:
    """The law of reals that an operator takes only between two ends: from 0 to 1 where that fits."""
    low, high = use.domain
    if low is not None and high is not None and low >= high:
        return Law("normal", None, False, use.why)
    if (low is None or low <= 0) and (high is None or high > 1):
        return Law("uniform", None, True, use.why)
    if low is None:
        low = (high or 0.0) - 1
    return Law("uniform", None, True, use.why, None, (low, low + 1 if high is None else high))


def _unsure(item: Output, axes: Tuple[Axis, ...], by_kind: Mapping[str, Use], length: Axis) -> Law:
    """The law of integers of which the graph says nothing certain."""
    law = Law("bytes", None, False, NOTHING)
    if item.type in ("tensor(uint8)", "tensor(int8)"):
        law = Law("bytes")
    elif len(axes) == IMAGE_RANK:
        law = Law("bytes", None, False, "it has the axes of an image")
    elif NAME_OF_MASK.search(item.name):
        law = Law("ones", None, False, "its name")
    elif length is not None and ("divides" in by_kind or NAME_OF_LENGTH.search(item.name)):
        law = Law(LENGTH, length, False, "its name, or a division by it")
    elif "divides" in by_kind:
        law = Law("ones", None, False, by_kind["divides"].why)
    if law.values == "bytes" and "within" in by_kind:
        law = _whole_within(by_kind["within"], law)
    return law


def _whole_within(use: Use, law: Law) -> Law:
    """The `law` of whole numbers, or the least number that an operator takes, where it does not take 0."""
    low, high = use.domain
    if low is None or low < 0:
        return law
    number = int(low) + 1
    return law if high is not None and number >= high else Law(str(number), None, False, use.why)


def _likely_length(
    name: str,
    inputs: Sequence[Output],
    shapes: Mapping[str, Optional[Tuple[Axis, ...]]],
    batch: Optional[str],
) -> Axis:
    """The axis behind the batch of the first other input: what lengths of items count, if nothing says it."""
    for each in inputs:
        axes = shapes[each.name]
        if each.name != name and axes is not None and len(axes) > 1 and axes[0] == batch:
            return axes[1]
    return None
