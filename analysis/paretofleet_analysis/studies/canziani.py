"""The practical analysis of Canziani, Paszke and Culurciello on a report's own measurements.

In the spirit of arXiv 1605.07678 (version 4): its ten figures for each place (device, runtime, precision),
with the batch size as colour, and its four findings as tests. None of its numbers is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from paretofleet_analysis.report.access import Row
from paretofleet_analysis.studies.answer import Answer, left_out
from paretofleet_analysis.studies.canziani_figures import OF_MODELS, Figure, figures_of, fitted
from paretofleet_analysis.studies.canziani_findings import STUDY, findings
from paretofleet_analysis.studies.places import Place, named, places_of, single_values

#: Marks of a figure and lines of its table; of more rows a sample is shown, and said so.
MARKS_MAX, LINES_MAX = 1000, 200


def answers(report: pa.Table) -> list[Answer]:
    """Ten figures and four findings of a `report` (`report.files.read`), by place; those of models once.

    What cannot be drawn or tested is an answer that is "left out", with the reason. Raises ReportError for
    a table that is no report.
    """
    places = places_of(report)
    if not places:
        return [left_out(STUDY, "The practical analysis", "no row of the report has a time")]
    everywhere = Place("all models", "", "", "", places[0].time, _models(places))
    given = [_figure(everywhere, figure) for figure in OF_MODELS]
    for place in places:
        given += [_figure(place, figure) for figure in figures_of(place)]
        given += findings(place)
    return given


def _models(places: Sequence[Place]) -> tuple[Row, ...]:
    """A row of each model and its accuracy, whatever place and batch size it is of."""
    rows = {(row["model"], row["variant"], row["top1"]): row for place in places for row in place.rows}
    return tuple(sorted(rows.values(), key=lambda row: -(row["top1"] or 0.0)))


def _figure(place: Place, figure: Figure) -> Answer:
    title = figure.title if not place.device else f"{figure.title}: {place.name}"
    if figure.has_batch_sizes and len(place.batch_sizes) < 2:
        return left_out(STUDY, title, f"there is one batch size only ({place.batch_sizes[0]})")
    rows = [row for row in place.rows if all(row[name] for name in figure.needs)]
    if not rows:
        return left_out(STUDY, title, f"no row has {' and '.join(figure.needs)}")
    shown = _best_of_models(rows, place, figure) if figure.chart.kind == "bar" else _sampled(rows)
    # A line needs several models; variants of one are none.
    lines_drawn = fitted(figure, tuple(figure.point(place, row) for row in shown))
    points = tuple(figure.point(place, row) for row in named(shown))
    columns = tuple(points[0])
    lines = tuple(tuple(point[name] for name in columns) for point in points[:LINES_MAX])
    models = len({row["model"] for row in rows})
    sentence = f"{models} model{'s' * (models > 1)}, {len(rows)} row{'s' * (len(rows) > 1)}."
    if len(rows) < len(place.rows):
        sentence += f" {len(place.rows) - len(rows)} rows lack {' or '.join(figure.needs)}."
    if len(shown) < len(rows):
        of = "the best variant of each model" if figure.chart.kind == "bar" else f"a sample of {len(shown)}"
        sentence += f" Drawn is {of}."
    if figure.fit is not None and lines_drawn:
        sentence += f" {figure.fit.text}"
    if len(lines) < len(points):
        sentence += f" The table has {len(lines)} of them."
    if any(name in figure.chart.y_title for name in ("time", "power")):
        sentence += single_values(rows)
    chart = replace(figure.chart, points=points, lines=lines_drawn)
    return Answer(STUDY, title, "told", sentence, columns, lines, chart)


def _best_of_models(rows: Sequence[Row], place: Place, figure: Figure) -> list[Row]:
    """The row of each model whose bar is the longest, these first; at most as many as have a mark."""
    length = {id(row): figure.point(place, row)[figure.chart.y] or 0.0 for row in rows}
    best: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: -length[id(row)]):
        best.setdefault(row["model"], row)
    return list(best.values())[:MARKS_MAX]


def _sampled(rows: Sequence[Row]) -> list[Row]:
    if len(rows) <= MARKS_MAX:
        return list(rows)
    kept = np.random.default_rng(1).choice(len(rows), MARKS_MAX, replace=False)
    return [rows[at] for at in sorted(kept)]
