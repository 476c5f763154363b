"""The runs of very many configurations in one table, where an array for each would fill the memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import overload

import numpy as np


class FlatRuns(Sequence[np.ndarray]):
    """N arrays (m_i, d), each a view of its lines of the `values` (n, d); configuration i's are
    `starts[i]:starts[i + 1]`, so that `starts` are (N + 1,).

    >>> runs = FlatRuns(np.array([[1.0], [2.0], [3.0]]), np.array([0, 1, 3]))
    >>> [values.ravel().tolist() for values in runs], runs.counts.tolist()
    ([[1.0], [2.0, 3.0]], [1, 2])
    """

    def __init__(self, values: np.ndarray, starts: np.ndarray) -> None:
        self.values, self.starts = values, starts

    @property
    def counts(self) -> np.ndarray:
        """(N,) how many runs each has."""
        return np.diff(self.starts)

    @property
    def owner(self) -> np.ndarray:
        """(n,) whose each line is."""
        return np.repeat(np.arange(len(self)), self.counts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @overload
    def __getitem__(self, at: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[np.ndarray]: ...
    def __getitem__(self, at: int | slice) -> np.ndarray | Sequence[np.ndarray]:
        if isinstance(at, slice):
            return self.take(np.arange(len(self))[at])
        i = range(len(self))[at]
        return self.values[self.starts[i] : self.starts[i + 1]]

    def __iter__(self) -> Iterator[np.ndarray]:
        bounds = self.starts.tolist()
        for start, stop in pairwise(bounds):
            yield self.values[start:stop]

    def take(self, chosen: np.ndarray) -> FlatRuns:
        """The same of the configurations numbered in `chosen`, in that order."""
        starts = np.concatenate([[0], np.cumsum(self.counts[chosen])])
        return FlatRuns(self.values[self.lines(chosen)], starts)

    def lines(self, chosen: np.ndarray) -> np.ndarray:
        """The lines of the configurations numbered in `chosen`, in that order."""
        counts = self.counts[chosen]
        ends = np.cumsum(counts)
        return np.repeat(self.starts[chosen] - (ends - counts), counts) + np.arange(counts.sum())

    def columns(self, start: int, stop: int | None = None) -> FlatRuns:
        """The same of the columns from `start` to before `stop`."""
        return FlatRuns(self.values[:, start:stop], self.starts)


def flat(samples: Sequence[np.ndarray]) -> FlatRuns:
    """The `samples`, N arrays (m_i, d) of which none is empty, in one table; a flat one as it is."""
    if isinstance(samples, FlatRuns):
        return samples
    counts = [len(values) for values in samples]
    return FlatRuns(np.concatenate(samples), np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]))


def mapped(
    function: Callable[[np.ndarray], np.ndarray], samples: Sequence[np.ndarray]
) -> Sequence[np.ndarray]:
    """The `samples` with an elementwise `function` of their values; flat ones stay flat."""
    if isinstance(samples, FlatRuns):
        return FlatRuns(function(samples.values), samples.starts)
    return [function(values) for values in samples]
