"""The frontier of a ranking as a Vega-Lite picture, for a page or a paper; needs the extra `figures`.

Every two objectives have a panel, and the panels are linked: a row that is pointed at in one is shown in all.
"""

from __future__ import annotations

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
    category,
    heading,
    layer,
    log_ticks,
    quantity,
    save,
    simulated_mark,
    whole,
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
from paretofleet_analysis.ranking.result import LeftOutRows, RankedRow, Ranking
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
    numbers = drawn_numbers(ranking)
    pairs = pictures_of(ranking, numbers=numbers)
    rows = [_data(ranking.rows[number - 1], pairs, at) for at, number in enumerate(numbers)]
    panels = [_panel(pair, rows, has_one=len(pairs) == 1) for pair in pairs]
    for number, panel in enumerate(panels, start=1):
        panel["layer"][0]["name"] = f"panel_{number}"  # what is pointed at in one is seen by all
    hover = {"type": "point", "fields": ["number"], "on": "pointerover", "clear": "pointerout"}
    views = [panel["layer"][0]["name"] for panel in panels]
    mark = simulated_mark([row["simulated"] for row in rows])
    body = {
        "description": describe(ranking),
        "title": heading(mark, [*_explanation(pairs, rows), *_thinned(ranking, numbers)]),
        "datasets": {"rows": rows, "runs": _run_points(ranking, runs, numbers)},
        "params": [{"name": HOVERED, "select": hover, "views": views}, {"name": PICKED, "value": 0}],
        **(panels[0] if len(panels) == 1 else {"concat": panels, "columns": 3, "spacing": 28}),
    }
    return whole(body, axis={}, legend={})


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
    rest = "" if ranking.left_out is None else f" {_not_drawn(ranking.left_out)}"
    return f"The {len(ranking.rows)} rows by {objectives}: {', '.join(counts)}.{named}{rest}"


def _values(row: RankedRow, ranking: Ranking) -> str:
    texts = ((OBJECTIVES[used.name], _text(row, used.name)) for used in ranking.objectives)
    return ", ".join(f"{objective.short} {text}" for objective, text in texts)


def _panel(pair: Picture, rows: list[dict[str, Any]], *, has_one: bool) -> dict[str, Any]:
    """The margins below, then the runs, the frontier, the intervals, the points and their names."""
    x_name, y_name = pair.x.name, pair.y.name
    x = quantity(x_name, title=title(pair.x), **_scaled(rows, pair.x))
    y = quantity(y_name, title=title(pair.y), **_scaled(rows, pair.y))
    order, there = [FRONT, UNDECIDED, BEATEN], {row["verdict"] for row in rows}
    colour = category(
        "verdict",
        scale={"domain": order, "range": [_COLOURS[name] for name in order]},
        legend={"title": None, "symbolSize": 90, "values": [name for name in order if name in there]},
    )
    placed = {"x": x, "y": y, "color": colour}
    across = {"x": quantity(f"{x_name}_lo"), "x2": {"field": f"{x_name}_hi"}}
    up = {"y": quantity(f"{y_name}_lo"), "y2": {"field": f"{y_name}_hi"}}
    size = _ALONE if has_one else _ONE_OF_SEVERAL
    layers = [
        *(_band(pair) or _margin_boxes(colour, pair, rows)),
        layer("circle", "runs", placed, size=10, opacity=0.3, aria=False),
        *_frontier(pair),
        layer("rule", "rows", placed | across, strokeWidth=1.5, aria=False),
        layer("rule", "rows", placed | up, strokeWidth=1.5, aria=False),
        layer("point", "rows", placed | _of_points(pair), filled=True, stroke="white", strokeWidth=0.5),
        *_labels({"x": x, "y": y}, pair, rows, size),
    ]
    return {"layer": layers, "width": size[0], "height": size[1]}


def _of_points(pair: Picture) -> dict[str, Any]:
    """Shape, opacity and size of the points, of which one may be pointed at, and what is said of it."""
    order = [FRONT, UNDECIDED, BEATEN]
    large = [
        {"test": f"datum.number === {PICKED}", "value": 260},
        {"param": HOVERED, "empty": False, "value": 260},
    ]
    return {
        "shape": category("verdict", scale={"domain": order, "range": [_SHAPES[name] for name in order]}),
        "opacity": quantity("p_front", scale={"domain": [0, 1], "range": [0.4, 1]}, legend=None),
        "size": {"condition": large, "value": 70},
        "tooltip": _tooltip(pair),
    }


def _band(pair: Picture) -> list[dict[str, Any]]:
    """The band of the margins along the frontier of means; none where the picture lacks an objective."""
    x, y = pair.x.name, pair.y.name
    values = [{x: at, y: best, "worst": worst} for at, best, worst in margin_band(pair)]
    if not values:
        return []
    encoding = {"x": quantity(x), "y": quantity(y, stack=None), "y2": {"field": "worst"}}
    return [layer("area", values, encoding, interpolate=_steps(pair), color=SKY, opacity=0.4, aria=False)]


