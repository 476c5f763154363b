"""Whether all values of the outputs are finite, and what is said where they are not."""

from typing import Any, Collection, Dict, Mapping, Sequence

from .failure import RunFailed

#: Values that are looked at together: a mask of all of them would be memory that the model does not need.
PIECE = 1 << 20


def not_finite(names: Sequence[str], outputs: Sequence[Any]) -> Dict[str, int]:
    """How many values are not finite of each of the `outputs`, called `names`, that has some; needs numpy."""
    import numpy as np

    counts = {}
    for name, output in zip(names, outputs):
        if not isinstance(output, np.ndarray) or output.dtype.kind not in "fc":
            continue
        flat = output.reshape(-1)
        pieces = (flat[at : at + PIECE] for at in range(0, flat.size, PIECE))
        count = sum(int(piece.size - np.isfinite(piece).sum()) for piece in pieces)
        if count:
            counts[name] = count
    return counts


def refuse(counts: Mapping[str, int], sound: Collection[str] = ()) -> None:
    """Raises RunFailed with `wrong_output` for the first output of `counts` that is not among the `sound`.

    `counts`: values that are not finite, by output; `sound`: outputs of which the reference has them alike.
    """
    for name, count in counts.items():
        if name not in sound:
            raise RunFailed(
                "wrong_output",
                "output %s has %d values that are not finite, and no reference that has them, too; "
                "the option check_outputs: false runs it all the same" % (name, count),
            )


def kind_of(value: Any) -> str:
    """What an output, a `value`, is that has no numbers to compare, in words."""
    if value is None:
        return "absent"
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, (list, tuple)):
        return "a sequence" + (" of maps" if value and isinstance(value[0], dict) else "")
    return "text" if getattr(value, "dtype", None) is not None else "a " + type(value).__name__
