"""The FDH efficiency: how far a configuration could shrink its costs before another matches them, as a law.

theta_i = min over j (i included) of max over k of x_jk / x_ik, in (0, 1]; 1 means that nobody is better
everywhere. What a ranking prints counts margins: `shrinkage`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .fleet import Fleet, check_magnitude, check_size
from .indexed_fleet import IndexedFleet
from .kernel import engine
from .kernel.query import Rule, batch_near
from .samples import Floats, Ints, Samples
from .validation import check_threads

#: Beyond this, or below its inverse, reciprocals and shares of a value are not those of its real number.
_MOST = 1e290


def efficiency_survival(
    samples: Samples, *, maximize: Sequence[bool], thresholds: Sequence[float], threads: int = 1
) -> Floats:
    """(N, T): P(theta_i > c) for each c of `thresholds` (T,); 1 below 0 and 0 from 1 on.

    `samples`, `maximize` and `threads` as for `front_probability`; every objective must be positive. One to
    be maximised enters as its reciprocal (throughput as time), so give an accuracy as an error rate. Exact
    given the runs, like `front_probability`; errors likewise, and ValueError for values <= 0, or beyond 1e290
    or its inverse. Source: the free disposal hull of Deprins, Simar, Tulkens 1984, and the survival function
    of efficiencies of Davtalab-Olyaie, Asgharian, Partovi Nia 2019.

    >>> efficiency_survival([[[1.0], [2.0]], [[2.0]]], maximize=[False], thresholds=[0.4, 0.5]).tolist()
    [[1.0, 1.0], [1.0, 0.5]]
    """
    try:
        levels = np.asarray(thresholds, dtype=np.float64)
    except (TypeError, ValueError):
        levels = np.empty((0, 0))
    if levels.ndim != 1 or not np.isfinite(levels).all():
        raise ValueError("thresholds must be a list of finite numbers")
    check_threads(threads)
    check_size(samples, "an efficiency")
    fleet = _positive(Fleet.from_samples(samples, maximize), maximize)
    indexed = IndexedFleet.of(fleet)
    out = np.zeros((fleet.size, len(levels)))
    alive = np.arange(len(fleet.costs))
    for t in np.argsort(levels, kind="stable"):
        if levels[t] < 1.0:
            products = np.zeros(len(fleet.costs))
            limits = levels[t] * fleet.costs[alive]
            products[alive] = _unmatched(indexed, alive, limits, threads)
            out[:, t] = fleet.mean_by_configuration(products)
            alive = np.flatnonzero(products)
    return out


def _positive(fleet: Fleet, maximize: Sequence[bool]) -> Fleet:
    """Costs as positive numbers: what is maximised (and was negated) becomes its reciprocal."""
    values = fleet.costs.copy()
    directions = np.asarray(maximize, dtype=np.bool_)
    values[:, directions] *= -1.0
    for k, row in enumerate(values.T):
        if (row <= 0).any():
            sample = int(np.flatnonzero(row <= 0)[0])
            raise ValueError(
                f"configuration {int(fleet.owner[sample])}, objective {k} is {row[sample]}; "
                "an efficiency needs positive values on a ratio scale"
            )
    check_magnitude(Fleet(values, fleet.starts), _MOST)
    values[:, directions] = 1.0 / values[:, directions]
    return Fleet(values, fleet.starts)


def _unmatched(indexed: IndexedFleet, chosen: Ints, limits: Floats, threads: int) -> Floats:
    """(c,) for the runs `chosen` (c,) P(nobody else has a run that is at most the limits (c, d))."""
    codes = indexed.ranks.at_most(limits)
    points, order = batch_near(codes, indexed.places[chosen], Rule.AT_MOST)
    out = np.empty(len(chosen))
    out[order] = engine.engine().products(indexed.index, points, 1, threads)[:, 0]
    return out
