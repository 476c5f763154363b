"""What a study says of a report: a verdict, a sentence, the figures behind it, and what a chart shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["holds", "fails", "cannot tell", "told", "left out"]
Cell = str | int | float | None


@dataclass(frozen=True)
class Chart:
    """Plain data of a figure: a mark for each of its `points`.

    `kind` is "point", "line" (points of one colour are joined in order) or "bar". `x`, `y` and `colour` are
    keys of the points, `colour` and `size` None where all look alike. A point has `lo` and `hi` where its y
    has an interval, `x_lo` and `x_hi` where its x has one; None there is none. `lines`, with the same keys,
    are fits drawn beside the points, joined as in "line". Titles hold the unit.
    """

    kind: Literal["point", "line", "bar"]
    x: str
    y: str
    colour: str | None
    points: tuple[Mapping[str, Any], ...]
    x_title: str
    y_title: str
    size: str | None = None
    lines: tuple[Mapping[str, Any], ...] = ()
    is_x_log: bool = False
    is_y_log: bool = False


@dataclass(frozen=True)
class Answer:
    """One answer of a `study`, such as "canziani", with `title` as its heading.

    `verdict` of a claim: "holds", "fails", or "cannot tell" where the interval leaves it open; "told" where
    figures are shown and nothing is claimed; "left out" where something is missing, which the `sentence`
    names. `rows` have a cell for each of the `columns`, whose names hold the unit; None is absent.
    """

    study: str
    title: str
    verdict: Verdict
    sentence: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    chart: Chart | None = None


def left_out(study: str, title: str, reason: str) -> Answer:
    """The place of an answer of the `study` under `title` that cannot be given, with the `reason` why."""
    return Answer(study, title, "left out", f"Left out: {reason}.")
