"""Two places held against each other by the models that ran at both: fronts, and what a choice costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paretofleet_analysis.report.access import Row
from paretofleet_analysis.studies.drawn_times import DrawnTimes, fronts_of, slower_by
from paretofleet_analysis.studies.places import Place, log_error

Floats = np.ndarray
#: A time within so much of the best is near it: the margin of `rank`.
NEAR = 0.02
#: More models make draws of fronts slow; of them the values are taken as they are.
_DRAWN_MAX = 1000


@dataclass(frozen=True)
class Pair:
    """(n,) the models that ran at both places with one batch size: seconds of an item, errors of their logs.

    `top1` (n,) in percent, NaN where it is unknown.
    """

    origin: Place
    other: Place
    batch_size: int
    models: tuple[str, ...]
    origin_s: Floats
    other_s: Floats
    origin_error: Floats
    other_error: Floats
    top1: Floats


@dataclass(frozen=True)
class Overlap:
    """How much of the origin's front is the other's: `members`, and of them those on it and those near it.

    `near` is the share near it; its ends are None where runs give no interval. `worst` is the largest factor
    by which a member of the origin's front is slower at the other than what is as accurate there.
    """

    members: int
    shared: int
    near: float
    near_lo: float | None
    near_hi: float | None
    worst: float


@dataclass(frozen=True)
class Regret:
    """The model that is fastest at the origin, and by which factor another is faster at the other place."""

    model: str
    factor: float
    lo: float | None
    hi: float | None


@dataclass(frozen=True)
class _Models:
    """(n,) the models of a place at one batch size, by `keys`: what a `Pair` has of either side."""

    keys: dict[tuple[object, ...], int]
    names: tuple[str, ...]
    seconds: Floats
    errors: Floats
    top1: Floats

    @classmethod
    def of(cls, place: Place, batch_size: int, top1_min: float | None) -> _Models:
        """Those of a `place` that ran `batch_size` items, with at least `top1_min` percent, None for all."""
        chosen = _by_model(place, batch_size, top1_min)
        rows = chosen.values()
        return cls(
            {key: at for at, key in enumerate(chosen)},
            tuple(row["model"] for row in rows),
            np.array([place.time_s(row) or math.nan for row in rows]),
            np.array([log_error(row, place.time) for row in rows]),
            np.array([math.nan if row["top1"] is None else row["top1"] for row in rows], dtype=float),
        )

    def pair(self, origin: Place, other: Place, batch_size: int, of_other: _Models) -> Pair:
        """What `origin`, whose models these are, and the `other` place have in common."""
        both = [key for key in self.keys if key in of_other.keys]
        ours, theirs = (np.array([side.keys[key] for key in both], dtype=int) for side in (self, of_other))
        return Pair(
            origin,
            other,
            batch_size,
            tuple(self.names[at] for at in ours),
            self.seconds[ours],
            of_other.seconds[theirs],
            self.errors[ours],
            of_other.errors[theirs],
            self.top1[ours],
        )


def pairs_of(places: Sequence[Place], *, top1_min: float | None) -> list[Pair]:
    """Every two of the `places` that compare, in both directions, with the models of each batch size.

    `top1_min`: percent that a model must have at both; None takes all. Places compare where they differ in
    device or runtime, and in no precision that both name.
    """
    sides = [{size: _Models.of(place, size, top1_min) for size in place.batch_sizes} for place in places]
    pairs = []
    for origin, of_origin in zip(places, sides, strict=True):
        for other, of_other in zip(places, sides, strict=True):
            is_other = (origin.device, origin.runtime) != (other.device, other.runtime)
            precisions = {origin.precision, other.precision} - {"unknown"}
            if origin is not other and is_other and len(precisions) < 2:
                sizes = [size for size in of_origin if size in of_other]
                pairs += [of_origin[size].pair(origin, other, size, of_other[size]) for size in sizes]
    return [pair for pair in pairs if len(pair.models) > 1]


def _by_model(place: Place, batch_size: int, top1_min: float | None) -> dict[tuple[object, ...], Row]:
    """The row of each model, the one of the most runs, the later of equals."""
    chosen: dict[tuple[object, ...], Row] = {}
    for row in place.at(batch_size):
        key = (row["model"], row["variant"], row["inputs"])
        is_kept = top1_min is None or (row["top1"] is not None and row["top1"] >= top1_min)
        if is_kept and (key not in chosen or row["runs"] >= chosen[key]["runs"]):
            chosen[key] = row
    return chosen


def overlap(pair: Pair, drawn: DrawnTimes | None = None) -> Overlap | None:
    """The overlap of the fronts of accuracy and time of a `pair`; None where no model has an accuracy.

    The interval is that of fronts of times `drawn` as the runs leave them open; None leaves it out.
    """
    has_top1 = np.isfinite(pair.top1)
    if not has_top1.any():
        return None
    top1, first, second = pair.top1[has_top1], pair.origin_s[has_top1], pair.other_s[has_top1]
    members, there = fronts_of(top1, np.stack([first, second]))
    factors = slower_by(top1, second[None])[0][members]
    errors = [error[has_top1] for error in (pair.origin_error, pair.other_error)]
    ends: tuple[float | None, float | None] = (None, None)
    if drawn is not None and any(error.any() for error in errors) and len(top1) <= _DRAWN_MAX:
        front = drawn.fronts(top1, first, errors[0])
        near_there = drawn.near(top1, second, errors[1], NEAR)
        shares = (front & near_there).sum(axis=1) / front.sum(axis=1)
        lo, hi = np.percentile(shares, [2.5, 97.5])
        ends = (float(lo), float(hi))
    near = float((factors < 1 + NEAR).mean())
    return Overlap(int(members.sum()), int((members & there).sum()), near, *ends, float(factors.max()))


def regret(pair: Pair, drawn: DrawnTimes | None = None) -> Regret:
    """What it costs at the other place to take what is fastest at the origin of a `pair`.

    The interval is of that choice by times `drawn` as the runs leave them open; None leaves it out.
    """
    chosen = int(pair.origin_s.argmin())
    factor = float(pair.other_s[chosen] / pair.other_s.min())
    if drawn is None or not (pair.origin_error.any() or pair.other_error.any()):
        return Regret(pair.models[chosen], factor, None, None)
    factors = drawn.over_fastest(pair.other_s, pair.other_error)[chosen]
    return Regret(pair.models[chosen], factor, *(float(end) for end in np.percentile(factors, [2.5, 97.5])))
