"""The frontier of a ranking as a Vega-Lite picture, for a page or a paper; needs the extra `figures`.

Every two objectives have a panel, and the panels are linked: a row that is pointed at in one is shown in all.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from paretofleet_analysis.errors import RankError
from paretofleet_analysis.figures.grammar import (
    BLUE,
    GREY,
    MISSING,
    SKY,
    SUFFIXES,
    VERMILION,
    altair,
    heading,
    log_ticks,
    save,
    simulated_mark,
)
from paretofleet_analysis.figures.labels import place, readable
from paretofleet_analysis.figures.margin_band import margin_band
from paretofleet_analysis.figures.points import (
    LOG_FROM,
    Picture,
    Point,
    bounds,
    drawn_numbers,
    is_leading,
    pictures_of,
    title,
)
from paretofleet_analysis.objectives import OBJECTIVES, Objective
from paretofleet_analysis.present.rounded import parts
from paretofleet_analysis.ranking.result import RankedRow, Ranking
from paretofleet_analysis.ranking.sentences import format_probability
from paretofleet_analysis.ranking.verdicts import BEATEN, FRONT, UNDECIDED

#: Okabe and Ito's colours: told apart by who sees no red or green; the shapes say the same in print.
_COLOURS = {FRONT: BLUE, UNDECIDED: VERMILION, BEATEN: GREY}
_SHAPES = {FRONT: "circle", UNDECIDED: "triangle-up", BEATEN: "cross"}
#: Width and height of a panel: of the only one, and of several.
_ALONE, _ONE_OF_SEVERAL = (460, 300), (320, 260)
#: Between the outermost points and the edges of a panel, in pixels.
_PADDING = 24
#: What a tooltip says of a probability that is not known.
_UNKNOWN = "unknown"
#: What a page tells the picture, and what the picture tells a page: the number of a row, 0 for none.
PICKED, HOVERED = "picked", "hovered"
#: Up to so many rows that lead are named; more are numbered as in the table.
_NAMED_MAX = 8


def write_figure(ranking: Ranking, path: Path, *, runs: Sequence[np.ndarray] = ()) -> None:
    """Writes the picture of a `ranking` to `path`, by its ending one of `grammar.SUFFIXES`.

    `runs`: of each row its (m, d) runs, shown as faint points. Raises RankError for another ending, without
    the extra `figures`, and with fewer than two objectives.
    """
    if path.suffix not in SUFFIXES:
        raise RankError(f"{path} has no ending of a picture: write {', '.join(SUFFIXES)}")
    try:
        save(specification(ranking, runs=runs), path)
    except ImportError:
        raise RankError(MISSING) from None


def specification(ranking: Ranking, *, runs: Sequence[np.ndarray] = ()) -> dict[str, Any]:
    """The picture of a `ranking`, with its `runs` as of `write_figure`, as a Vega-Lite specification, for
    pages that draw it themselves.
    """
    alt = altair()
    numbers = drawn_numbers(ranking)
    pictures = pictures_of(ranking, numbers=numbers)
    rows = [_data(ranking.rows[number - 1], pictures, at) for at, number in enumerate(numbers)]
    hovered = alt.selection_point(
        name=HOVERED, fields=["number"], on="pointerover", clear="pointerout", empty=False
    )
    picked = alt.param(name=PICKED, value=0)
    panels = [_panel(alt, picture, rows, hovered, has_one=len(pictures) == 1) for picture in pictures]
    mark = simulated_mark([row["simulated"] for row in rows])
    head = heading(alt, mark, [*_explanation(pictures, rows), *_thinned(ranking, numbers)])
    data = {"rows": rows, "runs": _run_points(ranking, runs, numbers)}
    whole = panels[0] if len(panels) == 1 else alt.concat(*panels, columns=3, spacing=28)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Automatically deduplicated", UserWarning)  # one for all panels
        made: dict[str, Any] = (
            whole.add_params(hovered, picked)
            .properties(datasets=data, title=head, description=describe(ranking))
            .configure_axis(gridOpacity=0.35, labelOverlap="greedy", labelSeparation=4)
            .configure_legend(orient="top", direction="horizontal", symbolOpacity=1)
            .to_dict()
        )
    return made


def describe(ranking: Ranking) -> str:
    """What the picture of a `ranking` shows, for who cannot see it."""
    counts = [
        f"{sum(row.verdict == verdict for row in ranking.rows)} {name}"
        for verdict, name in ((FRONT, "on the front"), (UNDECIDED, "undecided"), (BEATEN, "beaten"))
    ]
    shown = [
        f"row {row.number}, {row.identity['model']} on {row.identity['device']} ({_values(row, ranking)})"
        for row in ranking.rows
        if row.verdict != BEATEN
    ]
    more = f"; and {len(shown) - 10} more" if len(shown) > 10 else ""
    named = f" Not beaten: {'; '.join(shown[:10])}{more}." if shown else ""
    objectives = ", ".join(title(OBJECTIVES[used.name]) for used in ranking.objectives)
    return f"The {len(ranking.rows)} rows by {objectives}: {', '.join(counts)}.{named}"


def _values(row: RankedRow, ranking: Ranking) -> str:
    texts = ((OBJECTIVES[used.name], _text(row, used.name)) for used in ranking.objectives)
    return ", ".join(f"{objective.short} {text}" for objective, text in texts)


def _panel(alt: Any, picture: Picture, rows: list[dict[str, Any]], hovered: Any, *, has_one: bool) -> Any:
    """The margins below, then the runs, the frontier, the intervals, the points and their names."""
    x_name, y_name = picture.x.name, picture.y.name
    x = alt.X(f"{x_name}:Q", title=title(picture.x), **_scaled(alt, rows, picture.x))
    y = alt.Y(f"{y_name}:Q", title=title(picture.y), **_scaled(alt, rows, picture.y))
    order, there = [FRONT, UNDECIDED, BEATEN], {row["verdict"] for row in rows}
    colour = alt.Color(
        "verdict:N",
        scale=alt.Scale(domain=order, range=[_COLOURS[name] for name in order]),
        legend=alt.Legend(title=None, symbolSize=90, values=[name for name in order if name in there]),
    )
    shape = alt.Shape("verdict:N", scale=alt.Scale(domain=order, range=[_SHAPES[name] for name in order]))
    size = _ALONE if has_one else _ONE_OF_SEVERAL
    large, is_picked = alt.value(260), f"datum.number === {PICKED}"
    area = alt.when(is_picked).then(large).when(hovered).then(large).otherwise(alt.value(70))
    base = alt.Chart(alt.NamedData(name="rows")).encode(x=x, y=y, color=colour)
    cloud = alt.Chart(alt.NamedData(name="runs")).encode(x=x, y=y, color=colour)
    layers = [
        *(_band(alt, picture) or _margin_boxes(base, picture, rows)),
        cloud.mark_circle(size=10, opacity=0.3, aria=False),
        *_frontier(alt, picture),
        base.mark_rule(strokeWidth=1.5, aria=False).encode(x=f"{x_name}_lo:Q", x2=f"{x_name}_hi"),
        base.mark_rule(strokeWidth=1.5, aria=False).encode(y=f"{y_name}_lo:Q", y2=f"{y_name}_hi"),
        base.mark_point(filled=True, stroke="white", strokeWidth=0.5).encode(
            shape=shape, opacity=_opacity(alt), size=area, tooltip=_tooltip(alt, picture)
        ),
        *_labels(alt, alt.Chart(alt.NamedData(name="rows")).encode(x=x, y=y), picture, rows, size),
    ]
    return alt.layer(*layers).properties(width=size[0], height=size[1])


def _band(alt: Any, picture: Picture) -> list[Any]:
    """The band of the margins along the frontier of means; none where the picture lacks an objective."""
    x, y = picture.x.name, picture.y.name
    values = [{x: at, y: best, "worst": worst} for at, best, worst in margin_band(picture)]
    if not values:
        return []
    how = "step-before" if picture.x.maximize else "step-after"
    area = alt.Chart(alt.Data(values=values)).mark_area(interpolate=how, color=SKY, opacity=0.4, aria=False)
    return [area.encode(x=f"{x}:Q", y=alt.Y(f"{y}:Q", stack=None), y2="worst")]


def _margin_boxes(base: Any, picture: Picture, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Boxes around the rows of the front; no layer without them, whose axes would have no extent."""
    if all(row["verdict"] != FRONT for row in rows):
        return []
    x, y = picture.x.name, picture.y.name
    encoded = base.encode(
        x=f"{x}_margin_lo:Q", x2=f"{x}_margin_hi", y=f"{y}_margin_lo:Q", y2=f"{y}_margin_hi"
    )
    return [encoded.transform_filter(f"datum.verdict === '{FRONT}'").mark_rect(opacity=0.18, aria=False)]


