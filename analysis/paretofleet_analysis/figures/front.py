"""The frontier of a ranking as a Vega-Lite picture, for a page or a paper; needs the extra `figures`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from paretofleet_analysis.errors import RankError
from paretofleet_analysis.figures.points import LOG_FROM, Picture, bounds, picture_of, title
from paretofleet_analysis.ranking.result import Ranking
from paretofleet_analysis.ranking.verdicts import BEATEN, FRONT, UNDECIDED

SUFFIXES = (".svg", ".pdf", ".png")
#: Okabe and Ito's colours: told apart by who sees no red or green; the shapes say the same in print.
_COLOURS = {FRONT: "#0072B2", UNDECIDED: "#D55E00", BEATEN: "#9E9E9E"}
_SHAPES = {FRONT: "circle", UNDECIDED: "triangle-up", BEATEN: "cross"}
_WIDTH, _HEIGHT = 460, 300


def write_figure(ranking: Ranking, path: Path) -> None:
    """Writes the picture of a `ranking` to `path`, by its ending one of SUFFIXES.

    Raises RankError for another ending, without the extra `figures`, and with fewer than two objectives.
    """
    if path.suffix not in SUFFIXES:
        raise RankError(f"{path} has no ending of a picture: write {', '.join(SUFFIXES)}")
    try:
        import vl_convert  # noqa: F401 - altair saves through it

        chart = _chart(picture_of(ranking))
    except ImportError:
        raise RankError(
            "pictures need Altair: install it with `pip install 'paretofleet-analysis[figures]'`"
        ) from None
    chart.save(str(path), scale_factor=2 if path.suffix == ".png" else 1)


def specification(ranking: Ranking) -> dict[str, Any]:
    """The picture of a `ranking` as a Vega-Lite specification, for pages that draw it themselves."""
    found: dict[str, Any] = _chart(picture_of(ranking)).to_dict()
    return found


def _chart(picture: Picture) -> Any:
    """The margins below, then the frontier, the intervals, the points and their names."""
    alt: Any = import_module("altair")  # not installed everywhere, and typed in part
    rows = [_row(picture, k) for k in range(len(picture.points))]
    values = alt.Data(values=rows)
    x = alt.X("x:Q", title=title(picture.x), scale=_scale(alt, [row["x_lo"] for row in rows], rows, "x_hi"))
    y = alt.Y("y:Q", title=title(picture.y), scale=_scale(alt, [row["y_lo"] for row in rows], rows, "y_hi"))
    order = [FRONT, UNDECIDED, BEATEN]
    colour = alt.Color(
        "verdict:N",
        scale=alt.Scale(domain=order, range=[_COLOURS[name] for name in order]),
        legend=alt.Legend(title="verdict", symbolSize=90, symbolOpacity=1),
    )
    shape = alt.Shape("verdict:N", scale=alt.Scale(domain=order, range=[_SHAPES[name] for name in order]))
    base = alt.Chart(values).encode(x=x, y=y, color=colour)
    front = base.transform_filter(alt.datum.verdict == FRONT)
    named = base.transform_filter(alt.datum.verdict != BEATEN)
    layers = [
        front.mark_rect(opacity=0.18).encode(
            x="margin_x_lo:Q", x2="margin_x_hi", y="margin_y_lo:Q", y2="margin_y_hi"
        ),
        *_frontier(alt, picture),
        base.mark_rule(strokeWidth=2).encode(x="x_lo:Q", x2="x_hi"),
        base.mark_rule(strokeWidth=2).encode(y="y_lo:Q", y2="y_hi"),
        base.mark_point(size=70, filled=True, opacity=1).encode(shape=shape),
        named.mark_text(align="left", dx=7, dy=11, fontSize=10).encode(text="name:N"),
    ]
    whole = alt.layer(*layers).properties(width=_WIDTH, height=_HEIGHT, title=_explanation(alt, picture))
    return whole.configure_axis(gridOpacity=0.35)


def _row(picture: Picture, at: int) -> dict[str, Any]:
    """A point as data of the picture."""
    point = picture.points[at]
    (x, x_lo, x_hi), (y, y_lo, y_hi) = point.x, point.y
    (mx_lo, mx_hi), (my_lo, my_hi) = (
        bounds(center, margin) for center, margin in zip((x, y), picture.margins, strict=True)
    )
    return {
        "number": point.number,
        "name": point.name,
        "verdict": point.verdict,
        "p_front": point.p_front,
        "x": x,
        "x_lo": x_lo,
        "x_hi": x_hi,
        "y": y,
        "y_lo": y_lo,
        "y_hi": y_hi,
        "margin_x_lo": mx_lo,
        "margin_x_hi": mx_hi,
        "margin_y_lo": my_lo,
        "margin_y_hi": my_hi,
    }


def _frontier(alt: Any, picture: Picture) -> list[Any]:
    """The line that the means on the frontier attain; none where the picture lacks an objective."""
    points = [{"x": point.x[0], "y": point.y[0]} for point in picture.frontier()]
    if len(points) < 2:
        return []
    how = "step-before" if picture.x.maximize else "step-after"
    line = alt.Chart(alt.Data(values=points)).mark_line(interpolate=how, color="#56B4E9", strokeDash=[4, 3])
    return [line.encode(x="x:Q", y="y:Q")]


def _scale(alt: Any, low: list[float], rows: list[dict[str, Any]], high: str) -> Any:
    least, most = min(low), max(row[high] for row in rows)
    is_log = least > 0 and most / least >= LOG_FROM
    return alt.Scale(type="log" if is_log else "linear", zero=False, nice=False, padding=24)


def _explanation(alt: Any, picture: Picture) -> Any:
    """What lines and boxes mean."""
    lines = ["Bars: 95 % intervals of the means. Dashes: the frontier of the means. Boxes: the margins."]
    if not picture.is_whole:
        lines.append("Verdicts are by more objectives than these two.")
    return alt.TitleParams(lines, anchor="start", fontSize=10, fontWeight="normal", color="#555555")
