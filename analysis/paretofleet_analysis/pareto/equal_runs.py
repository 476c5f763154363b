"""Configurations with the same runs, in whatever order they were made: which of them stands for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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
