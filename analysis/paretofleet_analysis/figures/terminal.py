"""The frontier of a ranking drawn with letters, for a terminal; needs the extra `plot`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from paretofleet_analysis.errors import RankError
from paretofleet_analysis.figures.points import LOG_FROM, picture_of, title
from paretofleet_analysis.ranking.result import Ranking
from paretofleet_analysis.ranking.verdicts import BEATEN, FRONT, UNDECIDED

#: A mark and a colour for each verdict; the marks alone tell them apart.
_MARKS = {BEATEN: ("x", "gray"), UNDECIDED: ("?", "orange"), FRONT: ("o", "blue")}


def render_plot(ranking: Ranking, *, columns: int, lines: int = 22, with_colour: bool = True) -> str:
    """The picture of a `ranking` as text of so many `columns` and `lines`.

    Rows of the front and undecided ones carry their numbers. `with_colour`: with codes of a terminal.
    Raises RankError without the extra `plot`, and with fewer than two objectives.
    """
    picture = picture_of(ranking)
    try:
        import plotext
    except ImportError:
        raise RankError(
            "a plot in the terminal needs plotext: install it with `pip install 'paretofleet-analysis[plot]'`"
        ) from None
    xs, ys = ([point.x[0] for point in picture.points], [point.y[0] for point in picture.points])
    across, up = _axis(xs), _axis(ys)
    plotext.clear_figure()
    plotext.plotsize(columns, lines)
    plotext.theme("clear")
    for verdict, (mark, colour) in _MARKS.items():
        chosen = [k for k, point in enumerate(picture.points) if point.verdict == verdict]
        if not chosen:
            continue
        places = [(across.place(xs[k]), up.place(ys[k])) for k in chosen]
        plotext.scatter(*zip(*places, strict=True), marker=mark, color=colour, label=verdict)
        for k, (x, y) in zip(chosen, places, strict=True) if verdict != BEATEN else ():
            plotext.text(f"{mark} {picture.points[k].number}", x=x, y=y, color=colour)
    plotext.xlim(*across.ends)
    plotext.ylim(*up.ends)
    plotext.xticks(across.ticks, list(map(across.label, across.ticks)))
    plotext.yticks(up.ticks, list(map(up.label, up.ticks)))
    plotext.xlabel(title(picture.x))
    plotext.ylabel(title(picture.y))
    drawn = str(plotext.build())
    return f"{drawn if with_colour else plotext.uncolorize(drawn)}\n"


@dataclass(frozen=True)
class PlotAxis:
    """An axis, logarithmic or not, from one of its `ends` to the other, with its `ticks`: all as places."""

    is_log: bool
    ends: tuple[float, float]
    ticks: list[float]

    def place(self, value: float) -> float:
        """Where a `value` stands."""
        return math.log10(value) if self.is_log else value

    def label(self, place: float) -> str:
        """The value at a `place`, to three digits."""
        return f"{10**place if self.is_log else place:.3g}"


def _axis(values: Sequence[float]) -> PlotAxis:
    """An axis with room around the `values`, so that no number is hidden by the frame or the legend."""
    least, most = min(values), max(values)
    is_log = least > 0 and most / least >= LOG_FROM
    if is_log:
        least, most = math.log10(least), math.log10(most)
    room = (most - least) or abs(most) or 1.0
    ticks = [least + room * k / 4 for k in range(5)]
    return PlotAxis(is_log, (least - 0.08 * room, most + 0.2 * room), ticks)
