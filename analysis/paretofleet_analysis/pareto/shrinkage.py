"""How far a configuration's costs could shrink while somebody still beats it: its efficiency, as an
interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .deterministic import nondominated
from .margins import in_margins
from .samples import Flags, Floats, Ints
from .validation import Absolute

_QUANTILES = (0.5, 0.025, 0.975)
#: Of each configuration the rivals that would let its means shrink furthest are looked at in every world.
_RIVALS = 24
#: Up to so many configurations all are rivals; beyond, those on the frontier of the means.
_ALL_ARE_RIVALS = 1000
_WORLDS_MIN, _WORLDS_MAX = 200, 1000
_CELLS = 2_000_000


@dataclass(frozen=True)
class EfficiencyIntervals:
    """(N,) medians of each configuration's efficiency, and the ends of the central 95 % of its law.

    NaN at the ends where no law was computed; the efficiency of the means then stands for the median.
    """

    median: Floats
    lo: Floats
    hi: Floats

    def subset(self, chosen: Ints) -> EfficiencyIntervals:
        """The same of the configurations numbered in `chosen`."""
        return EfficiencyIntervals(self.median[chosen], self.lo[chosen], self.hi[chosen])


def efficiency_intervals(
    points: Sequence[Floats],
    means: Floats,
    kept: Ints,
    *,
    maximize: Sequence[bool],
    is_held: Sequence[bool],
    margin: Sequence[float],
) -> EfficiencyIntervals:
    """The efficiencies of N configurations: to which share of its costs each could shrink until no other
    that beats it gains in sum any more, or loses less than a margin. 1 is what nobody beats.

    `means` (N, d): their means; `points`: (m, d) replicates of those numbered in `kept`, the others are
    surely beaten. `is_held` (d,): objectives that do not shrink; not all. Accuracy is held, because a share
    of an accuracy means nothing. What is to `maximize` (d,) and not held (a throughput) enters as its
    reciprocal. `margin`: d tolerances as of `front_probability`; an absolute one of what shrinks is taken
    as a share of the median. Each replicate is a world: the k-th of all
    configurations. Source: with margins of 0 it is the input efficiency of the free disposal hull, Deprins,
    Simar, Tulkens 1984.

    >>> means = np.array([[70.0, 1.0], [70.0, 2.0]])
    >>> points = [mean * np.array([[1.0, 0.99], [1.0, 1.01]]) for mean in means]
    >>> options = {"maximize": [True, False], "is_held": [True, False], "margin": [Absolute(0.2), 0.02]}
    >>> efficiency_intervals(points, means, np.arange(2), **options).median.round(1).tolist()
    [1.0, 0.5]
    """
    scale = _Scale.of(means, maximize, is_held, margin)
    middle = scale.coordinates(means)
    candidates = kept
    if len(kept) > _ALL_ARE_RIVALS:
        candidates = kept[nondominated(middle[kept], maximize=[False] * len(scale.units))]
    shrinkage, rivals = _of_means(middle, candidates, scale)
    median, lo, hi = np.exp(-shrinkage), np.full(len(means), np.nan), np.full(len(means), np.nan)
    drawn = scale.coordinates(_worlds(points))
    worlds = drawn.shape[1]
    place = np.zeros(len(means), dtype=np.int64)
    place[kept] = np.arange(len(kept))
    step = max(1, _CELLS // (worlds * rivals.shape[1]))
    for a in range(0, len(kept), step):
        part = kept[a : a + step]
        theirs = drawn[place[rivals[part]]]
        bound, beats = _shrinkage(drawn[a : a + step, None], theirs, scale)
        furthest = np.where(beats > 0.0, bound, 0.0).max(axis=1)
        median[part], lo[part], hi[part] = np.exp(-np.quantile(furthest, [1 - q for q in _QUANTILES], axis=1))
    return EfficiencyIntervals(median, lo, hi)


@dataclass(frozen=True)
class _Scale:
    """Of d objectives whether they are `held`, the `signs` that make costs of them, and their margins: the
    `units` (d,), 0 where there is none, of the logarithm of a cost that may shrink and of a held one in its
    margin.
    """

    held: Flags
    signs: Floats
    units: Floats
    margins: list[float]

    @classmethod
    def of(
        cls, means: Floats, maximize: Sequence[bool], is_held: Sequence[bool], margin: Sequence[float]
    ) -> _Scale:
        """The scale of rows with these means."""
        held = np.asarray(is_held, dtype=np.bool_)
        signs = np.where(np.asarray(maximize), -1.0, 1.0)
        shares = [
            float(m) / float(np.median(means[:, k])) if isinstance(m, Absolute) else float(m)
            for k, m in enumerate(margin)
        ]
        units = np.where(held, np.asarray(margin, dtype=np.float64) > 0, np.log1p(shares))
        return cls(held, signs, units, list(margin))

    def coordinates(self, values: Floats) -> Floats:
        """Less is better, of values (..., d)."""
        costs = values * self.signs
        for k, (is_held, unit) in enumerate(zip(self.held, self.units, strict=True)):
            if not is_held:
                costs[..., k] = np.log(values[..., k]) * self.signs[k]
            elif unit:
                costs[..., k] = in_margins(costs[..., k], self.margins[k])
        return np.asarray(costs)


def _shrinkage(ours: Floats, theirs: Floats, scale: _Scale) -> tuple[Floats, Floats]:
    """(...,) by how much the logarithm of our costs (..., d) may fall until theirs gain no more in sum, or
    lose more than a margin in one; and the same with the demand to gain more than a margin in one, above 0
    where they beat.
    """
    shape = np.broadcast_shapes(ours.shape, theirs.shape)[:-1]
    lost, gained, exact = np.full(shape, np.inf), np.full(shape, -np.inf), np.full(shape, -np.inf)
    total, slope = np.zeros(shape), 0.0
    for k, (is_held, unit) in enumerate(zip(scale.held, scale.units, strict=True)):
        gap = ours[..., k] - theirs[..., k]
        if is_held:
            lost[gap < -unit] = -np.inf
            gained[gap > unit] = np.inf
            if unit:
                total += gap
            else:
                exact[gap > 0] = np.inf
            continue
        np.minimum(lost, gap + unit, out=lost)
        np.maximum(gained, gap - unit, out=gained)
        if unit:
            total += gap / unit
            slope += 1.0 / unit
        else:
            np.maximum(exact, gap, out=exact)
    in_sum = total / slope if slope else np.where(total > 0, np.inf, -np.inf)
    bound = np.minimum(lost, np.maximum(in_sum, exact))
    return bound, np.minimum(bound, gained)


def _worlds(points: Sequence[Floats]) -> Floats:
    """(n, worlds, d) what each configuration shows in each world; of few runs, or unlike numbers of them,
    draws.
    """
    counts = {len(values) for values in points}
    if len(counts) == 1 and min(counts) >= _WORLDS_MIN:
        return np.array([values[:_WORLDS_MAX] for values in points])
    rng = np.random.default_rng(0)
    return np.array([values[rng.integers(len(values), size=_WORLDS_MIN)] for values in points])


def _of_means(middle: Floats, candidates: Ints, scale: _Scale) -> tuple[Floats, Ints]:
    """(N,) the shrinkage when means are taken as certain, and (N, r) the candidates that allow the most of
    it.
    """
    count = min(_RIVALS, len(candidates))
    furthest, rivals = np.zeros(len(middle)), np.zeros((len(middle), count), dtype=np.int64)
    step = max(1, _CELLS // len(candidates))
    for a in range(0, len(middle), step):
        bound, beats = _shrinkage(middle[a : a + step, None], middle[candidates], scale)
        rivals[a : a + step] = candidates[np.argpartition(-beats, count - 1, axis=1)[:, :count]]
        furthest[a : a + step] = np.where(beats > 0.0, bound, 0.0).max(axis=1)
    return furthest, rivals
