"""How many points lie at or below others in every objective, without looking at all pairs.

Bentley 1980, Multidimensional divide-and-conquer (Commun. ACM 23(4) 214): n points in d objectives take
n log(n)^(d - 1) steps, whatever lies below what.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .kernel.rank_codes import Codes
from .samples import Floats, Ints

#: Pairs up to which comparing them all is quicker than dividing them.
_CELLS = 100_000


@dataclass(frozen=True)
class _Marked:
    """Codes `table` (d, n), ordered by the last objective; what each of the n is: a weight or a place."""

    table: Codes
    marks: np.ndarray

    @classmethod
    def of(cls, codes: Codes, marks: np.ndarray) -> _Marked:
        """Points by their `codes` (n, d) and `marks` (n,)."""
        order = np.argsort(codes[:, -1], kind="stable")
        return cls(np.ascontiguousarray(codes[order].T), marks[order])

    def __len__(self) -> int:
        return len(self.marks)

    def parts(self, middle: int) -> tuple[_Marked, _Marked]:
        """Those up to `middle` in the first objective, and the others."""
        is_low = self.table[0] <= middle
        low, high = np.flatnonzero(is_low), np.flatnonzero(~is_low)
        return self._taken(low), self._taken(high)

    def _taken(self, at: Ints) -> _Marked:
        return _Marked(self.table.take(at, axis=1), self.marks.take(at))

    def without_first(self) -> _Marked:
        """The same in the other objectives."""
        return _Marked(self.table[1:], self.marks)


def weights_at_most(points: Codes, others: Codes, weights: Floats | None = None) -> Ints:
    """(N,) the sum of the weights of the `others` (R, d) that are at most each of the `points` (N, d).

    Codes of either number the same values. `weights` (R,): whole numbers, 1 each if None; their sum must be
    less than 2^53.

    >>> points = np.array([[1, 2], [2, 2]], dtype=np.int32)
    >>> weights_at_most(points, np.array([[1, 2], [0, 3], [2, 0]], dtype=np.int32)).tolist()
    [1, 2]
    """
    sums = np.zeros(len(points))
    by_variety = np.argsort([len(np.unique(column)) for column in others.T], kind="stable")
    marks = np.ones(len(others)) if weights is None else weights
    _add(
        _Marked.of(others[:, by_variety], marks),
        _Marked.of(points[:, by_variety], np.arange(len(points))),
        sums,
    )
    return sums.astype(np.int64)


def _add(others: _Marked, points: _Marked, sums: Floats) -> None:
    """Adds to the `sums` at each point's place the weights of the others that are at most the point."""
    if not (len(others) and len(points)):
        return
    if len(others.table) == 1:
        total = np.concatenate([[0.0], np.cumsum(others.marks)])
        sums[points.marks] += total[np.searchsorted(others.table[0], points.table[0], side="right")]
        return
    if len(others) * len(points) <= _CELLS:
        counts = np.logical_and.reduce(
            [mine[:, None] <= theirs for mine, theirs in zip(others.table, points.table, strict=True)]
        )
        sums[points.marks] += others.marks @ counts
        return
    first = others.table[0], points.table[0]
    (least, most), (lowest, highest) = ((int(codes.min()), int(codes.max())) for codes in first)
    if most <= lowest:
        _add(others.without_first(), points.without_first(), sums)
    elif least <= highest:
        middle = (min(least, lowest) + max(most, highest)) // 2
        (low, high), (below, above) = others.parts(middle), points.parts(middle)
        _add(low, below, sums)
        _add(high, above, sums)
        _add(low.without_first(), above.without_first(), sums)


def weights_equal(points: Codes, others: Codes, weights: Floats | None = None) -> Ints:
    """(N,) the sum of the weights of the `others` (R, d) that are each of the `points` (N, d) itself.

    Codes and `weights` as for `weights_at_most`.

    >>> points = np.array([[1, 2], [2, 2]], dtype=np.int32)
    >>> weights_equal(points, np.array([[1, 2], [0, 3], [1, 2]], dtype=np.int32)).tolist()
    [2, 0]
    """
    every = np.concatenate([others, points])
    names = np.zeros(len(every), dtype=np.int64)
    for column in every.T:
        names = np.unique(names * (int(column.max(initial=0)) + 1) + column, return_inverse=True)[1]
    total = np.bincount(names[: len(others)], weights, minlength=int(names.max(initial=0)) + 1)
    return total[names[len(others) :]].astype(np.int64)
