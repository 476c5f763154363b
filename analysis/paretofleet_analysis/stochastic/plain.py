"""The kernel in numpy: slower by two orders of magnitude, the same to the last bit; used where nothing
compiles C.
"""

from __future__ import annotations

import numpy as np

from .coding import Codes
from .index import LANES, Index
from .query import FLOOR, Points, Rule, SharedCodes
from .samples import Flags, Floats, Ints

_CELLS = 4_000_000


class PlainEngine:
    """`query.Engine` in numpy."""

    name = "numpy"

    def dominated(self, levels: tuple[Codes, ...], points: Codes, threads: int) -> Flags:  # noqa: ARG002
        """See `query.Engine`. The corners with the least sums are tried first, since they decide most
        points.
        """
        corners = _rows(levels[0])
        corners = corners[np.argsort(corners.sum(axis=1, dtype=np.int64), kind="stable")]
        found = np.zeros(len(points), dtype=np.bool_)
        start, width = 0, 64
        while start < len(corners):
            part = corners[start : start + width]
            left = np.flatnonzero(~found)
            step = max(1, _CELLS // (len(part) * corners.shape[1]))
            for a in range(0, len(left), step):
                some = left[a : a + step]
                at_most, less = _compare(part[None], points[some][:, None])
                found[some] = (at_most & less).any(axis=1)
            start, width = start + width, width * 4
        return found

    def products(self, index: Index, points: Points, orders: int, threads: int) -> Floats:  # noqa: ARG002
        """See `query.Engine`."""
        shares = _Shares(index, points)
        out = np.zeros((len(points.codes), orders))
        for q in range(len(out)):
            _, weak, strict = shares.of(q)
            out[q] = _chain(weak if points.rule is Rule.AT_MOST else strict, orders)
        return out

    def shared_products(
        self,
        index: Index,
        points: Points,
        group: Codes,
        shared: SharedCodes,
        threads: int,  # noqa: ARG002
    ) -> Floats:
        """See `query.Engine`."""
        shares = _Shares(index, points, shared.worst[group])
        return np.array(
            [_shared_product(*shares.of(q), int(group[q]), shared) for q in range(len(points.codes))]
        )

    def pairs(self, index: Index, points: Points, starts: Ints, threads: int) -> Floats:  # noqa: ARG002
        """See `query.Engine`."""
        shares = _Shares(index, points)
        out = np.zeros((len(starts) - 1, index.size))
        for j in range(len(out)):
            for q in range(starts[j], starts[j + 1]):
                places, _, strict = shares.of(q)
                out[j, places] += np.round(strict * index.runs[places])
        return out


def _rows(blocks: Codes) -> Codes:
    """(blocks * 16, d): the rows of a level, the padding of its last block included."""
    return blocks.transpose(0, 2, 1).reshape(-1, blocks.shape[1])


def _compare(runs: Codes, points: Codes) -> tuple[Flags, Flags]:
    at_most = np.ones(np.broadcast_shapes(runs.shape, points.shape)[:-1], dtype=np.bool_)
    less = np.zeros_like(at_most)
    for k in range(runs.shape[-1]):
        at_most &= runs[..., k] <= points[..., k]
        less |= runs[..., k] < points[..., k]
    return at_most, less


class _Shares:
    """For one point after another, the share of runs that count, of each configuration that may have any."""

    def __init__(self, index: Index, points: Points, corner_points: Codes | None = None) -> None:
        self._index = index
        self._points = points
        extra = [] if corner_points is None else [corner_points]
        self._corner_points = np.concatenate([points.codes, *extra], axis=1)
        self._corners = _rows(index.levels[0])[: index.size]
        self._chunks = np.diff(index.chunk_starts)
        self._runs = index.codes.transpose(0, 2, 1)

    def of(self, q: int) -> tuple[Ints, Floats, Floats]:
        """Places in the index, shares that count with `at most` alone, shares that count with one objective
        less.
        """
        near = (self._corners <= self._corner_points[q]).all(axis=1)
        if self._points.own[q] >= 0:
            near[self._points.own[q]] = False
        places = np.flatnonzero(near)
        counts = self._chunks[places]
        first = np.cumsum(counts) - counts
        chunks = np.repeat(self._index.chunk_starts[places] - first, counts) + np.arange(counts.sum())
        runs, point = self._runs[chunks], self._points.codes[q]
        if self._points.rule is Rule.MARGIN and self._points.cuts is not None:
            within = runs <= self._points.cuts[q]
            weak = (within | (runs == point)).all(axis=2)
            strict = weak & within.any(axis=2)
        else:
            weak, less = _compare(runs, point)
            strict = weak & less
        divisor = self._index.runs[places]
        return places, _sums(weak, first) / divisor, _sums(strict, first) / divisor


def _sums(flags: Flags, first: Ints) -> Ints:
    per_chunk = flags.sum(axis=1, dtype=np.int64) if flags.shape[1] == LANES else flags
    return np.add.reduceat(per_chunk, first) if len(first) else np.zeros(0, dtype=np.int64)


def _chain(shares: Floats, orders: int) -> Floats:
    """The law of the number of successes, orders terms of it, in the native kernel's order of operations."""
    law = np.zeros(orders)
    law[0] = 1.0
    for share in shares[shares > 0.0]:
        kept = 1.0 - share
        law[1:] = law[1:] * kept + law[:-1] * share
        law[0] *= kept
        if law[0] < FLOOR and (orders == 1 or law.sum() < FLOOR):
            law[:] = 0.0
            break
    return law


def _shared_product(places: Ints, weak: Floats, strict: Floats, own: int, shared: SharedCodes) -> float:
    """The formula of the shared vector for one point, averaged over the values of its own group."""
    mine = slice(shared.starts[own], shared.starts[own + 1])
    values, cuts = shared.values[mine], shared.cuts[mine]
    common = 1.0
    better: dict[int, float] = {}
    equal: dict[int, float] = {}
    for place, w, s in zip(places, weak, strict, strict=True):
        if w == 0.0:
            continue
        g = int(shared.groups[place])
        if g == own:
            common *= 1.0 - s
        elif (shared.worst[g] <= cuts.min(axis=0)).all():
            common *= 1.0 - w
        else:
            better[g] = better.get(g, 1.0) * (1.0 - w)
            equal[g] = equal.get(g, 1.0) * (1.0 - s)
        if common < FLOOR:
            return 0.0
    total = 0.0
    for value, cut in zip(values, cuts, strict=True):
        product = common
        for g, better_left in better.items():
            theirs = shared.values[shared.starts[g] : shared.starts[g + 1]]
            within = theirs <= cut
            at_least = (within | (theirs == value)).all(axis=1)
            n_better = int((at_least & within.any(axis=1)).sum())
            n_equal = int(at_least.sum()) - n_better
            n_worse = len(theirs) - n_better - n_equal
            product *= (n_worse + n_better * better_left + n_equal * equal[g]) / len(theirs)
        total += product
    return total / len(values)
