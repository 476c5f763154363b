"""The band behind a frontier of means in which a row is worse by no more than the margins."""

from __future__ import annotations

from collections.abc import Sequence

from paretofleet_analysis.figures.points import Picture, bounds


def margin_band(picture: Picture) -> list[tuple[float, float, float]]:
    """The band of a `picture` as steps from left to right, (x, best y, worst y); empty without a frontier.

    Best is the frontier, worst the same frontier made worse by both margins. Towards worse x the values of a
    step hold until the next.
    """
    front = [(point.x[0], point.y[0]) for point in picture.frontier()]
    worse = [(_worse(picture, 0, x), _worse(picture, 1, y)) for x, y in front]
    if picture.x.maximize:
        front, worse = front[::-1], worse[::-1]
    steps = sorted({x for x, _ in (*front, *worse)}, reverse=picture.x.maximize)
    return sorted((x, _reached(picture, front, x), _reached(picture, worse, x)) for x in steps)


def _worse(picture: Picture, axis: int, value: float) -> float:
    """What is worse than a `value` of x (`axis` 0) or y by the margin."""
    objective = (picture.x, picture.y)[axis]
    low, high = bounds(value, picture.margins[axis])
    return low if objective.maximize else high


def _reached(picture: Picture, line: Sequence[tuple[float, float]], x: float) -> float:
    """The best y of a `line`, which begins with its best x, at an `x`; before that the y of its first."""
    ys = [y for at, y in line if (at >= x if picture.x.maximize else at <= x)] or [line[0][1]]
    return max(ys) if picture.y.maximize else min(ys)
