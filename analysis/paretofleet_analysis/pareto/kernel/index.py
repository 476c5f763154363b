"""The best-corner index: which configurations could dominate a point, found without looking at the others.

Configurations are put in Morton order of their best corners and packed sixteen to a block; sixteen blocks
make a block of the next level. A block whose best corner is not at most the point holds nobody that
dominates it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from paretofleet_analysis.pareto.samples import Floats, Ints

from .rank_codes import PADDING, Codes

LANES = 16
_TOP_BLOCKS = 16


@dataclass(frozen=True)
class Sums:
    """What margins add up to, of rows (n,): `potentials`, the costs in margins, and `precedences`, where
    the row stands in the objectives without a margin. Of two rows of which neither is worse in one of
    those, the lower precedence outweighs any loss, and of equal ones the lower potential has gained more
    than it lost.
    """

    potentials: Floats
    precedences: Ints

    def subset(self, chosen: Ints) -> Sums:
        """The same of the rows `chosen` (k,)."""
        return Sums(self.potentials[chosen], self.precedences[chosen])


@dataclass(frozen=True)
class Index:
    """Samples in index order.

    `complements` (n, d): ~code of each run; place p owns rows starts[p]:starts[p + 1]. `runs` (P,): the
    divisor of its shares, which counts its dropped samples too. `centres` (blocks, d, 16): typical codes of
    each place. `levels`: best corners (blocks, d', 16) of places, of blocks, ...; d' > d when the corners
    have coordinates of their own. `configurations` (P,): the number of each place in the fleet. `sums`: of
    the runs, where they are asked for.
    """

    complements: Codes
    starts: Ints
    runs: Floats
    centres: Codes
    levels: tuple[Codes, ...]
    configurations: Ints
    sums: Sums | None = None

    @property
    def size(self) -> int:
        """The number of configurations in the index."""
        return len(self.configurations)

    @property
    def dimensions(self) -> int:
        """The number of objectives of the samples."""
        return int(self.complements.shape[1])

    def positions(self, count: int) -> Codes:
        """(count,) the place in the index of each of the fleet's `count` configurations, -1 if it is not in
        it.
        """
        places = np.full(count, -1, dtype=np.int32)
        places[self.configurations] = np.arange(self.size, dtype=np.int32)
        return places


def build(
    codes: Codes, owner: Ints, runs: Ints, extra_corner: Codes | None = None, sums: Sums | None = None
) -> Index:
    """Index samples `codes` (n, d) whose configurations `owner` (n,) ascend; `runs` (N,) are the divisors.

    `extra_corner` (N, s) are further coordinates of each configuration's best corner. `sums`: of the samples.
    """
    counts = np.bincount(owner, minlength=len(runs))
    present = np.flatnonzero(counts)
    counts = counts[present]
    first = np.cumsum(counts) - counts
    corners = np.minimum.reduceat(codes, first, axis=0) if len(first) else codes[:0]
    centres = (corners + np.maximum.reduceat(codes, first, axis=0)) // 2 if len(first) else corners
    if extra_corner is not None:
        corners = np.concatenate([corners, extra_corner[present]], axis=1)
    order = np.argsort(morton(corners), kind="stable")
    starts = np.zeros(len(order) + 1, dtype=np.int64)
    np.cumsum(counts[order], out=starts[1:])
    rows = np.repeat(first[order] - starts[:-1], counts[order]) + np.arange(len(owner))
    return Index(
        ~codes[rows],
        starts,
        runs[present[order]].astype(np.float64),
        in_blocks(centres[order]),
        pyramid(corners[order]),
        present[order],
        None if sums is None else sums.subset(rows),
    )


def pyramid(corners: Codes) -> tuple[Codes, ...]:
    """The levels over ordered corners (P, d): blocks of sixteen, and the best corners of those in turn."""
    levels = [in_blocks(corners)]
    while len(levels[-1]) > _TOP_BLOCKS:
        levels.append(in_blocks(levels[-1].min(axis=2)))
    return tuple(levels)


def in_blocks(rows: Codes) -> Codes:
    """(P, d) rows as (blocks, d, 16), the last block padded."""
    count, dimensions = rows.shape
    blocks = max(1, -(-count // LANES))
    padded = np.full((blocks * LANES, dimensions), PADDING, dtype=np.int32)
    padded[:count] = rows
    return np.ascontiguousarray(padded.reshape(blocks, LANES, dimensions).transpose(0, 2, 1))


def morton(corners: Codes) -> Ints:
    """(P,) keys that interleave the leading bits of each coordinate of `corners` (P, d), scaled to its
    range.
    """
    count, dimensions = corners.shape
    bits = min(16, 62 // dimensions)
    if count == 0 or bits == 0:
        return np.zeros(count, dtype=np.int64)
    low = corners.min(axis=0).astype(np.float64)
    span = np.maximum(corners.max(axis=0) - low, 1.0)
    scaled = ((corners - low) * ((2**bits - 1) / span)).astype(np.int64)
    spread = _spread_bits(bits, dimensions)
    keys = np.zeros(count, dtype=np.int64)
    for k in range(dimensions):
        keys |= spread[scaled[:, k]] << (dimensions - 1 - k)
    return keys


@functools.cache
def _spread_bits(bits: int, stride: int) -> Ints:
    """(2^bits,) each number with its bits `stride` places apart."""
    numbers = np.arange(2**bits, dtype=np.int64)
    out = np.zeros(len(numbers), dtype=np.int64)
    for bit in range(bits):
        out |= ((numbers >> bit) & 1) << (bit * stride)
    return out
