"""The kernel in numpy: slower by two orders of magnitude; used where nothing compiles C.

The same to the last bit, but for shared values, whose groups it meets in another order (last bits differ).
"""

from __future__ import annotations

import numpy as np

from paretofleet_analysis.pareto.samples import Flags, Floats, Ints

from .index import LANES, Index
from .numpy_pairs import counted_runs, related_pairs
from .query import CLASS_COUNTS, FLOOR, Points, Rule, SharedCodes
from .rank_codes import Codes, float_keys

_CELLS = 4_000_000


class NumpyEngine:
    """`query.Engine` in numpy."""

    name = "numpy"

    def surviving(
        self,
        levels: tuple[Codes, ...],
        rows: Floats,
        starts: Ints,  # noqa: ARG002
        threads: int,  # noqa: ARG002
    ) -> Flags:
        """See `query.Engine`. The corners with the least sums are tried first: they decide most rows."""
        keys, corners = float_keys(rows, up=False), _rows(levels[0])
        corners = corners[np.argsort(corners.sum(axis=1, dtype=np.int64), kind="stable")]
        alive = np.ones(len(keys), dtype=np.bool_)
        start, width = 0, 64
        while start < len(corners):
            part = corners[start : start + width]
            left = np.flatnonzero(alive)
            step = max(1, _CELLS // (len(part) * corners.shape[1]))
            for a in range(0, len(left), step):
                tested = left[a : a + step]
                at_most, less = _compare(part[None], keys[tested][:, None])
                alive[tested] = ~(at_most & less).any(axis=1)
            start, width = start + width, width * 4
        return alive

    def products(self, index: Index, points: Points, orders: int, threads: int) -> Floats:  # noqa: ARG002
        """See `query.Engine`."""
        out = np.zeros((len(points.codes), orders))
        for b in range(len(points.batches) - 1):
            _, weak, strict = _Near(index, points, b).shares()
            shares = weak if points.rule is Rule.AT_MOST else strict
            out[points.batches[b] : points.batches[b + 1]] = _laws(shares, orders)
        return out

    def shared_products(
        self,
        index: Index,
        points: Points,
        groups: Codes,
        shared: SharedCodes,
        threads: int,  # noqa: ARG002
    ) -> Floats:
        """See `query.Engine`."""
        out = np.zeros(len(points.codes))
        if points.homes is None:
            raise ValueError("shared values need the homes of the points")
        for b, group in enumerate(points.homes.tolist()):
            near = _Near(index, points, b, shared.worst[group])
            if points.rule is Rule.BEATS:
                out[points.batches[b] : points.batches[b + 1]] = near.unbeaten(group, groups, shared)
                continue
            places, weak, strict = near.shares()
            for q, shares in enumerate(zip(weak, strict, strict=True), start=points.batches[b]):
                out[q] = _shared_product((places, *shares), group, groups, shared)
        return out

    def pairs(self, index: Index, points: Points, columns: Ints, threads: int) -> Floats:  # noqa: ARG002
        """See `query.Engine`."""
        out = np.zeros((len(columns) - 1, index.size))
        for j in range(len(out)):
            for b in range(columns[j], columns[j + 1]):
                places, _, strict = _Near(index, points, b).shares()
                out[j, places] += np.round(strict * index.runs[places]).sum(axis=0)
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


class _Near:
    """The places of the index that may count against the points of a batch, and their shares for each
    point.
    """

    def __init__(self, index: Index, points: Points, batch: int, extra_corner: Codes | None = None) -> None:
        self._index = index
        self._points = points
        self._batch = slice(points.batches[batch], points.batches[batch + 1])
        codes = points.codes[self._batch]
        low, high = codes.min(axis=0), codes.max(axis=0)
        corner = high if extra_corner is None else np.concatenate([high, extra_corner])
        near = np.all(_rows(index.levels[0])[: index.size] <= corner, axis=1)
        typical = np.all(_rows(index.centres) <= low + (high - low) // 2, axis=1)
        strength = typical.reshape(-1, LANES).sum(axis=1)
        classes = len(CLASS_COUNTS) - np.searchsorted(CLASS_COUNTS[::-1], strength, side="right")
        self._members = points.members()[self._batch]
        places = np.flatnonzero(near)
        self._places = places[np.lexsort((places, classes[places // LANES]))]
        first, counts = index.starts[self._places], np.diff(index.starts)[self._places]
        self._first, self._counts = np.cumsum(counts) - counts, counts
        self._rows = np.repeat(first - self._first, counts) + np.arange(counts.sum())
        self._runs = ~index.complements[self._rows]

    def shares(self) -> tuple[Ints, Floats, Floats]:
        """The places (P,), and for each point their shares of runs (q, P) that count: without and with the
        demand for one objective less.
        """
        points = self._points.codes[self._batch, None]
        weak, less = _compare(self._runs, points)
        if self._points.rule is Rule.BEATS and self._points.cuts is not None:
            less = (self._runs <= self._points.cuts[self._batch, None]).any(axis=2)
        divisor = self._index.runs[self._places]
        others = self._places != self._members[:, None]
        return (
            self._places,
            self._sums(weak) * others / divisor,
            self._sums(weak & less) * others / divisor,
        )

    def unbeaten(self, home: int, groups: Codes, shared: SharedCodes) -> Floats:
        """(q,) the probability that nobody beats each point of the group `home`, over shared values."""
        points, runs = self._points, self._index.sums
        if points.cuts is None or points.sums is None or runs is None:
            raise ValueError("Rule.BEATS over shared values needs cuts and sums")
        weak, _ = _compare(self._runs, points.codes[self._batch, None])
        gains = (self._runs <= points.cuts[self._batch, None]).any(axis=2)
        asked, runs = points.sums.subset(np.r_[self._batch]), runs.subset(self._rows)
        lacks = runs.potentials - asked.potentials[:, None]
        lacks[runs.precedences < asked.precedences[:, None]] = -np.inf
        others = self._places != self._members[:, None]
        at_home = self._sums(weak & gains & (lacks < 0.0)) * others / self._index.runs[self._places]
        is_home = groups[self._places] == home
        common = np.prod(1.0 - at_home[:, is_home], axis=1)
        totals = np.tile(common[:, None], shared.starts[home + 1] - shared.starts[home])
        for g in np.unique(groups[self._places[~is_home]]).tolist():
            pairs = related_pairs(shared, home, g)
            members = np.flatnonzero(groups[self._places] == g)
            for q in range(len(totals)):
                products = np.ones(len(pairs.deltas))
                for k in members:
                    part = slice(self._first[k], self._first[k] + self._counts[k])
                    counted = counted_runs(pairs, lacks[q, part], gains[q, part], weak[q, part])
                    products *= 1.0 - counted / self._index.runs[self._places[k]]
                totals[q] *= pairs.factors(products)
        return np.asarray(np.where(totals.max(axis=1) < FLOOR, 0.0, totals.mean(axis=1)))

    def _sums(self, flags: Flags) -> Ints:
        """(q, P): the number of set flags (q, runs) of each place."""
        if len(self._first) == 0:
            return np.zeros((len(flags), 0), dtype=np.int64)
        return np.add.reduceat(flags, self._first, axis=1, dtype=np.int64)


def _laws(shares: Floats, orders: int) -> Floats:
    """(q, orders): the laws of the numbers of successes, in the native kernel's order of operations."""
    laws = np.zeros((len(shares), orders))
    laws[:, 0] = 1.0
    for share in shares.T:
        kept = (1.0 - share)[:, None]
        laws[:, 1:] = laws[:, 1:] * kept + laws[:, :-1] * share[:, None]
        laws[:, :1] *= kept
    held = np.cumsum(laws, axis=1)[:, -1]
    laws[held < FLOOR] = 0.0
    return laws


def _shared_product(
    shares: tuple[Ints, Floats, Floats], home: int, groups: Codes, shared: SharedCodes
) -> float:
    """The formula of the shared vector for a point, averaged over the values of its `home`, its own group."""
    members = slice(shared.starts[home], shared.starts[home + 1])
    values, cuts = shared.values[members], shared.cuts[members]
    common = 1.0
    better: dict[int, float] = {}
    equal: dict[int, float] = {}
    for place, w, s in zip(*shares, strict=True):
        if w == 0.0:
            continue
        g = int(groups[place])
        if g == home:
            common *= 1.0 - s
        elif (shared.worst[g] <= cuts).all():
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