def _steps(pair: Picture) -> str:
    """How a frontier goes from one of its means to the next."""
    return "step-before" if pair.x.maximize else "step-after"


def _margin_boxes(
    colour: Mapping[str, Any], pair: Picture, rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Boxes around the rows of the front; no layer without them, whose axes would have no extent."""
    if all(row["verdict"] != FRONT for row in rows):
        return []
    encoding: dict[str, Any] = {"color": colour}
    for channel, name in (("x", pair.x.name), ("y", pair.y.name)):
        encoding[channel] = quantity(f"{name}_margin_lo")
        encoding[f"{channel}2"] = {"field": f"{name}_margin_hi"}
    only = f"datum.verdict === '{FRONT}'"
    return [layer("rect", "rows", encoding, only=only, opacity=0.18, aria=False)]


def _labels(
    placed: Mapping[str, Any], pair: Picture, rows: Sequence[Mapping[str, Any]], size: tuple[int, int]
) -> list[dict[str, Any]]:
    """Names or numbers beside the rows that lead, on the better side of them, where nothing else lies; but
    for those that would lie on one another.
    """
    leading = [row for row in rows if row["leads"]]
    field = "name" if size == _ALONE and len(leading) <= _NAMED_MAX else "number"
    places = [
        tuple(_pixels(rows, axis, row, length) for axis, length in _axes(pair, size)) for row in leading
    ]
    drawn = readable([(x, y) for x, y in places], [str(row[field]) for row in leading])
    if not drawn:
        return []
    chosen = {"field": "number", "oneOf": [leading[at]["number"] for at in drawn]}
    texts = {**placed, "text": category(field)}
    # Names are long: to the left they would leave the panel.
    is_left = field == "number" and not pair.x.maximize
    look: dict[str, Any] = {
        "align": "right" if is_left else "left",
        "dx": -7 if is_left else 7,
        "dy": -8 if pair.y.maximize else 11,
        "fontSize": 10,
        "aria": False,
    }
    halo = {"stroke": "white", "strokeWidth": 3, "strokeJoin": "round"}
    return [layer("text", "rows", texts, only=chosen, **more, **look) for more in (halo, {})]


def _axes(pair: Picture, size: tuple[int, int]) -> tuple[tuple[Objective, int], tuple[Objective, int]]:
    return (pair.x, size[0]), (pair.y, size[1])


def _pixels(rows: Sequence[Mapping[str, Any]], axis: Objective, row: Mapping[str, Any], length: int) -> float:
    """About where a `row` stands on its axis."""
    least, most, is_log = _extent(rows, axis)
    return place(row[axis.name], (least, most), length - 2 * _PADDING, is_log=is_log)


def _tooltip(pair: Picture) -> list[dict[str, Any]]:
    return [
        quantity("number", title="row"),
        category("name"),
        *(category(f"{axis.name}_text", title=title(axis)) for axis in (pair.x, pair.y)),
        category("p_front_text", title="p_front"),
        category("verdict"),
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


def _frontier(pair: Picture) -> list[dict[str, Any]]:
    """The line that the means on the frontier attain; none where the picture lacks an objective."""
    points: list[Point] = pair.frontier()
    if len(points) < 2:
        return []
    x, y = pair.x.name, pair.y.name
    values = [{x: point.x[0], y: point.y[0]} for point in points]
    look = {"interpolate": _steps(pair), "color": SKY, "strokeDash": [4, 3], "aria": False}
    return [layer("line", values, {"x": quantity(x), "y": quantity(y)}, **look)]


def _extent(rows: Sequence[Mapping[str, Any]], axis: Objective) -> tuple[float, float, bool]:
    """The least and the most on an `axis`, and whether it is logarithmic, which no share is."""
    least = min(row[f"{axis.name}_lo"] for row in rows)
    most = max(row[f"{axis.name}_hi"] for row in rows)
    return least, most, axis.shown_unit != "%" and least > 0 and most / least >= LOG_FROM


def _scaled(rows: Sequence[Mapping[str, Any]], axis: Objective) -> dict[str, Any]:
    """The scale of an `axis`, with its ticks where it is logarithmic."""
    least, most, is_log = _extent(rows, axis)
    if not is_log:
        return {"scale": {"type": "linear", "zero": False, "nice": False, "padding": _PADDING}}
    ticks = log_ticks(least, most)
    made: dict[str, Any] = {"scale": {"type": "log", "nice": False, "padding": _PADDING}}
    return made | {"axis": {"values": ticks, "format": ",~g"}} if ticks else made


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
    left_out = [] if ranking.left_out is None else [_not_drawn(ranking.left_out)]
    if len(numbers) == len(ranking.rows):
        return left_out
    leading = sum(map(is_leading, ranking.rows))
    drawn = f"Drawn are {len(numbers)} of {len(ranking.rows)} rows"
    if leading > len(numbers):
        return [f"{drawn}: the first of {leading} that lead.", *left_out]
    return [f"{drawn}: all {leading} that lead, and some of the others.", *left_out]


def _not_drawn(left_out: LeftOutRows) -> str:
    return f"{left_out.count:,} more rows are surely dominated and not drawn."