def _labels(
    alt: Any, bare: Any, picture: Picture, rows: Sequence[Mapping[str, Any]], size: tuple[int, int]
) -> list[Any]:
    """Names or numbers beside the rows that lead, on the better side of them, where nothing else lies; but
    for those that would lie on one another.
    """
    leading = [row for row in rows if row["leads"]]
    field = "name" if size == _ALONE and len(leading) <= _NAMED_MAX else "number"
    places = [
        tuple(_pixels(rows, axis, row, length) for axis, length in _axes(picture, size)) for row in leading
    ]
    drawn = readable([(x, y) for x, y in places], [str(row[field]) for row in leading])
    if not drawn:
        return []
    chosen = alt.FieldOneOfPredicate(field="number", oneOf=[leading[at]["number"] for at in drawn])
    texts = bare.transform_filter(chosen).encode(text=f"{field}:N")
    # Names are long: to the left they would leave the panel.
    is_left = field == "number" and not picture.x.maximize
    look = {
        "align": "right" if is_left else "left",
        "dx": -7 if is_left else 7,
        "dy": -8 if picture.y.maximize else 11,
        "fontSize": 10,
        "aria": False,
    }
    halo = texts.mark_text(stroke="white", strokeWidth=3, strokeJoin="round", **look)
    return [halo, texts.mark_text(**look)]


