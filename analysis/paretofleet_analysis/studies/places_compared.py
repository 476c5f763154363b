"""Two places held against each other by the models that ran at both: fronts, and what a choice costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paretofleet_analysis.pareto.deterministic import nondominated
from paretofleet_analysis.report.access import Row
from paretofleet_analysis.studies.places import Place, log_error

Floats = np.ndarray
#: A time within so much of the best is near it: the margin of `rank`.
NEAR = 0.02
_DRAWS = 200
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


def pairs_of(places: Sequence[Place], *, top1_min: float | None) -> list[Pair]:
    """Every two of the `places` that compare, in both directions, with the models of each batch size.

    `top1_min`: percent that a model must have at both; None takes all. Places compare where they differ in
    device or runtime, and in no precision that both name.
    """
    pairs = []
    for origin in places:
        for other in places:
            is_other = (origin.device, origin.runtime) != (other.device, other.runtime)
            precisions = {origin.precision, other.precision} - {"unknown"}
            if origin is not other and is_other and len(precisions) < 2:
                sizes = [size for size in origin.batch_sizes if size in other.batch_sizes]
                pairs += [_pair(origin, other, size, top1_min) for size in sizes]
    return [pair for pair in pairs if len(pair.models) > 1]


def _pair(origin: Place, other: Place, batch_size: int, top1_min: float | None) -> Pair:
    first, second = (_by_model(place, batch_size, top1_min) for place in (origin, other))
    both = [key for key in first if key in second]
    rows = [(first[key], second[key]) for key in both]
    return Pair(
        origin,
        other,
        batch_size,
        tuple(row["model"] for row, _ in rows),
        np.array([origin.time_s(row) or math.nan for row, _ in rows]),
        np.array([other.time_s(row) or math.nan for _, row in rows]),
        np.array([log_error(row, origin.time) for row, _ in rows]),
        np.array([log_error(row, other.time) for _, row in rows]),
        np.array([math.nan if row["top1"] is None else row["top1"] for row, _ in rows], dtype=float),
    )


def _by_model(place: Place, batch_size: int, top1_min: float | None) -> dict[tuple[object, ...], Row]:
    """The row of each model, the one of the most runs, the later of equals."""
    chosen: dict[tuple[object, ...], Row] = {}
    for row in place.at(batch_size):
        key = (row["model"], row["variant"], row["inputs"])
        is_kept = top1_min is None or (row["top1"] is not None and row["top1"] >= top1_min)
        if is_kept and (key not in chosen or row["runs"] >= chosen[key]["runs"]):
            chosen[key] = row
    return chosen


def overlap(pair: Pair, *, seed: int = 1, with_interval: bool = True) -> Overlap | None:
    """The overlap of the fronts of accuracy and time of a `pair`; None where no model has an accuracy.

    There is an interval only `with_interval`: that of fronts of times drawn as the runs leave them open
    (`seed`).
    """
    has_top1 = np.isfinite(pair.top1)
    if not has_top1.any():
        return None
    top1, first, second = pair.top1[has_top1], pair.origin_s[has_top1], pair.other_s[has_top1]
    members = nondominated(np.column_stack([top1, first]), maximize=[True, False])
    there = nondominated(np.column_stack([top1, second]), maximize=[True, False])
    factors = _factors(top1, second)[members]
    errors = [error[has_top1] for error in (pair.origin_error, pair.other_error)]
    ends: tuple[float | None, float | None] = (None, None)
    if with_interval and any(error.any() for error in errors) and len(top1) <= _DRAWN_MAX:
        rng = np.random.default_rng(seed)
        shares = []
        for _ in range(_DRAWS):
            one, two = (
                times * np.exp(error * rng.standard_normal(len(times)))
                for times, error in zip((first, second), errors, strict=True)
            )
            front = nondominated(np.column_stack([top1, one]), maximize=[True, False])
            shares.append(float((_factors(top1, two)[front] < 1 + NEAR).mean()))
        ends = (float(np.percentile(shares, 2.5)), float(np.percentile(shares, 97.5)))
    near = float((factors < 1 + NEAR).mean())
    return Overlap(int(members.sum()), int((members & there).sum()), near, *ends, float(factors.max()))


def _factors(top1: Floats, times: Floats) -> Floats:
    """(n,) by which factor each is slower than the fastest that is at least as accurate."""
    order = np.lexsort((times, -top1))
    best = np.minimum.accumulate(times[order])
    # Of equal accuracies each may take the best of them all.
    last = np.searchsorted(-top1[order], -top1[order], side="right") - 1
    factors = np.empty(len(times))
    factors[order] = times[order] / best[last]
    return factors


def regret(pair: Pair, *, seed: int = 1, with_interval: bool = True) -> Regret:
    """What it costs at the other place to take what is fastest at the origin of a `pair`.

    There is an interval only `with_interval`: of both choices made again by times drawn as the runs leave
    them open (`seed`).
    """
    chosen = int(pair.origin_s.argmin())
    factor = float(pair.other_s[chosen] / pair.other_s.min())
    if not with_interval or not (pair.origin_error.any() or pair.other_error.any()):
        return Regret(pair.models[chosen], factor, None, None)
    rng = np.random.default_rng(seed)
    shape = (_DRAWS, len(pair.models))
    there = pair.other_s * np.exp(pair.other_error * rng.standard_normal(shape))
    factors = there[:, chosen] / there.min(axis=1)
    return Regret(pair.models[chosen], factor, *(float(end) for end in np.percentile(factors, [2.5, 97.5])))
