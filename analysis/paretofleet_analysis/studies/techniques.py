"""Accuracy, time and size together: operational scores, and whether a technique helps against its parent.

In the spirit of Ari and Camli 2022 (doi 10.17671/gazibtd.976711), who ask of compression and transfer in how
many of the three dimensions each helps. A report knows no parents of variants, so a technique is here another
precision, or another variant, of the model of the same name: fp32 to int8.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.report.access import Row
from paretofleet_analysis.studies.answer import Answer, Cell, Chart, Verdict, left_out
from paretofleet_analysis.studies.operational_scores import SCORES, SET_DEPENDENT, Weights, reversals
from paretofleet_analysis.studies.places import Place, log_error, named, places_of, single_values
from paretofleet_analysis.studies.resampling import Interval

STUDY = "techniques"
DIMENSIONS = ("accuracy", "time", "size")
#: From the most precise on: the first that a model has is the parent of the others.
PRECISIONS = ("fp32", "native", "tf32", "bf16", "fp16", "int8", "int4")
#: More models make tables that nobody reads, and reversals slow.
_MODELS_MAX = 100
_REACH = 1.96
_LINES_MAX = 200
#: Of more techniques those of the most models have an answer of their own, the others share a table.
_TECHNIQUES_MAX = 8
_CLAIM = " helps in accuracy, time and size"
_EFFECT_COLUMNS = (
    *("points of accuracy", "accuracy low", "accuracy high", "accuracy"),
    *("time by a factor", "time low", "time high", "time"),
    *("size by a factor", "size low", "size high", "size"),
)
_HELPS, _HURTS, _SAME, _OPEN = "helps", "hurts", "same", "cannot tell"


@dataclass(frozen=True)
class _Change:
    """What became of a parent in each of the dimensions: points of accuracy, factors of time and size."""

    technique: str
    place: str
    child: Row
    intervals: Mapping[str, Interval]

    def effect(self, dimension: str) -> str:
        """Whether the technique helps in the `dimension` by more than the margin of `rank`, or hurts."""
        interval = self.intervals[dimension]
        if not math.isfinite(interval.estimate):
            return _OPEN
        name = {"accuracy": "top1", "time": "time_per_item_s", "size": "size_bytes"}[dimension]
        margin = OBJECTIVES[name].margin.value
        low, high = (interval.estimate if end is None else end for end in (interval.lo, interval.hi))
        if dimension != "accuracy":
            # Of costs a factor below 1 helps.
            low, high = -math.log(high), -math.log(low)
            margin = math.log1p(margin)
        if low > margin:
            return _HELPS
        if high < -margin:
            return _HURTS
        return _SAME if -margin <= low and high <= margin else _OPEN


def answers(
    report: pa.Table,
    *,
    scores: Sequence[str] = tuple(SCORES),
    weights: Weights | None = None,
) -> list[Answer]:
    """Operational scores of the models of a `report` (`report.files.read`), and techniques by their effect.

    `scores`: those of `operational_scores.SCORES` to show; `weights`: what accuracy, time and size count for,
    a third each by default. What cannot be computed is an answer that is "left out". Raises ReportError for a
    table that is no report, ValueError for an unknown score.
    """
    unknown = [name for name in scores if name not in SCORES]
    if unknown:
        raise ValueError(f"unknown score {unknown[0]!r}; give {', '.join(SCORES)}")
    places = places_of(report)
    used = weights or Weights()
    scored = [answer for place in places for answer in _scores_of(place, scores, used)]
    changes = _changes(places)
    by_technique: dict[str, list[_Change]] = {}
    for change in changes:
        by_technique.setdefault(change.technique, []).append(change)
    common = sorted(by_technique, key=lambda name: (-len(by_technique[name]), name))
    shown = sorted(common[:_TECHNIQUES_MAX])
    effects = [_effects(name, by_technique[name]) for name in shown]
    if len(common) > len(shown):
        rest = [_effects(name, by_technique[name]) for name in common[len(shown) :]]
        effects.append(_others(rest, [len(by_technique[name]) for name in common[len(shown) :]]))
    if not effects:
        reason = "no model has two precisions or variants on one device, and a report knows no other parents"
        effects = [left_out(STUDY, "Techniques against their parents", reason)]
    return [*scored, *effects]


def _others(effects: Sequence[Answer], counts: Sequence[int]) -> Answer:
    """The techniques that few models have, in one table: what helps is in their sentences."""
    rows = [
        (each.title.removesuffix(_CLAIM), count, each.verdict, each.sentence.partition(",")[0])
        for each, count in zip(effects, counts, strict=True)
    ]
    held = sum(each.verdict == "holds" for each in effects)
    most = f"{max(counts)} pair{'s' * (max(counts) > 1)} of rows"
    sentence = f"{len(effects)} more techniques, of at most {most} each, of which {held} help in all three."
    if len(rows) > _LINES_MAX:
        sentence += f" The table has the {_LINES_MAX} of most pairs."
    columns = ("technique", "pairs of rows", "helps in all three", "in how many")
    return Answer(STUDY, "Further techniques", "told", sentence, columns, tuple(rows[:_LINES_MAX]))


def _scores_of(place: Place, names: Sequence[str], weights: Weights) -> list[Answer]:
    """The scores of each batch size that has models to score."""
    able = [_scores(place, size, names, weights) for size in place.batch_sizes]
    given = [answer for answer in able if answer is not None]
    reason = "no batch size has two models with an accuracy and a file's size"
    return given or [left_out(STUDY, f"Operational scores: {place.name}", reason)]


def _scores(place: Place, batch_size: int, names: Sequence[str], weights: Weights) -> Answer | None:
    rows = [row for row in place.at(batch_size) if row["top1"] and row["size_bytes"]]
    if len(rows) < 2:
        return None
    title = f"Operational scores: {place.name}, batch {batch_size}"
    # The scores are relative to the first row; the order does not depend on which that is.
    rows = sorted(rows, key=lambda row: -row["top1"])[:_MODELS_MAX]
    values = np.array([[row["top1"], place.time_s(row), row["size_bytes"]] for row in rows], dtype=float)
    computed = {name: SCORES[name](values, weights) for name in names}
    cells: list[tuple[Cell, ...]] = [
        (
            row["model"],
            *(row["variant"], row["top1"], 1e3 * values[at, 1], values[at, 2] / 1e6),
            *(float(score[at]) for score in computed.values()),
        )
        for at, row in enumerate(rows)
    ]
    order = np.argsort(-computed[names[0]], kind="stable")
    rows = named(rows)
    first = {name: rows[int(score.argmax())]["model"] for name, score in computed.items()}
    best = "; ".join(f"{model} by the {name} score" for name, model in first.items())
    sentence = (
        f"First is {best}. Weights: {weights.text()}; the ratio has none. Relative to {rows[0]['model']}."
    )
    sentence += "".join(
        _reversal_text(name, values, rows, weights) for name in names if name in SET_DEPENDENT
    )
    columns = ("model", "variant", "top-1, %", "time of an item, ms", "file, MB", *computed)
    points = tuple({"model": rows[at]["model"], "score": float(computed[names[0]][at])} for at in order)
    chart = Chart("bar", "model", "score", None, points, "model", f"{names[0]} score")
    listed = tuple(cells[at] for at in order)
    return Answer(STUDY, title, "told", sentence + single_values(rows), columns, listed, chart)


def _reversal_text(name: str, values: np.ndarray, rows: Sequence[Row], weights: Weights) -> str:
    turned = reversals(values, weights, score=name)
    if not turned:
        return f" No model left out turns the order of two others by the {name} score."
    each = turned[0]
    first, second, without = (rows[at]["model"] for at in (each.first, each.second, each.without))
    return (
        f" The {name} score depends on the set: {len(turned)} of {len(rows)} models, left out, turn "
        f"the order of two others; without {without}, {second} comes before {first}."
    )


def _changes(places: Sequence[Place]) -> list[_Change]:
    """Each row that has a parent: a more precise execution of its model, or another variant, at one place."""
    families: dict[tuple[object, ...], list[tuple[Place, Row]]] = {}
    for place in places:
        for row in place.rows:
            key = (
                *(row[name] for name in ("device", "target", "runtime", "options", "threads", "mode")),
                *(row[name] for name in ("timing_scope", "model", "batch_size", "inputs")),
            )
            families.setdefault(key, []).append((place, row))
    changes = []
    for members in families.values():
        (origin, parent), *others = sorted(members, key=lambda member: _order(*member))
        seen = {(origin.precision, parent["variant"])}
        for place, child in others:
            if (place.precision, child["variant"]) not in seen:
                seen.add((place.precision, child["variant"]))
                technique = _technique(origin, parent, place, child)
                intervals = _intervals(origin, parent, place, child)
                changes.append(_Change(technique, place.name, child, intervals))
    return changes


def _order(place: Place, row: Row) -> tuple[int, int, str]:
    """The most precise first, of equals the largest file: what was made smaller came from it."""
    known = place.precision in PRECISIONS
    rank = PRECISIONS.index(place.precision) if known else len(PRECISIONS)
    return rank, -(row["size_bytes"] or 0), str(row["variant"])


def _technique(origin: Place, parent: Row, place: Place, child: Row) -> str:
    before, after = origin.precision, place.precision
    if parent["variant"] == child["variant"]:
        return f"{before} to {after}"
    return f"{before} {parent['variant']} to {after} {child['variant']}"


def _intervals(origin: Place, parent: Row, place: Place, child: Row) -> dict[str, Interval]:
    """What the child has over its parent: points of accuracy, and factors of time and size."""
    log_ratio = math.log((place.time_s(child) or math.nan) / (origin.time_s(parent) or math.nan))
    reach = _REACH * math.hypot(log_error(child, place.time), log_error(parent, origin.time))
    ends = (math.exp(log_ratio - reach), math.exp(log_ratio + reach)) if reach else (None, None)
    sizes = (parent["size_bytes"], child["size_bytes"])
    size = sizes[1] / sizes[0] if all(sizes) else math.nan
    return {
        "accuracy": _gained(parent, child),
        "time": Interval(math.exp(log_ratio), *ends),
        "size": Interval(size, None, None),
    }


def _gained(parent: Row, child: Row) -> Interval:
    """Points of accuracy, with the binomial interval of unpaired test sets; NaN where one has none itself.

    Rows of one accuracy group share one figure: it was measured of neither precision by itself.
    """
    before, after = parent["top1"], child["top1"]
    group = parent["accuracy_group"]
    if before is None or after is None or (group is not None and group == child["accuracy_group"]):
        return Interval(math.nan, None, None)
    counts = (parent["top1_n"], child["top1_n"])
    if not all(counts):
        return Interval(after - before, None, None)
    shares = (before / 100, after / 100)
    variance = sum(share * (1 - share) / count for share, count in zip(shares, counts, strict=True))
    reach = 100 * _REACH * math.sqrt(variance)
    return Interval(after - before, after - before - reach, after - before + reach)


def _effects(technique: str, changes: Sequence[_Change]) -> Answer:
    """In how many of the three dimensions a technique helps: where it helps some models and hurts none."""
    counts = {dimension: Counter(change.effect(dimension) for change in changes) for dimension in DIMENSIONS}
    helped = [name for name, count in counts.items() if count[_HELPS] and not count[_HURTS]]
    hurt = [name for name, count in counts.items() if count[_HURTS]]
    unclear = [
        name for name, count in counts.items() if count[_OPEN] and not count[_HURTS] and name not in helped
    ]
    verdict: Verdict = (
        "holds" if len(helped) == len(DIMENSIONS) else "fails" if not unclear else "cannot tell"
    )
    if hurt:
        verdict = "fails"
    listed = "; ".join(
        f"{name}: " + ", ".join(f"{effect} {count}" for effect, count in counts[name].items())
        for name in DIMENSIONS
    )
    named = f" ({', '.join(helped)})" if helped else ""
    pairs = f"{len(changes)} pairs of rows" if len(changes) > 1 else "one pair of rows"
    sentence = (
        f"Helps in {len(helped)} of 3{named}, against the same model before. Of {pairs}, "
        f"{listed}. Margins are those of rank: 0.2 points and 2 %."
    )
    if "accuracy" in unclear:
        sentence += " An accuracy that a model shares with its parent, or lacks, says nothing."
    rows: list[tuple[Cell, ...]] = []
    for change in changes:
        cells: list[Cell] = [change.place, change.child["model"], change.child["batch_size"]]
        for dimension in DIMENSIONS:
            each = change.intervals[dimension]
            is_known = math.isfinite(each.estimate)
            cells += [each.estimate if is_known else None, each.lo, each.hi, change.effect(dimension)]
        rows.append(tuple(cells))
    columns = ("place", "model", "batch size", *_EFFECT_COLUMNS)
    title = technique + _CLAIM
    used = [change.child for change in changes]
    return Answer(STUDY, title, verdict, sentence + single_values(used), columns, tuple(rows[:_LINES_MAX]))