def _axes(picture: Picture, size: tuple[int, int]) -> tuple[tuple[Objective, int], tuple[Objective, int]]:
    return (picture.x, size[0]), (picture.y, size[1])


def _pixels(rows: Sequence[Mapping[str, Any]], axis: Objective, row: Mapping[str, Any], length: int) -> float:
    """About where a `row` stands on its axis."""
    least, most, is_log = _extent(rows, axis)
    return place(row[axis.name], (least, most), length - 2 * _PADDING, is_log=is_log)


def _opacity(alt: Any) -> Any:
    return alt.Opacity("p_front:Q", scale=alt.Scale(domain=[0, 1], range=[0.4, 1]), legend=None)


def _tooltip(alt: Any, picture: Picture) -> list[Any]:
    return [
        alt.Tooltip("number:Q", title="row"),
        alt.Tooltip("name:N"),
        *(alt.Tooltip(f"{axis.name}_text:N", title=title(axis)) for axis in (picture.x, picture.y)),
        alt.Tooltip("p_front_text:N", title="p_front"),
        alt.Tooltip("verdict:N"),
    ]


def _data(row: RankedRow, pictures: Sequence[Picture], at: int) -> dict[str, Any]:
    """A row as data of the pictures, in which it is the point numbered `at`."""
    point = pictures[0].points[at]
    values: dict[str, Any] = {
        "number": point.number,
        "name": point.name,
        "verdict": point.verdict,
        "simulated": point.is_simulated,
        "leads": is_leading(row),
        "p_front": float(is_leading(row)) if point.p_front is None else round(point.p_front, 4),
        "p_front_text": _UNKNOWN if point.p_front is None else format_probability(point.p_front),
    }
    for picture in pictures:
        values |= _axis_data(row, picture.x, picture.points[at].x, picture.margins[0])
        values |= _axis_data(row, picture.y, picture.points[at].y, picture.margins[1])
    return values


def _axis_data(
    row: RankedRow, axis: Objective, ends: tuple[float, float, float], margin: tuple[float, bool]
) -> dict[str, Any]:
    name = axis.name
    low, high = bounds(ends[0], margin)
    keys = (name, f"{name}_lo", f"{name}_hi", f"{name}_margin_lo", f"{name}_margin_hi")
    numbers = {key: float(f"{value:.6g}") for key, value in zip(keys, (*ends, low, high), strict=True)}
    return numbers | {f"{name}_text": _text(row, name)}


