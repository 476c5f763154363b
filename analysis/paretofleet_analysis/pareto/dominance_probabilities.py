"""How probable it is that one configuration dominates another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .fleet import Fleet, check_size
from .indexed_fleet import IndexedFleet
from .kernel import engine as kernel
from .kernel.query import Rule, batch_by_configuration
from .samples import Floats, Ints, Samples
from .validation import check_threads

if TYPE_CHECKING:
    import scipy.sparse

_CELLS = 8_000_000
#: Stored pairs: about 2 GiB of them.
_PAIRS_MAX = 100_000_000


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

    `samples`, `maximize`, `threads` and errors are those of that. Source: Pei, Jiang, Lin, Yuan 2007,
    Probabilistic skylines on uncertain data (VLDB).

    >>> expected_dominators([[[1.0], [3.0]], [[2.0]]], maximize=[False]).tolist()
    [0.5, 0.5]
    """
    check_threads(threads)
    check_size(samples, "expected_dominators")
    fleet = Fleet.from_samples(samples, maximize)
    expected = np.zeros(fleet.size)
    for shares, _, dominated in _shares(fleet, threads):
        expected += np.bincount(dominated, shares, minlength=fleet.size)
    return expected


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
