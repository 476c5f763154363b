"""Where further runs would settle the frontier of the true means soonest."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np

from .dominance_probabilities import dominance_probability
from .fleet import check_size
from .front_probabilities import front_probability
from .moderated_means import estimate
from .replicate_draws import measured_runs, replicates
from .samples import Floats, Ints, Samples
from .validation import check_threads, check_whole

_REPLICATES = 64


def next_runs(
    samples: Samples, *, maximize: Sequence[bool], budget: int, seed: int = 1, threads: int = 1
) -> Ints:
    """(N,) how many of `budget` further runs each configuration should get.

    A run is worth what it can decide: an open pair (i may dominate j) matters as much as j's place is open,
    and a run of either narrows it by its share of the pair's variance. Runs are given out one at a time, each
    further one of a configuration counting less. When nothing is open the widest means get them. Zeros when
    `budget` is 0. `samples`, `maximize`, `seed`, `threads` and errors as for `replicates` and
    `front_probability`: at least 3 runs each. Source: after the allocation of Lee, Chew, Teng, Goldsman 2010
    (MOCBA), by variance and by what is undecided.

    >>> runs = [[[1.0], [1.1], [0.9]], [[1.2], [1.0], [1.1]], [[3.0], [3.1], [2.9]]]
    >>> next_runs(runs, maximize=[False], budget=10).tolist()
    [5, 5, 0]
    """
    budget = check_whole("budget", budget, 0, "the number of further runs")
    check_threads(threads)
    check_size(samples, "next_runs")
    drawn = replicates(samples, count=_REPLICATES, seed=seed)
    front = front_probability(drawn, maximize=maximize, threads=threads)
    pairs = dominance_probability(drawn, maximize=maximize, threads=threads).tocoo()
    runs = measured_runs(samples)
    means, _ = estimate(runs.arrays)
    variance = means.error.diagonal(axis1=1, axis2=2).mean(axis=1)[runs.entry]
    counts = means.runs[runs.entry]
    total = np.maximum(variance[pairs.row] + variance[pairs.col], np.finfo(float).tiny)
    weight = pairs.data * (1 - pairs.data) * (front * (1 - front))[pairs.col] / total
    worth = np.zeros(len(counts))
    worth += np.bincount(pairs.row, weight * variance[pairs.row], len(counts))
    worth += np.bincount(pairs.col, weight * variance[pairs.col], len(counts))
    if not worth.any():
        worth = variance / max(float(variance.sum()), np.finfo(float).tiny)
    return _give_out(worth, counts, budget)


def _give_out(worth: Floats, counts: Ints, budget: int) -> Ints:
    """Always to whom one more run takes away most of what is open: worth / m falls to worth / (m + 1)."""
    given = np.zeros(len(counts), dtype=np.int64)
    gains = worth * (1 - counts / (counts + 1))
    heap = [(-gain, i) for i, gain in enumerate(gains.tolist())]
    heapq.heapify(heap)
    for _ in range(budget):
        _, i = heap[0]
        given[i] += 1
        m = int(counts[i] + given[i])
        heapq.heapreplace(heap, (-float(worth[i]) * float(counts[i]) * (1 / m - 1 / (m + 1)), i))
    return given
