"""What a picture of a ranking shows: each row as a point in two objectives, with its intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from paretofleet_analysis.errors import RankError
from paretofleet_analysis.objectives import OBJECTIVES, Objective, parse_margin
from paretofleet_analysis.present.row_names import common_names, naming_columns, short_name
from paretofleet_analysis.ranking.result import RankedRow, Ranking
from paretofleet_analysis.ranking.verdicts import BEATEN

ACCURACY = "top1"
#: From this ratio of the largest to the smallest on, an axis is logarithmic.
LOG_FROM = 5.0
#: Of more rows a picture shows a choice: points on points tell nothing.
POINTS_MAX = 300


@dataclass(frozen=True)
class Point:
    """A row by its `number` and `name`, in shown units: `x` and `y` are each (mean, lo, hi).

    Without an interval the ends are the mean. `p_front` is None with too few runs.
    """

    number: int
    name: str
    is_simulated: bool
    x: tuple[float, float, float]
    y: tuple[float, float, float]
    verdict: str
    p_front: float | None
    is_on_frontier_of_means: bool


@dataclass(frozen=True)
class Picture:
    """The `points` of a ranking in the objectives `x` and `y`; `is_whole`: it has no others.

    `margins`: of x and y, each the value and whether it is a share.
    """

    points: tuple[Point, ...]
    x: Objective
    y: Objective
    is_whole: bool
    margins: tuple[tuple[float, bool], tuple[float, bool]]

    def frontier(self) -> list[Point]:
        """The frontier of the means from left to right, where these two objectives are all."""
        if not self.is_whole:
            return []
        return sorted((each for each in self.points if each.is_on_frontier_of_means), key=lambda p: p.x[0])


def picture_of(ranking: Ranking) -> Picture:
    """The picture of a `ranking`: accuracy over the first other objective, else its first two.

    Raises RankError for fewer than two objectives.
    """
    return pictures_of(ranking)[0]


def pictures_of(ranking: Ranking, *, numbers: Sequence[int] | None = None) -> tuple[Picture, ...]:
    """A picture of a `ranking` for every two of its objectives; accuracy, where it is one, is up.

    `numbers`: of the rows that are shown, all by default. Raises RankError for fewer than two objectives.
    """
    names = [used.name for used in ranking.objectives]
    if len(names) < 2:
        raise RankError("a picture needs two objectives: rank by two or more")
    names.sort(key=lambda name: name != ACCURACY)
    rows = ranking.rows if numbers is None else [ranking.rows[number - 1] for number in numbers]
    pairs = ((b, a) if a == ACCURACY else (a, b) for a, b in combinations(names, 2))
    return tuple(_picture(ranking, rows, x, y) for x, y in pairs)


def drawn_numbers(ranking: Ranking, most: int = POINTS_MAX) -> list[int]:
    """The numbers of at most `most` rows of a `ranking` that a picture shows: those that lead come first, and
    of the rest every so many.
    """
    numbers = [row.number for row in ranking.rows]
    if len(numbers) <= most:
        return numbers
    ahead = [row.number for row in ranking.rows if is_leading(row)][:most]
    rest = sorted({*numbers}.difference(ahead))
    places = np.linspace(0, max(len(rest) - 1, 0), most - len(ahead)).astype(int)
    return sorted({*ahead, *(rest[at] for at in places if rest)})


def is_leading(row: RankedRow) -> bool:
    """Whether a `row` is ahead: not beaten, or without probabilities on the frontier of means."""
    return row.is_on_frontier_of_means if _p_front(row) is None else row.verdict != BEATEN


def _picture(ranking: Ranking, rows: Sequence[RankedRow], x: str, y: str) -> Picture:
    margins = {
        used.name: parse_margin(used.margin.replace(" %", "%").split()[0]) for used in ranking.objectives
    }
    common = common_names(ranking.rows)
    differing = [name for name in naming_columns(ranking.rows)[1:] if name not in common]
    return Picture(
        points=tuple(_point(row, x, y, differing) for row in rows),
        x=OBJECTIVES[x],
        y=OBJECTIVES[y],
        is_whole=len(ranking.objectives) == 2,
        margins=((margins[x].value, margins[x].relative), (margins[y].value, margins[y].relative)),
    )


def _point(row: RankedRow, x: str, y: str, differing: Sequence[str]) -> Point:
    p_front = _p_front(row)
    name = short_name(row, differing)
    is_on = row.is_on_frontier_of_means
    is_simulated = bool(row.identity["simulated"])
    return Point(row.number, name, is_simulated, _ends(row, x), _ends(row, y), row.verdict, p_front, is_on)


def _p_front(row: RankedRow) -> float | None:
    return row.p_front if row.p_front is not None else row.p_front_next_run


def _ends(row: RankedRow, name: str) -> tuple[float, float, float]:
    estimate, scale = row.compared(name), OBJECTIVES[name].scale
    mean = estimate.mean or 0.0
    lo = mean if estimate.lo is None else estimate.lo
    hi = mean if estimate.hi is None else estimate.hi
    return mean * scale, lo * scale, hi * scale


def title(objective: Objective) -> str:
    """What an axis of the `objective` says, as in "p90 latency (ms)"."""
    return f"{objective.phrase} ({objective.shown_unit})" if objective.shown_unit else objective.phrase


def bounds(center: float, margin: tuple[float, bool]) -> tuple[float, float]:
    """What is within the `margin` of a `center`: a share of it, or an amount."""
    value, is_share = margin
    return (center / (1 + value), center * (1 + value)) if is_share else (center - value, center + value)
