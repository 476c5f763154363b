"""What the kernel is asked, in the words that its native and its numpy form share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np

from paretofleet_analysis.pareto.samples import Flags, Floats, Ints

from .index import LANES, Index, Sums, morton
from .rank_codes import Codes

#: Blocks of the index are multiplied in classes of how many centres are at most the middle of a batch.
CLASS_COUNTS = (4, 2, 1, 0)
#: A product below this is 0. It bounds the error of every probability, since each is a mean of such products.
FLOOR = 1e-9


class Rule(IntEnum):
    """When a run counts against a point."""

    AT_MOST = 0  # in every objective at most the point
    DOMINATES = 1  # and in one less
    BEATS = 2  # in every column at most the point, which is a limit, and in one at most its cut


@dataclass(frozen=True)
class Points:
    """Query points in batches of at most sixteen, such as the runs of one configuration, or points near
    each other.

    `codes` (q, d), with `cuts` (q, d) under the rules that have them; batch b is points
    batches[b]:batches[b + 1]; `owners` is the place in the index that a batch (B,) or a point (q,) belongs
    to, which does not count against it, or -1. Over shared values: `homes` (B,), the group of each batch;
    under Rule.BEATS also the `sums` of the points, beside the codes, which else have them as a column.
    """

    codes: Codes
    batches: Ints
    owners: Codes
    rule: Rule
    cuts: Codes | None = None
    homes: Codes | None = None
    sums: Sums | None = None

    def members(self) -> Codes:
        """(q,) the place that each point belongs to."""
        if len(self.owners) == len(self.codes):
            return self.owners
        return np.repeat(self.owners, np.diff(self.batches))


@dataclass(frozen=True)
class SharedCodes:
    """The shared vectors in codes: group g owns rows starts[g]:starts[g + 1] of `values` (V, s).

    `cuts` (V, s): the codes at and below which another is better by more than the margin; `loose` (V, s):
    those at and below which it is no worse by more than that. `best`, `worst` (G, s): the least value and
    the largest loose code of each group. `sums`: of the V values.
    """

    values: Codes
    loose: Codes
    cuts: Codes
    starts: Ints
    best: Codes
    worst: Codes
    sums: Sums


class Engine(Protocol):
    """One form of the kernel. Each gives the same bits for any number of threads, and all native ones the
    same; numpy too, except in the last bits of `shared_products`.
    """

    name: str

    def surviving(self, levels: tuple[Codes, ...], rows: Floats, starts: Ints, threads: int) -> Flags:
        """(n,) whether no corner of the lowest level is surely at most a row (n, d') everywhere and less
        somewhere.

        Rows starts[b]:starts[b + 1] are asked together. Surely: after rounding rows down to float32.
        """
        ...

    def products(self, index: Index, points: Points, orders: int, threads: int) -> Floats:
        """(q, orders): the probability that exactly k = 0, 1, ... configurations have a run that counts."""
        ...

    def shared_products(
        self, index: Index, points: Points, groups: Codes, shared: SharedCodes, threads: int
    ) -> Floats:
        """(q,): the probability that nobody counts, over shared values; `groups` (P,) is the group of each
        place.
        """
        ...

    def pairs(self, index: Index, points: Points, columns: Ints, threads: int) -> Floats:
        """(len(columns) - 1, P): how many pairs (run of a place, point of batches columns[j]:columns[j +
        1]) count.

        Under Rule.DOMINATES.
        """
        ...


def batch_by_configuration(codes: Codes, owners: Codes, rule: Rule) -> tuple[Points, Ints]:
    """Points `codes` (q, d) batched by the place in the index that they belong to, `owners` (q,), in index
    order, asked with `rule`; and the order (q,) that does it.
    """
    keys = owners.astype(np.int64) << 31
    if len(owners) and np.bincount(owners).max() > LANES:  # then let like points share a batch
        keys += codes.sum(axis=1, dtype=np.int64) // codes.shape[1]
    order = np.argsort(keys)
    places = owners[order]
    starts, ends = _batches(places)
    return Points(codes[order], ends, places[starts], rule), order


def batch_near(
    codes: Codes,
    owners: Codes,
    rule: Rule,
    cuts: Codes | None = None,
    homes: Ints | None = None,
    sums: Sums | None = None,
) -> tuple[Points, Ints]:
    """Points `codes` (q, d) of the places `owners` (q,), -1 for one that is not in the index, in batches of
    near ones, whose rivals are the same; and the order (q,) that does it. They are asked with `rule` and
    its `cuts`.

    Over shared values `homes` (q,) are the groups of the points: batches of one group follow each other,
    and no batch has two. `sums`: of the points, where the rule asks for them beside the codes.
    """
    keys = morton(codes)
    order = np.argsort(keys, kind="stable") if homes is None else np.lexsort((keys, homes))
    groups = np.zeros(len(order), dtype=np.int64) if homes is None else homes[order]
    starts, ends = _batches(groups)
    points = Points(
        codes[order],
        ends,
        owners[order],
        rule,
        None if cuts is None else cuts[order],
        None if homes is None else groups[starts].astype(np.int32),
        None if sums is None else sums.subset(order),
    )
    return points, order


def _batches(groups: Ints | Codes) -> tuple[Ints, Ints]:
    """Where batches of at most sixteen rows of one of the ordered `groups` (q,) start; and that with the
    end.
    """
    first = np.flatnonzero(np.diff(groups, prepend=-2))
    counts = np.diff(np.append(first, len(groups)))
    batches = -(-counts // LANES)
    within = np.arange(batches.sum()) - np.repeat(np.cumsum(batches) - batches, batches)
    starts = np.repeat(first, batches) + LANES * within
    return starts, np.append(starts, len(groups))


def batch_by_neighbourhood(codes: Codes) -> tuple[Points, Ints]:
    """Points `codes` (q, d) of nobody in batches of near ones, asked with Rule.AT_MOST, and the order (q,)
    that does it.
    """
    order = np.argsort(morton(codes), kind="stable")
    batches = np.append(np.arange(0, len(codes), LANES), len(codes))
    nobody = np.full(len(batches) - 1, -1, dtype=np.int32)
    return Points(codes[order], batches, nobody, Rule.AT_MOST), order
