"""Configurations with the same runs, in whatever order they were made: which of them stands for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paretofleet_analysis.statistics.flat_runs import FlatRuns

from .samples import Floats, Ints


@dataclass(frozen=True)
class DistinctRuns:
    """The distinct measurements of N configurations.

    `arrays` are their runs, each (m, d), sorted by value. `entry` (N,) says which measurement is whose, and
    `first` which configuration has each first.
    """

    arrays: list[Floats]
    entry: Ints
    first: Ints


def in_order(runs: Floats) -> Floats:
    """The (m, d) `runs` sorted by value, so that the order in which they were made changes nothing."""
    runs = np.asarray(runs, dtype=np.float64)
    return np.ascontiguousarray(runs[np.lexsort(runs.T)])


def in_digits(runs: Floats) -> bytes:
    """The (m, d) `runs` in ten digits, whatever their order: what an order or a seed may depend on.

    Processors round logarithms one way or the other in the last place; what follows has to be alike.
    """
    rows = ("".join(f"{value:.9e}," for value in row) for row in np.asarray(runs).tolist())
    return "\n".join(sorted(rows)).encode()


def first_of_equals(samples: Sequence[Floats], groups: Sequence[int] | None = None) -> Ints:
    """(N,): of each of the (m_i, d) `samples` the first with the same runs in the same of `groups` (N,).

    >>> first_of_equals([np.array([[1.0], [2.0]]), np.array([[3.0]]), np.array([[2.0], [1.0]])]).tolist()
    [0, 1, 0]
    """
    seen: dict[tuple[int, bytes], int] = {}
    keys = [(groups[i] if groups else 0, in_order(runs).tobytes()) for i, runs in enumerate(samples)]
    return np.array([seen.setdefault(key, i) for i, key in enumerate(keys)], dtype=np.int64)


def distinct_runs(
    samples: Sequence[Floats], groups: Sequence[int] | None = None, *, by_value: bool = False
) -> DistinctRuns:
    """The distinct measurements of (m_i, d) `samples`; those of unlike `groups` (N,) are never the same.

    They keep the order of entry, or stand in an order of their values (`by_value`), which makes what is
    drawn for them the same however a table is sorted.
    """
    same = first_of_equals(samples, groups)
    first = np.unique(same)
    if by_value:
        keys = {int(i): (in_digits(samples[i]), groups[i] if groups else 0) for i in first}
        first = np.array(sorted(keys, key=lambda i: keys[i]), dtype=np.int64)
    number = {int(i): k for k, i in enumerate(first)}
    entry = np.array([number[int(i)] for i in same], dtype=np.int64)
    return DistinctRuns([in_order(samples[i]) for i in first], entry, first)


@dataclass(frozen=True)
class OrderedRuns:
    """The distinct measurements of N configurations with n runs, in an order of their values.

    `runs`: of each its runs, sorted by value as `in_order` does. `entry` (N,): which measurement is whose.
    `lines` (n,): the configurations' lines, each one's sorted by value; `at` (n,): where in the lines of
    `runs` stand those that are equal to them.
    """

    runs: FlatRuns
    entry: Ints
    lines: Ints
    at: Ints


def ordered_runs(runs: FlatRuns) -> OrderedRuns:
    """`distinct_runs` of many configurations' `runs` at once, by the values as they are, to all digits."""
    lines = _line_order(runs)
    ordered = FlatRuns(runs.values[lines], runs.starts)
    same = first_of_equal_runs(ordered)
    first = np.flatnonzero(same == np.arange(len(same)))
    first = first[_order_by_value(ordered, first)]
    number = np.empty(len(same), dtype=np.int64)
    number[first] = np.arange(len(first))
    entry = number[same]
    distinct = ordered.take(first)
    offsets = np.arange(len(lines)) - np.repeat(runs.starts[:-1], runs.counts)
    return OrderedRuns(distinct, entry, lines, np.repeat(distinct.starts[entry], runs.counts) + offsets)


def first_of_equal_runs(runs: FlatRuns) -> Ints:
    """(N,): `first_of_equals` of many configurations' `runs` at once.

    >>> first_of_equal_runs(FlatRuns(np.array([[1.0], [2.0], [2.0], [1.0]]), np.array([0, 2, 4]))).tolist()
    [0, 0]
    """
    bits = np.ascontiguousarray(runs.values, dtype=np.float64).view(np.int64)
    sums = np.add.reduceat(bits, runs.starts[:-1], axis=0)
    # equal for the same runs in any order; what is equal by chance is compared
    prints = (sums * (2 * np.arange(1, bits.shape[1] + 1) + 3)).sum(axis=1) * 31 + runs.counts
    _, which, count = np.unique(prints, return_inverse=True, return_counts=True)
    alike = np.flatnonzero(count[which] > 1)
    same = np.arange(len(runs))
    if len(alike):
        same[alike] = alike[first_of_equals([runs[i] for i in alike.tolist()])]
    return same


def _line_order(runs: FlatRuns) -> Ints:
    """(n,) the lines of the configurations one after the other, each one's sorted as `in_order` does."""
    last = runs.values[:, -1]
    follows = np.ones(len(last), dtype=np.bool_)
    follows[runs.starts[:-1]] = False
    if (np.diff(last, prepend=-np.inf)[follows] > 0).all():
        return np.arange(len(last))
    return np.lexsort((*runs.values.T, runs.owner))


def _order_by_value(ordered: FlatRuns, members: Ints) -> Ints:
    """The order of the `members` by their lines in turn; few have equal first lines and need the others."""
    heads = ordered.values[ordered.starts[:-1][members]]
    order = np.lexsort(heads.T[::-1])
    is_like_last = np.zeros(len(order) + 1, dtype=np.bool_)
    is_like_last[1:-1] = (heads[order[1:]] == heads[order[:-1]]).all(axis=1)
    begins = np.flatnonzero(~is_like_last[:-1] & is_like_last[1:])
    ends = np.flatnonzero(is_like_last[:-1] & ~is_like_last[1:]) + 1
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        part = order[begin:end].tolist()
        part.sort(key=lambda k: ordered[int(members[k])].tolist())
        order[begin:end] = part
    return order
