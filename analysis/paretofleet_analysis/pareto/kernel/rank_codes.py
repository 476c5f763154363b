"""Pooled rank codes: each objective's distinct values are numbered, so that comparing codes is comparing
values.

Ties stay ties exactly, and every comparison afterwards is of 32-bit integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np
import numpy.typing as npt

from paretofleet_analysis.pareto.samples import Floats

Codes = npt.NDArray[np.int32]

#: No point reaches this code, so that padding never dominates.
PADDING = np.int32(np.iinfo(np.int32).max)


class RankCodes:
    """The pooled codes of costs (n, d): `codes` (n, d) and, per objective, the sorted values they number."""

    def __init__(self, costs: Floats, threads: int = 1) -> None:
        self.codes: Codes = np.empty(costs.shape, dtype=np.int32)
        if threads == 1:
            self.values = [self._code(costs, k) for k in range(costs.shape[1])]
        else:
            with ThreadPoolExecutor(threads) as pool:
                self.values = list(pool.map(lambda k: self._code(costs, k), range(costs.shape[1])))

    def _code(self, costs: Floats, k: int) -> Floats:
        """Fill column k of the codes; the sorted values that they number."""
        row = np.ascontiguousarray(costs[:, k])
        order = np.argsort(row)
        ordered = row[order]
        new = np.empty(len(row), dtype=np.bool_)
        new[:1] = False
        np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
        self.codes[order, k] = np.cumsum(new, dtype=np.int32)
        new[:1] = True
        return np.asarray(ordered[new])

    @property
    def has_ties(self) -> bool:
        """Whether two samples may be equal in every objective."""
        return all(len(values) < len(self.codes) for values in self.values)

    def below(self, points: Floats) -> Codes:
        """(n, d) for points (n, d): the largest code whose value is strictly less, -1 if there is none."""
        return self._locate(points, "left")

    def at_most(self, points: Floats) -> Codes:
        """(n, d) for points (n, d): the largest code whose value is not more, -1 if there is none."""
        return self._locate(points, "right")

    def cuts(self, limits: Sequence[Floats]) -> Codes:
        """(n, d) for each sample the largest code whose value is strictly less than the limit of the
        sample's own value, -1 if there is none; `limits` are per objective those of its sorted values.
        """
        return self._of_limits(limits, "left")

    def loose(self, limits: Sequence[Floats]) -> Codes:
        """The same of values that are not more than the limit."""
        return self._of_limits(limits, "right")

    def _of_limits(self, limits: Sequence[Floats], side: Literal["left", "right"]) -> Codes:
        out = np.empty_like(self.codes)
        for k, (values, limit) in enumerate(zip(self.values, limits, strict=True)):
            out[:, k] = (np.searchsorted(values, limit, side=side) - 1)[self.codes[:, k]]
        return out

    def _locate(self, points: Floats, side: Literal["left", "right"]) -> Codes:
        codes = [np.searchsorted(v, p, side=side) - 1 for v, p in zip(self.values, points.T, strict=True)]
        return np.ascontiguousarray(np.stack(codes, axis=1), dtype=np.int32)


def float_keys(values: Floats, *, up: bool) -> Codes:
    """32-bit integers in the order of the `values`, of any shape, rounded to float32: `up`, or downwards.

    key_up(a) <= key_down(b) proves a <= b, and key_up(a) < key_down(b) proves a < b.
    """
    with np.errstate(over="ignore"):
        rounded = values.astype(np.float32) + np.float32(0.0)
    bits = rounded.view(np.int32)
    keys = np.where(bits < 0, bits ^ np.int32(0x7FFFFFFF), bits).astype(np.int32)
    return keys + (rounded < values) if up else keys - (rounded > values)
