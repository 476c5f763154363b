"""The ten figures of the practical analysis: what each needs of a row, and the point that it draws of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from paretofleet_analysis.report.access import Row
from paretofleet_analysis.studies.answer import Chart
from paretofleet_analysis.studies.canziani_findings import MODELS_OF_A_LINE, has_idle
from paretofleet_analysis.studies.places import Place
from paretofleet_analysis.studies.upper_bound import upper_line

Floats = np.ndarray
Point = Mapping[str, Any]
_Draw = Callable[[Place, Row], Point]


@dataclass(frozen=True)
class Fit:
    """A line for points (x, y), (n,): `make` gives intercept and slope, `text` says what it is."""

    text: str
    make: Callable[[Floats, Floats], tuple[float, float]]


def _least_squares(x: Floats, y: Floats) -> tuple[float, float]:
    slope, intercept = np.polyfit(x, y, 1)
    return float(intercept), float(slope)


#: Time in the operations (figure 7 of the paper) and the bound of accuracy in the speed (its figure 9).
_TIME_OF_WORK = Fit("Dashes: the least squares of each batch size.", _least_squares)
_BOUND_OF_SPEED = Fit(
    "Dashes: the line of each batch size below which 95 % of its rows lie.",
    lambda x, y: upper_line(x, y)[:2],
)


@dataclass(frozen=True)
class Figure:
    """One figure of a place: its points of rows; `needs` are columns that a row must have.

    `fit`: the line that is drawn for each batch size.
    """

    title: str
    needs: tuple[str, ...]
    chart: Chart
    point: _Draw
    has_batch_sizes: bool = False
    fit: Fit | None = None


def _chart(x: str, y: str, x_title: str, y_title: str, **more: Any) -> Chart:
    return Chart(more.pop("kind", "point"), x, y, more.pop("colour", None), (), x_title, y_title, **more)


def _of_row(row: Row) -> dict[str, Any]:
    giga = None if row["macs"] is None else row["macs"] / 1e9
    return {"model": row["model"], "batch_size": row["batch_size"], "giga_macs": giga}


def _of_model(_: Place, row: Row) -> Point:
    millions = None if row["parameters"] is None else row["parameters"] / 1e6
    density = None if row["top1"] is None or not millions else row["top1"] / millions
    point = {"top1_percent": row["top1"], "parameters_m": millions, "percent_per_m": density}
    return {"model": row["model"], "giga_macs": _of_row(row)["giga_macs"], **point}


OF_MODELS = (
    Figure(
        "1. Accuracy of each network",
        ("top1",),
        _chart("model", "top1_percent", "network", "top-1, %", kind="bar"),
        _of_model,
    ),
    Figure(
        "2. Accuracy over operations, size by parameters",
        ("top1", "macs", "parameters"),
        _chart(
            "giga_macs",
            "top1_percent",
            "multiply-accumulates, 10^9",
            "top-1, %",
            size="parameters_m",
            is_x_log=True,
        ),
        _of_model,
    ),
    Figure(
        "10. Accuracy for each million of parameters",
        ("top1", "parameters"),
        _chart("model", "percent_per_m", "network", "top-1 % for each 10^6 parameters", kind="bar"),
        _of_model,
    ),
)


def _timed(place: Place, row: Row) -> Point:
    ends = [place.time_s(row, end) for end in ("", "_lo", "_hi")]
    time, lo, hi = (None if value is None else 1e3 * value for value in ends)
    return _of_row(row) | {"time_ms": time, "lo": lo, "hi": hi}


def _powered(row: Row, is_net: bool) -> Point:
    idle = row["idle_power_w"] if is_net else 0.0
    ends = {name: row[f"power_w{end}"] for name, end in (("power_w", ""), ("lo", "_lo"), ("hi", "_hi"))}
    return _of_row(row) | {name: None if value is None else value - idle for name, value in ends.items()}


def _held(row: Row, memory: str) -> Point:
    ends = {name: row[f"{memory}{end}"] for name, end in (("memory_mb", ""), ("lo", "_lo"), ("hi", "_hi"))}
    sizes = ends | {"file_mb": row["size_bytes"]}
    return _of_row(row) | {name: None if value is None else value / 1e6 for name, value in sizes.items()}


def _fast(place: Place, row: Row) -> Point:
    ends = [place.time_s(row, end) for end in ("", "_hi", "_lo")]
    rate, lo, hi = (1 / seconds if seconds else None for seconds in ends)
    return _of_row(row) | {"items_s": rate, "x_lo": lo, "x_hi": hi, "top1_percent": row["top1"]}


def figures_of(place: Place) -> list[Figure]:
    """Figures 3 to 9 of a `place`: those over the batch size, and those over work, size and speed.

    Power is above idle where that is known of all rows, memory the device's where it is.
    """
    is_net = has_idle([row for row in place.rows if row["power_w"]])
    is_device = any(row["device_memory_bytes"] for row in place.rows)
    memory = "device_memory_bytes" if is_device else "memory_peak_bytes"
    power = "power above idle, W" if is_net else "power, W"

    def powered(_: Place, row: Row) -> Point:
        return _powered(row, is_net)

    def held(_: Place, row: Row) -> Point:
        return _held(row, memory)

    return [*_over_batch_sizes(memory, held, power, powered), *_over_work(memory, held, power, powered)]


def _over_batch_sizes(memory: str, held: _Draw, power: str, powered: _Draw) -> list[Figure]:
    look: dict[str, Any] = {"colour": "model", "kind": "line", "is_x_log": True}
    x, x_title = "batch_size", "batch size"
    return [
        Figure(
            "3. Time of an item over the batch size",
            (),
            _chart(x, "time_ms", x_title, "time of an item, ms", is_y_log=True, **look),
            _timed,
            has_batch_sizes=True,
        ),
        Figure(
            "4. Power over the batch size",
            ("power_w",),
            _chart(x, "power_w", x_title, power, **look),
            powered,
            has_batch_sizes=True,
        ),
        Figure(
            "5. Memory over the batch size",
            (memory,),
            _chart(x, "memory_mb", x_title, "memory at most, MB", **look),
            held,
            has_batch_sizes=True,
        ),
    ]


def _over_work(memory: str, held: _Draw, power: str, powered: _Draw) -> list[Figure]:
    look: dict[str, Any] = {"colour": "batch_size"}
    x, x_title = "giga_macs", "multiply-accumulates, 10^9"
    return [
        Figure(
            "6. Memory over the size of the file",
            (memory, "size_bytes"),
            _chart("file_mb", "memory_mb", "file, MB", "memory at most, MB", **look),
            held,
        ),
        Figure(
            "7. Time over operations",
            ("macs",),
            _chart(x, "time_ms", x_title, "time of an item, ms", **look),
            _timed,
            fit=_TIME_OF_WORK,
        ),
        Figure(
            "8. Power over operations",
            ("macs", "power_w"),
            _chart(x, "power_w", x_title, power, **look),
            powered,
        ),
        Figure(
            "9. Accuracy over items a second, size by operations",
            ("top1",),
            _chart("items_s", "top1_percent", "items a second", "top-1, %", size="giga_macs", **look),
            _fast,
            fit=_BOUND_OF_SPEED,
        ),
    ]


def fitted(figure: Figure, points: Sequence[Point]) -> tuple[Point, ...]:
    """Both ends of the line of each batch size that has three models, from its `points` of a `figure`."""
    chart, ends = figure.chart, []
    if figure.fit is None:
        return ()
    for size in sorted({point["batch_size"] for point in points}):
        own = [point for point in points if point["batch_size"] == size and point[chart.x] and point[chart.y]]
        x, y = (np.array([point[key] for point in own], dtype=float) for key in (chart.x, chart.y))
        if len({point["model"] for point in own}) < MODELS_OF_A_LINE or np.ptp(x) == 0:
            continue
        intercept, slope = figure.fit.make(x, y)
        ends += [
            {"batch_size": size, chart.x: float(at), chart.y: intercept + slope * float(at)}
            for at in (x.min(), x.max())
            if np.isfinite(slope)
        ]
    return tuple(ends)
