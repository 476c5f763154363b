"""How many configurations dominate one: its rank, as a distribution."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .fleet import NUMBERS_MAX, Fleet, check_size
from .indexed_fleet import IndexedFleet
from .kernel import engine
from .kernel.query import Rule, batch_near
from .samples import Floats, Ints, Samples
from .validation import check_threads, check_whole


def dominator_distribution(
    samples: Samples, *, maximize: Sequence[bool], up_to: int, threads: int = 1
) -> Floats:
    """(N, up_to + 1): the probability that exactly k = 0 ... up_to configurations dominate i.

    Column 0 is `front_probability`. What a row lacks to 1 is the probability of more than `up_to` dominators.
    `samples`, `maximize`, `threads` and errors as for `front_probability`; ValueError too where `up_to` takes
    more than 250 million numbers. Exact as that is, except that a point with less than 1e-9 on all of its
    columns counts as 0 there. Source: at each run the number is Poisson binomial (Hong 2013, On computing the
    distribution function for the Poisson binomial distribution).

    >>> samples = [[[1.0], [3.0]], [[2.0]], [[2.5]]]
    >>> dominator_distribution(samples, maximize=[False], up_to=2).tolist()
    [[0.5, 0.0, 0.5], [0.5, 0.5, 0.0], [0.0, 0.5, 0.5]]
    """
    up_to = check_whole("up_to", up_to, 0, "the largest number of dominators to tell apart")
    check_threads(threads)
    check_size(samples, "dominator_distribution")
    fleet = Fleet.from_samples(samples, maximize)
    orders = min(up_to + 1, fleet.size)  # more than everybody else cannot dominate
    numbers = max(fleet.size * (up_to + 1), len(fleet.costs) * orders)
    if numbers > NUMBERS_MAX:
        raise ValueError(
            f"up_to is {up_to:,}, which takes {numbers:,} numbers, and at most {NUMBERS_MAX:,} are held; "
            f"give a lower one ({fleet.size - 1:,} others can dominate)"
        )
    indexed = IndexedFleet.of(fleet)
    points, order = batch_near(indexed.ranks.codes, indexed.places, Rule.DOMINATES)
    laws = np.empty((len(fleet.costs), orders))
    laws[order] = engine.engine().products(indexed.index, points, orders, threads)
    out = np.zeros((fleet.size, up_to + 1))
    out[:, :orders] = fleet.mean_by_configuration(laws)
    return out


def rank_interval(distribution: Floats, *, level: float = 0.95) -> Ints:
    """(N, 2): the smallest and largest rank (1 + dominators) of the central interval of probability `level`
    of a `distribution` (N, up_to + 1), as `dominator_distribution` gives it.

    ValueError unless `level` is between 0 and 1 and the rest are probabilities. A bound beyond the last
    column is given as up_to + 2, which reads "more than up_to + 1". Source: intervals of ranks, Goldstein
    and Spiegelhalter 1996, League tables and their limitations, J. R. Stat. Soc. A 159(3) 385.

    >>> rank_interval(np.array([[0.5, 0.0, 0.5], [1.0, 0.0, 0.0]])).tolist()
    [[1, 3], [1, 1]]
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is {level}; give a probability between 0 and 1")
    law = np.asarray(distribution, dtype=np.float64)
    if law.ndim != 2 or not ((law >= 0.0) & (law <= 1.0 + 1e-9)).all():
        raise ValueError("distribution must be a table (N, up_to + 1) of probabilities, from 0 to 1")
    below = np.cumsum(law, axis=1)
    tail = (1.0 - level) / 2.0
    tiny = 1e-9 * below.shape[1]
    low = (below <= tail + tiny).sum(axis=1) + 1
    high = (below < 1.0 - tail - tiny).sum(axis=1) + 1
    return np.stack([low, np.maximum(low, high)], axis=1).astype(np.int64)
