"""How a cost grows with a size: measured points, the power law through them, and where it meets a limit.

All is plain arithmetic on what was measured; a size beyond the largest measured is marked wherever it is
printed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

BEYOND = "beyond what was measured"
#: No law is followed further than so many times the largest measured size.
FURTHEST = 1_000.0
#: The prefixes by unit, each with its factor, the largest first.
_SCALES = {
    "s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")),
    "B": ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")),
}


@dataclass(frozen=True)
class Limit:
    """A cost that must not be exceeded, in the unit of the cost, and what that is in words."""

    cost: float
    words: str


@dataclass(frozen=True)
class Growth:
    """The whole cost (`unit`: "s" or "B") of so many `things` (a plural), at each measured size.

    `resolution` is what the instrument tells from nothing: a smaller cost is shown as below it, and is in
    no fit.
    """

    name: str
    things: str
    unit: str
    points: tuple[tuple[float, float], ...]
    limit: Limit
    resolution: float = 0.0

    def resolved(self) -> list[tuple[float, float]]:
        """The points whose cost the instrument can tell from nothing."""
        return [(size, cost) for size, cost in self.points if cost > self.resolution]


@dataclass(frozen=True)
class Fit:
    """cost = `factor` * size ** `exponent`; `error` is the exponent's standard error, None for two points."""

    exponent: float
    error: float | None
    factor: float

    def size_at(self, cost: float) -> float:
        """The size at which the law reaches a `cost`; infinite where it does not grow."""
        if self.exponent <= 0.0:
            return math.inf
        log = math.log(cost / self.factor) / self.exponent
        return math.exp(log) if log < 700.0 else math.inf


def fit(points: list[tuple[float, float]]) -> Fit:
    """The power law through `points` (size, cost), all positive: least squares of log cost on log size.

    ValueError for less than two sizes.
    """
    if len({size for size, _ in points}) < 2:
        raise ValueError("A power law needs two sizes.")
    xs = [math.log(size) for size, _ in points]
    ys = [math.log(cost) for _, cost in points]
    n, x_mean, y_mean = len(points), sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - x_mean) ** 2 for x in xs)
    exponent = sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True)) / spread
    rest = sum((y - y_mean - exponent * (x - x_mean)) ** 2 for x, y in zip(xs, ys, strict=True))
    error = math.sqrt(rest / (n - 2) / spread) if n > 2 else None
    return Fit(exponent, error, math.exp(y_mean - exponent * x_mean))


def measured_rows(growth: Growth) -> list[str]:
    """A row of a Markdown table for each measured size: what, size, the whole cost, and that of one."""
    return [
        f"| {growth.name} | {size:,.0f} {_noun(growth, size)} | {_cost(growth, cost, 1.0)} "
        f"| {_cost(growth, cost, size)} |"
        for size, cost in growth.points
    ]


def fitted_row(growth: Growth) -> str:
    """The row of the fit: what, exponent and its standard error, the limit, and where that is reached.

    Once by the law, and once if each more costs what each cost at the largest size.
    """
    points = growth.resolved()
    if len({size for size, _ in points}) < 2:
        return f"| {growth.name} | | {growth.limit.words} | too few sizes were resolved | |"
    law, (largest, cost) = fit(points), max(points)
    error = "" if law.error is None else f" ± {law.error:.2f}"
    size, measured = law.size_at(growth.limit.cost), max(size for size, _ in growth.points)
    by_law = f"more than {_reached(growth, measured * FURTHEST)}"
    if size <= measured * FURTHEST:
        by_law = _reached(growth, size)
    by_last = _reached(growth, largest * growth.limit.cost / cost)
    return f"| {growth.name} | {law.exponent:.2f}{error} | {growth.limit.words} | {by_law} | {by_last} |"


def in_words(value: float, unit: str) -> str:
    """A `value` of a `unit` ("s" or "B") to three digits, with the prefix that fits it."""
    scales = _SCALES[unit]
    factor, name = next((each for each in scales if abs(value) >= each[0]), scales[-1])
    return f"{rounded(value / factor, 3)} {name}"


def rounded(value: float, digits: int) -> str:
    """A positive `value` to so many digits, without an exponent."""
    places = digits - 1 - math.floor(math.log10(abs(value))) if value else 0
    return f"{round(value, places):,.{max(places, 0)}f}"


def _noun(growth: Growth, size: float) -> str:
    return growth.things.removesuffix("s") if size == 1 else growth.things


def _cost(growth: Growth, cost: float, size: float) -> str:
    if cost <= growth.resolution:
        return f"below {in_words(growth.resolution / size, growth.unit)}"
    return in_words(cost / size, growth.unit)


def _reached(growth: Growth, size: float) -> str:
    is_beyond = size > max(measured for measured, _ in growth.points)
    return f"{rounded(size, 2)} {growth.things}" + (f", {BEYOND}" if is_beyond else "")
