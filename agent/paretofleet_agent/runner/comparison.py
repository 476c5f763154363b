"""Whether an output agrees with the reference's: by its norm, whole and item by item, and by its rounding.

An error is allowed up to the precision's tolerance of the output's norm, or up to what rounding alone does
to this output for these inputs, where that is more. Needs numpy, which is handed in.
"""

from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

#: An honest result may be off by so many times what one rounding a result does: rounding errors of a sum of
#: n terms grow with the root of n (Higham and Mary, 2019), and sums of a thousand terms are common.
ROUNDINGS = 32.0
#: Where rounding alone may move an output by more than this share of its norm, nothing can be told.
SHARE_MAX = 0.1
#: Of integers, such as classes, more than this share differs in a wrong output, and none by rounding.
INTEGERS_WRONG = 0.5
AGREES, UNDECIDED, WRONG = "agrees", "undecided", "wrong"
NUMBERS = "fciub"

#: Norms, of the whole and then of each item: of the difference, of the reference, of what rounding does to
#: it (None: unknown). `places`: values that are finite in one of both only; `share`: of unequal ones of all
#: `values`.
Difference = NamedTuple(
    "Difference",
    [("error", Any), ("norm", Any), ("noise", Any), ("places", int), ("share", float), ("values", int)],
)
#: `tolerance` and `unit` of the precision: relative to the norm, and of one rounding.
Rule = NamedTuple("Rule", [("tolerance", float), ("unit", float)])


def difference(
    np: Any, actual: Any, expected: Any, rounded: Optional[Sequence[Any]], axis: Optional[int]
) -> Difference:
    """How `actual` differs from `expected`, arrays of one shape, whose items lie along the `axis`.

    `np`: the module numpy; `rounded`: the expected one with other roundings, several times; None where that
    is unknown.
    """
    equal_places = _places(np, expected)
    differs = _places(np, actual) != equal_places
    for each in rounded or ():
        differs &= _places(np, each) == equal_places
    is_finite = np.isfinite(actual) & np.isfinite(expected)
    noise = None
    for each in rounded or ():
        moved = _norms(np, each, expected, is_finite & np.isfinite(each), axis)
        noise = moved if noise is None else np.maximum(noise, moved)
    unequal = is_finite & (actual != expected)
    return Difference(
        _norms(np, actual, expected, is_finite, axis),
        _norms(np, expected, 0, is_finite, axis),
        noise,
        int(differs.sum()),
        float(unequal.sum()) / max(1, unequal.size),
        int(unequal.size),
    )


def judge(np: Any, of: Difference, rule: Rule, is_integer: bool) -> Tuple[str, Dict[str, float]]:
    """The verdict on a difference `of` outputs by the `rule`: (verdict, what is recorded of it).

    Recorded are the largest relative error and what it may be there; `is_integer`: both are whole numbers;
    `np`: the module numpy.
    """
    floor = rule.unit * of.norm[0]
    strict = np.maximum(rule.tolerance * of.norm, floor)
    allowed = strict if of.noise is None else np.maximum(strict, ROUNDINGS * of.noise)
    size = np.where(of.norm > 0, of.norm, of.norm[0] or 1.0)
    excess = of.error / np.maximum(allowed, 1e-300)
    worst = int(np.argmax(excess))
    about = {
        "relative_error": float(of.error[worst] / size[worst]),
        "tolerance": float(allowed[worst] / size[worst]),
    }
    if of.places:
        return WRONG, dict(about, places=of.places, values=of.values)
    if (of.error <= strict).all():
        return AGREES, about
    if is_integer:
        is_wrong = of.share > INTEGERS_WRONG and of.noise is not None and not of.noise[0]
        return (WRONG if is_wrong else UNDECIDED), about
    most = max(SHARE_MAX, rule.tolerance)
    if excess[worst] > 1:  # without a noise nobody knows what is allowed
        is_wrong = of.norm[0] > 0 and (of.noise is not None or about["relative_error"] > most)
        return (WRONG if is_wrong else UNDECIDED), about
    return (AGREES if (allowed <= most * size).all() else UNDECIDED), about


def _norms(np: Any, first: Any, second: Any, where: Any, axis: Optional[int]) -> Any:
    """The Euclidean norm of the difference, of the whole and then of each item along the axis."""
    wide = np.complex128 if np.iscomplexobj(first) else np.float64
    with np.errstate(invalid="ignore"):
        squares = np.where(where, np.abs(first.astype(wide) - second), 0.0) ** 2
    if axis is None or squares.ndim <= axis:
        return np.sqrt(np.array([squares.sum()]))
    others = tuple(at for at in range(squares.ndim) if at != axis)
    items = squares.sum(axis=others)
    return np.sqrt(np.concatenate([[items.sum()], items]))


def _places(np: Any, values: Any) -> Any:
    """0 for what is finite, 1 for what is not a number, 2 and 3 for the infinities."""
    if values.dtype.kind not in "fc":
        return np.zeros(values.shape, np.uint8)
    return np.isnan(values) + np.isposinf(values.real) * np.uint8(2) + np.isneginf(values.real) * np.uint8(3)
