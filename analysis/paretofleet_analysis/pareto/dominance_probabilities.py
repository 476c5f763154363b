"""How probable it is that one configuration dominates another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .at_most import weights_at_most, weights_equal
from .fleet import Fleet, check_size
from .indexed_fleet import IndexedFleet
from .kernel import engine as kernel
from .kernel.query import Rule, batch_by_configuration
from .kernel.rank_codes import Codes, RankCodes
from .samples import Floats, Ints, Samples
from .validation import check_threads

if TYPE_CHECKING:
    import scipy.sparse

_CELLS = 8_000_000
#: Stored pairs: about 2 GiB of them.
_PAIRS_MAX = 100_000_000
#: Sums of whole numbers as doubles are exact below this.
_WHOLE_MAX = 2**53
_CELLS_WITHIN = 1_000_000
#: Up to so many configurations looking at all pairs is quicker than dividing runs.
_PAIRED_UP_TO = 300


def dominance_probability(
    samples: Samples, *, maximize: Sequence[bool], threads: int = 1
) -> scipy.sparse.csr_matrix:
    """Sparse (N, N): row i, column j is the probability that i dominates j, each showing one of its runs.

    Exact: the share of pairs of runs. Pairs that are impossible are not stored. `samples`, `maximize`,
    `threads` and errors as for `front_probability`; ValueError too for more than 100,000 configurations or
    100 million possible pairs. Source: Pei, Jiang, Lin, Yuan 2007, Probabilistic skylines on uncertain data
    (VLDB).

    >>> first, second = [[1.0, 5.0], [1.2, 5.0]], [[1.1, 5.0]]
    >>> dominance_probability([first, second], maximize=[False, False]).toarray().tolist()
    [[0.0, 0.5], [0.5, 0.0]]
    """
    import scipy.sparse

    check_threads(threads)
    check_size(samples, "dominance_probability")
    fleet = Fleet.from_samples(samples, maximize)
    values, rows, columns = (np.concatenate(p) for p in zip(*_shares(fleet, threads), strict=True))
    return scipy.sparse.csr_matrix((values, (rows, columns)), shape=(fleet.size, fleet.size))


def expected_dominators(samples: Samples, *, maximize: Sequence[bool], threads: int = 1) -> Floats:
    """(N,) how many configurations are expected to dominate each: the column sums of `dominance_probability`.

    `samples`, `maximize`, `threads` and errors are those of that, but any number of pairs is possible: pairs
    of runs are counted without looking at each. Source: Pei, Jiang, Lin, Yuan 2007, Probabilistic skylines on
    uncertain data (VLDB).

    >>> expected_dominators([[[1.0], [3.0]], [[2.0]]], maximize=[False]).tolist()
    [0.5, 0.5]
    """
    check_threads(threads)
    check_size(samples, "expected_dominators")
    fleet = Fleet.from_samples(samples, maximize)
    common = math.lcm(*np.unique(fleet.runs).tolist())
    if fleet.size > _PAIRED_UP_TO and common * len(fleet.costs) < _WHOLE_MAX:
        return _counted_dominators(fleet, common)
    expected = np.zeros(fleet.size)
    for shares, _, dominated in _shares(fleet, threads):
        expected += np.bincount(dominated, shares, minlength=fleet.size)
    return expected


def _counted_dominators(fleet: Fleet, common: int) -> Floats:
    """(N,) the expected dominators, by whole numbers: `common` is a multiple of the runs of each."""
    ranks = RankCodes(fleet.costs)
    shares = np.repeat(common // fleet.runs, fleet.runs)
    weights = None if (shares == 1).all() else shares.astype(np.float64)
    counts = weights_at_most(ranks.codes, ranks.codes, weights)
    counts -= weights_equal(ranks.codes, ranks.codes, weights) if ranks.has_ties else shares
    counts -= _dominated_within(ranks.codes, fleet, has_ties=ranks.has_ties) * shares
    return np.add.reduceat(counts, fleet.starts[:-1]) / (common * fleet.runs)


def _dominated_within(codes: Codes, fleet: Fleet, *, has_ties: bool) -> Ints:
    """(n,) how many runs of its own configuration dominate each run of `fleet`, by their `codes` (n, d).

    Without `has_ties` no two runs are equal in all objectives.
    """
    counts = np.zeros(len(codes), dtype=np.int64)
    for size in np.unique(fleet.runs).tolist():
        rows = fleet.starts[:-1][fleet.runs == size, None] + np.arange(size)
        step = max(1, _CELLS_WITHIN // size**2)
        for a in range(0, len(rows), step):
            runs = codes.T[:, rows[a : a + step]]
            at_most = np.logical_and.reduce([each[:, :, None] <= each[:, None] for each in runs])
            counts[rows[a : a + step]] = at_most.sum(axis=1)
            if has_ties:
                equal = np.logical_and.reduce([each[:, :, None] == each[:, None] for each in runs])
                counts[rows[a : a + step]] -= equal.sum(axis=1)
    return counts if has_ties else counts - 1


def _shares(fleet: Fleet, threads: int) -> Iterator[tuple[Floats, Ints, Ints]]:
    """The shares of the pairs that are possible, with who dominates and who is dominated, part by part."""
    indexed = IndexedFleet.of(fleet)
    index = indexed.index
    points, _ = batch_by_configuration(indexed.ranks.codes, indexed.places, Rule.DOMINATES)
    columns = np.searchsorted(points.owners, np.arange(fleet.size + 1))
    block = max(1, _CELLS // fleet.size)
    engine = kernel.engine()
    stored = 0
    for a in range(0, fleet.size, block):
        counts = engine.pairs(index, points, columns[a : a + block + 1], threads)
        dominated, dominating = np.nonzero(counts)
        stored += len(dominated)
        if stored > _PAIRS_MAX:
            raise ValueError(
                f"of the {fleet.size:,} configurations more than {_PAIRS_MAX:,} pairs may dominate; "
                "leave out those whose front_probability is 0"
            )
        pairs = index.runs[dominating] * index.runs[a + dominated]
        shares = counts[dominated, dominating] / pairs
        yield shares, index.configurations[dominating], index.configurations[a + dominated]