def _text(row: RankedRow, name: str) -> str:
    """A mean with its interval, rounded to it."""
    rounded = parts(row.compared(name), OBJECTIVES[name].scale)
    if rounded is None:
        return "-"
    mean, low, high = rounded
    return f"{mean} [{low}, {high}]" if low else mean


def _run_points(ranking: Ranking, runs: Sequence[np.ndarray], numbers: Sequence[int]) -> list[dict[str, Any]]:
    """The runs of the rows that are drawn, in shown units."""
    if not runs:
        return []
    scales = [(used.name, OBJECTIVES[used.name].scale) for used in ranking.objectives]
    return [
        {"number": number, "verdict": ranking.rows[number - 1].verdict}
        | {name: float(f"{value * scale:.6g}") for (name, scale), value in zip(scales, run, strict=True)}
        for number in numbers
        for run in runs[number - 1]
    ]


def _frontier(alt: Any, picture: Picture) -> list[Any]:
    """The line that the means on the frontier attain; none where the picture lacks an objective."""
    points: list[Point] = picture.frontier()
    if len(points) < 2:
        return []
    how = "step-before" if picture.x.maximize else "step-after"
    values = [{picture.x.name: point.x[0], picture.y.name: point.y[0]} for point in points]
    line = alt.Chart(alt.Data(values=values)).mark_line(
        interpolate=how, color=SKY, strokeDash=[4, 3], aria=False
    )
    return [line.encode(x=f"{picture.x.name}:Q", y=f"{picture.y.name}:Q")]


def _extent(rows: Sequence[Mapping[str, Any]], axis: Objective) -> tuple[float, float, bool]:
    """The least and the most on an `axis`, and whether it is logarithmic, which no share is."""
    least = min(row[f"{axis.name}_lo"] for row in rows)
    most = max(row[f"{axis.name}_hi"] for row in rows)
    return least, most, axis.shown_unit != "%" and least > 0 and most / least >= LOG_FROM


def _scaled(alt: Any, rows: Sequence[Mapping[str, Any]], axis: Objective) -> dict[str, Any]:
    """The scale of an `axis`, with its ticks where it is logarithmic."""
    least, most, is_log = _extent(rows, axis)
    if not is_log:
        return {"scale": alt.Scale(type="linear", zero=False, nice=False, padding=_PADDING)}
    ticks = log_ticks(least, most)
    made = {"scale": alt.Scale(type="log", nice=False, padding=_PADDING)}
    return made | {"axis": alt.Axis(values=ticks, format=",~g")} if ticks else made


def _explanation(pictures: Sequence[Picture], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What lines, boxes and faint points mean, of those that are there."""
    sentences = []
    if any(row[f"{each.x.name}_lo"] < row[f"{each.x.name}_hi"] for each in pictures for row in rows):
        sentences.append("Bars: 95 % intervals of the means.")
    if pictures[0].frontier():
        sentences.append(
            "Dashes: the frontier of the means. Band: worse than it by no more than the margins."
        )
    elif any(row["verdict"] == FRONT for row in rows):
        sentences.append("Boxes: the margins.")
    if any(row["p_front_text"] == _UNKNOWN for row in rows):
        sentences.append("Without a probability: faint is what is not on the frontier of the means.")
    lines = [" ".join(sentences)] if sentences else []
    if len(pictures) > 1:
        lines.append("Verdicts are by all objectives at once. Numbers are the rows of the table.")
    return lines


def _thinned(ranking: Ranking, numbers: Sequence[int]) -> list[str]:
    if len(numbers) == len(ranking.rows):
        return []
    leading = sum(map(is_leading, ranking.rows))
    drawn = f"Drawn are {len(numbers)} of {len(ranking.rows)} rows"
    if leading > len(numbers):
        return [f"{drawn}: the first of {leading} that lead."]
    return [f"{drawn}: all {leading} that lead, and some of the others."]
