"""What a study shows as a Vega-Lite picture, from the plain data of its chart; needs the extra `figures`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paretofleet_analysis.figures.grammar import (
    BLUE,
    PALETTE,
    SKY,
    category,
    heading,
    layer,
    log_ticks,
    quantity,
    whole,
)
from paretofleet_analysis.studies.answer import Chart

#: The shapes of as many colours: they say the same in print.
_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
_WIDTH, _HEIGHT, _ROW = 460, 280, 18
#: Of an axis: about so many ticks, and room at its ends, in pixels.
_TICKS, _PADDING = 8, 16
#: Up to so many whole numbers, such as batch sizes, are the ticks of their axis.
_COUNTS_MAX = 12
#: So many points lie on one another: they are drawn fainter.
_MANY = 200
#: The area of a point, in square pixels, whose size says nothing.
_SIZE = 60
#: Of more texts on an axis only the first are drawn.
TEXTS_MAX = 60
#: Of more colours none can be told from the others: their names are in the tooltips.
LEGEND_MAX = 24


def study_specification(chart: Chart, *, simulated: str, description: str) -> dict[str, Any]:
    """The picture of a `chart` as a Vega-Lite specification; `simulated` heads it, "" where nothing is.

    `description` says the same in words. Texts stand on the vertical axis, where they can be read.
    """
    placed = placed_points(chart)
    has_texts = any(isinstance(point[chart.x], str) for point in placed)
    points = _first_texts(chart, placed) if has_texts else placed
    rows = [_data(chart, point) for point in points]
    if has_texts:
        names = without_common_words([str(row["x"]) for row in rows])
        rows = [row | {"x": name} for row, name in zip(rows, names, strict=True)]
    x, y = _axes(chart, rows, has_texts=has_texts)
    colour = _colour(chart, rows)
    left_out = len(placed) - len(points)
    body = {
        "description": description,
        "title": heading(simulated, [f"{left_out} more are not drawn."] if left_out else []),
        "datasets": {"points": rows, "fits": [_data(chart, point) for point in chart.lines]},
        "layer": [
            *_fits(chart, x, y),
            *_intervals(chart, colour, rows, (x, y)),
            *_marks(chart, colour, rows, (x, y)),
        ],
        "width": _WIDTH,
        "height": {"step": _ROW} if has_texts else _HEIGHT,
    }
    return whole(body, axis={"labelLimit": 320}, legend={"columns": 3, "labelLimit": 220})


def placed_points(chart: Chart) -> list[Mapping[str, Any]]:
    """The points of a `chart` that have a place: without one there is nothing to draw."""
    return [point for point in chart.points if None not in (point.get(chart.x), point.get(chart.y))]


def _first_texts(chart: Chart, placed: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    texts = set(list(dict.fromkeys(str(point[chart.x]) for point in placed))[:TEXTS_MAX])
    return [point for point in placed if str(point[chart.x]) in texts]


def without_common_words(texts: Sequence[str]) -> list[str]:
    """The `texts` without the words that stand in each of them, but for those before a number.

    >>> without_common_words(["onnx, batch 1", "litert, batch 1"])
    ['onnx', 'litert']
    >>> without_common_words(["alexnet on desk, batch 1", "vgg on desk, batch 2", "vgg on tx2, batch 1"])
    ['alexnet desk, batch 1', 'vgg desk, batch 2', 'vgg tx2, batch 1']
    """
    split = [text.split() for text in texts]
    common = set(split[0]).intersection(*split) if len(set(texts)) > 1 else set()
    shown = [
        " ".join(
            word
            for word, after in zip(line, [*line[1:], ""], strict=True)
            if word not in common or (after not in common and after.rstrip(",").isdigit())
        )
        for line in split
    ]
    shown = [text.rstrip(",") for text in shown]
    return shown if len(set(shown)) == len(set(texts)) else list(texts)


def _data(chart: Chart, point: Mapping[str, Any]) -> dict[str, Any]:
    """A point under names that no grammar reads as more than names."""
    keys = {"x": chart.x, "y": chart.y, "colour": chart.colour, "size": chart.size}
    values = {name: point.get(key) for name, key in keys.items() if key is not None}
    ends = ("lo", "hi", "x_lo", "x_hi")
    values |= {name: point.get(name) for name in ends}
    more = [f"{key} {value}" for key, value in point.items() if key not in {*ends, *keys.values()}]
    values["more"] = ", ".join(more) or None
    if chart.colour is not None:
        values["colour"] = str(values["colour"])
    return {name: value for name, value in values.items() if value is not None}


def _axes(chart: Chart, rows: Sequence[Mapping[str, Any]], *, has_texts: bool) -> tuple[Any, Any]:
    """The channels of x and y; where x has texts it goes up, in the order of the points."""
    value = _axis(chart, rows, "y", is_log=chart.is_y_log)
    if has_texts:
        # Several rows of one text are bars over one another, and no sum.
        across = quantity("y", title=chart.y_title, stack=None, **value)
        return across, category("x", title=None, sort=None, axis={"grid": False})
    across = _axis(chart, rows, "x", is_log=chart.is_x_log)
    return quantity("x", title=chart.x_title, **across), quantity("y", title=chart.y_title, **value)


def _axis(chart: Chart, rows: Sequence[Mapping[str, Any]], name: str, *, is_log: bool) -> dict[str, Any]:
    """Scale and ticks of an axis, with room beside the outermost points; bars, and one value, begin at 0."""
    ends = (name, "lo", "hi") if name == "y" else (name, "x_lo", "x_hi")
    values = sorted({row[end] for row in rows for end in ends if end in row})
    if is_log:
        counts = (
            values if len(values) <= _COUNTS_MAX and all(float(each).is_integer() for each in values) else []
        )
        ticks = counts or log_ticks(values[0], values[-1])
        scale = {"type": "log", "nice": False, "padding": _PADDING}
        return {"scale": scale, "axis": {"values": ticks, "format": ",~g"} if ticks else {}}
    is_counted = name == "x" and all(float(each).is_integer() for each in values)
    axis = {"tickCount": _TICKS, **({"tickMinStep": 1} if is_counted else {})}
    if chart.kind == "bar" or len(values) == 1:
        return {"scale": {"zero": True}, "axis": axis}
    return {"scale": {"zero": False, "nice": False, "padding": _PADDING}, "axis": axis}


def _colour(chart: Chart, rows: list[dict[str, Any]]) -> dict[str, Any]:
    if chart.colour is None:
        return {"value": BLUE}
    names = list(dict.fromkeys(row["colour"] for row in rows))
    ranges = [PALETTE[at % len(PALETTE)] for at in range(len(names))]
    scale = {"domain": names, "range": ranges}
    return category("colour", scale=scale, legend=_legend(chart, names))


def _shape(chart: Chart, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """As many shapes as colours, under one legend with them."""
    if chart.colour is None:
        return {}
    names = list(dict.fromkeys(row["colour"] for row in rows))
    scale = {"domain": names, "range": [_SHAPES[at % len(_SHAPES)] for at in range(len(names))]}
    return {"shape": category("colour", scale=scale, legend=_legend(chart, names))}


def _legend(chart: Chart, names: Sequence[str]) -> dict[str, Any] | None:
    """The same for colours and shapes, so that they share one; None where there is one, or are too many."""
    if not 1 < len(names) <= LEGEND_MAX:
        return None
    return {"title": (chart.colour or "").replace("_", " ")}


def _intervals(
    chart: Chart, colour: Mapping[str, Any], rows: list[dict[str, Any]], axes: tuple[Any, Any]
) -> list[dict[str, Any]]:
    """Rules for the intervals of values, along their axis, and of places where these have one."""
    x, y = axes
    layers = []
    look = {"strokeWidth": 1.5, "aria": False}
    has_texts = any(isinstance(row["x"], str) for row in rows)
    if any("lo" in row for row in rows):
        ends = quantity("lo", title=chart.y_title)
        along = {"x": ends, "x2": {"field": "hi"}, "y": y}
        up = {"x": x, "y": ends, "y2": {"field": "hi"}}
        placed = {"color": colour, **(along if has_texts else up)}
        layers.append(layer("rule", "points", placed, only="isValid(datum.lo)", **look))
    if any("x_lo" in row for row in rows) and not has_texts:
        placed = {
            "color": colour,
            "x": quantity("x_lo", title=chart.x_title),
            "x2": {"field": "x_hi"},
            "y": y,
        }
        layers.append(layer("rule", "points", placed, only="isValid(datum.x_lo)", **look))
    return layers


def _marks(
    chart: Chart, colour: Mapping[str, Any], rows: list[dict[str, Any]], axes: tuple[Any, Any]
) -> list[dict[str, Any]]:
    placed = {"color": colour, "x": axes[0], "y": axes[1]}
    shown = placed | {"tooltip": _tooltip(chart)}
    if chart.kind == "bar":
        return [layer("bar", "points", shown, opacity=0.75)]
    shown |= {**_shape(chart, rows), **_size(rows)}
    opacity = 0.9 if len(rows) < _MANY else 0.5
    points = layer("point", "points", shown, filled=True, size=_SIZE, opacity=opacity)
    if chart.kind == "point":
        return [points]
    return [layer("line", "points", placed, strokeWidth=2, aria=False), points]


def _size(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Sizes of points, where any has one; a point without one is not left out for that."""
    if not any("size" in row for row in rows):
        return {}
    sized = quantity("size", legend=None, scale={"range": [_SIZE / 2, 12 * _SIZE]})
    return {"size": {"condition": {"test": "isValid(datum.size)", **sized}, "value": _SIZE}}


def _fits(chart: Chart, x: Mapping[str, Any], y: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The lines beside the points, dashed."""
    if not chart.lines:
        return []
    colour = {} if chart.colour is None else {"color": category("colour")}
    return [layer("line", "fits", {"x": x, "y": y, **colour}, strokeDash=[4, 3], color=SKY, aria=False)]


def _tooltip(chart: Chart) -> list[dict[str, Any]]:
    is_text = any(isinstance(point.get(chart.x), str) for point in chart.points)
    has_more = any(len(point) > 2 for point in chart.points)
    x = category("x", title=chart.x_title or chart.x)
    return [
        *([category("more", title="of")] if has_more else []),
        x if is_text else quantity("x", title=chart.x_title, format=".4~g"),
        quantity("y", title=chart.y_title, format=".4~g"),
        *([] if chart.colour is None else [category("colour", title=chart.colour)]),
    ]
