"""Which labels beside points are drawn: texts on one another cannot be read."""

from __future__ import annotations

import math
from collections.abc import Sequence

#: Of a label: the height of a line and the width of a character, in pixels.
_HEIGHT, _WIDTH = 11.0, 6.0


def place(value: float, ends: tuple[float, float], length: float, *, is_log: bool) -> float:
    """Where a `value` stands on an axis of so many pixels (`length`) between its `ends`.

    >>> place(10.0, (1.0, 100.0), 300.0, is_log=True), place(1.0, (1.0, 1.0), 300.0, is_log=False)
    (150.0, 0.0)
    """
    low, high, at = (math.log(each) if is_log else each for each in (*ends, value))
    return length * (at - low) / (high - low) if high > low else 0.0


def readable(places: Sequence[tuple[float, float]], texts: Sequence[str]) -> list[int]:
    """The indices of `texts` that lie on none before them; `places` are their corners in pixels.

    >>> readable([(0, 0), (10, 3), (10, 40)], ["mobilenet", "vgg", "alexnet"])
    [0, 2]
    """
    drawn: list[int] = []
    for at, (x, y) in enumerate(places):
        width = _WIDTH * len(texts[at])
        if all(
            abs(y - places[other][1]) >= _HEIGHT
            or x >= places[other][0] + _WIDTH * len(texts[other])
            or x + width <= places[other][0]
            for other in drawn
        ):
            drawn.append(at)
    return drawn
