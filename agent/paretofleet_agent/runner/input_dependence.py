"""Whether a model's outputs depend on its input: one that computes nothing would win every ranking.

The outputs for a first draw of inputs are held against those for others. Equal ones of one other draw say
little of a class or of a threshold, so that several laws of values must all give the same.
"""

import hashlib
from typing import Any, Callable, List, NamedTuple, Optional, Sequence

NO_WORK = "no_work"
#: Values of a float array that are looked at together.
PIECE = 1 << 16

#: Real numbers are standard normal times `scale` plus `shift`.
Law = NamedTuple("Law", [("scale", float), ("shift", float)])
#: The first is that of every run's inputs; the rest are drawn only where it gave the same outputs.
LAWS = (
    Law(1.0, 0.0),
    Law(4.0, 0.0),
    Law(0.25, 0.0),
    Law(1.0, 3.0),
    Law(1.0, -3.0),
    Law(16.0, 0.0),
    Law(0.0, 1.0),
    Law(0.0, 0.0),
)


def depends_on_input(first: Optional[str], digest_of: Callable[[Law], Optional[str]]) -> Optional[bool]:
    """Whether the outputs with the digest `first` change with the input; None where that cannot be told.

    `digest_of(law)` gives the digest of the outputs for inputs drawn anew. Outputs without any value, and a
    model that cannot compute other inputs, tell nothing.
    """
    if first is None:
        return None
    for law in LAWS:
        try:
            other = digest_of(law)
        except Exception:  # noqa: BLE001  the run itself goes on, and will say what is wrong
            return None
        if other != first:
            return True
    return False


def flags(depends: Optional[bool]) -> List[str]:
    """The flag of a run whose outputs do not depend on its input: `depends` is False."""
    return [NO_WORK] if depends is False else []


def digest(outputs: Sequence[Any]) -> Optional[str]:
    """A text that is equal for equal `outputs` (arrays, texts, numbers, or lists and dicts of them).

    None where they hold no value at all. 0.0 and -0.0 are equal.
    """
    digested = hashlib.sha256()
    return digested.hexdigest() if _add(digested, outputs) else None


def _add(digested: Any, value: Any) -> int:
    """Adds a value to the digest; returns how many values it holds."""
    if isinstance(value, (list, tuple)):
        digested.update(b"list %d" % len(value))
        return sum(_add(digested, each) for each in value)
    if isinstance(value, dict):
        return _add(digested, sorted(value.items(), key=lambda item: str(item[0])))
    dtype = getattr(value, "dtype", None)
    if dtype is None:
        digested.update(repr(value + 0.0 if isinstance(value, float) else value).encode("utf-8", "replace"))
        return 1
    if dtype.kind == "O":  # texts
        return _add(digested, value.tolist())
    digested.update(("%s %s" % (dtype, value.shape)).encode())
    flat = value.ravel(order="K")  # as it lies in memory, without a copy
    for at in range(0, flat.size, PIECE):
        piece = flat[at : at + PIECE]
        digested.update((piece + 0 if dtype.kind in "fc" else piece).tobytes())
    return int(flat.size)
