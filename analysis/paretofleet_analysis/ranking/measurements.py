"""The distinct measurements of a fleet: a configuration entered twice is one, whatever the order of entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class DistinctMeasurements:
    """Of N configurations the distinct measurements, each (m, d) runs in order of value.

    They stand in an order of their values, unlike those of `pareto`, which keep the order of entry: a ranking
    must not depend on that. `entry` (N,) says which is whose, `first` which configuration stands for each.
    """

    runs: list[np.ndarray]
    entry: np.ndarray
    first: np.ndarray


def distinct_measurements(
    samples: Sequence[np.ndarray], groups: Sequence[int] | None = None
) -> DistinctMeasurements:
    """The distinct measurements of (m_i, d) `samples`; those of unlike `groups` (N,) are never the same."""
    ordered = [_in_order(runs) for runs in samples]
    keys = [(runs.tobytes(), groups[i] if groups else 0) for i, runs in enumerate(ordered)]
    entry, first = number_distinct(keys)
    return DistinctMeasurements([ordered[i] for i in first], entry, first)


def number_distinct(keys: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Numbers the distinct `keys` in ascending order: (N,) the number of each, and who has each first.

    >>> [numbers.tolist() for numbers in number_distinct(["b", "a", "b"])]
    [[1, 0, 1], [1, 0]]
    """
    numbers = {key: number for number, key in enumerate(sorted(set(keys)))}
    entry = np.array([numbers[key] for key in keys], dtype=np.int64)
    return entry, np.unique(entry, return_index=True)[1]


def _in_order(runs: np.ndarray) -> np.ndarray:
    """The runs sorted by value, so that the order in which they were made changes no draw."""
    runs = np.asarray(runs, dtype=np.float64)
    return np.ascontiguousarray(runs[np.lexsort(runs.T)])
