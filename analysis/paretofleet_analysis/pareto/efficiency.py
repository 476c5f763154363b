"""The FDH efficiency: how far a configuration could shrink its costs before another matches them, as a law.

theta_i = min over j (i included) of max over k of x_jk / x_ik, in (0, 1]; 1 means that nobody is better
everywhere. One way into the kernel serves the whole law and the intervals that a ranking prints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .deterministic import nondominated
from .fleet import Fleet, check_magnitude, check_size
from .indexed_fleet import IndexedFleet
from .kernel import engine
from .kernel.query import Rule, batch_by_configuration
from .samples import Flags, Floats, Ints, Samples
from .validation import check_threads

#: Beyond this, or below its inverse, reciprocals and shares of a value are not those of its real number.
_MOST = 1e290
#: Where the law is computed: the efficiency of the means times `exp(step * noise)`.
_STEPS = np.array([-6.0, -4.5, -3.5, -2.75, -2.0, -1.25, -0.5, 0.25, 1.0, 1.75, 2.5, 3.5, 5.0])
_QUANTILES = (0.5, 0.025, 0.975)
_POINTS_MAX = 60_000
_REPLICATES_MAX = 64
_REPLICATES_MIN = 8
_CELLS = 4_000_000
_JUST_BELOW_ONE = 1e-12


@dataclass(frozen=True)
class EfficiencyIntervals:
    """(N,) medians of each configuration's efficiency, and the ends of the central 95 % of its law.

    NaN at the ends where no law was computed; the efficiency of the means then stands for the median.
    """

    median: Floats
    lo: Floats
    hi: Floats

    def subset(self, chosen: Ints) -> EfficiencyIntervals:
        """The same of the configurations numbered in `chosen`."""
        return EfficiencyIntervals(self.median[chosen], self.lo[chosen], self.hi[chosen])


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
            products[alive] = _unmatched(indexed, alive, limits, Rule.AT_MOST, threads)
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


def efficiency_intervals(
    points: Sequence[Floats],
    means: Floats,
    kept: Ints,
    *,
    maximize: Sequence[bool],
    is_held: Sequence[bool],
) -> EfficiencyIntervals:
    """The efficiencies of N configurations of which only some objectives may shrink.

    `means` (N, d): their means; `points`: (m, d) replicates of those numbered in `kept`, the others are
    surely dominated. `is_held` (d,): objectives that must be no worse, instead of shrinking; not all.
    Accuracy is held, because a share of an accuracy means nothing. What is to `maximize` (d,) and not held (a
    throughput) enters as its reciprocal; what two have exactly in common does not count. Exact given the
    points at thirteen thresholds around the efficiency of the means, straight lines between them. Source: the
    input efficiency of the free disposal hull, Deprins, Simar, Tulkens 1984.

    >>> means = np.array([[70.0, 1.0], [70.0, 2.0]])
    >>> points = [mean * np.array([[1.0, 0.99], [1.0, 1.01]]) for mean in means]
    >>> bounds = {"maximize": [True, False], "is_held": [True, False]}
    >>> efficiency_intervals(points, means, np.arange(2), **bounds).median.round(1).tolist()
    [1.0, 0.5]
    """
    held, signs = np.asarray(is_held, dtype=bool), np.where(np.asarray(maximize), -1.0, 1.0)
    few = int(np.clip(_POINTS_MAX // len(points), _REPLICATES_MIN, _REPLICATES_MAX))
    costs = [_log_costs(values[:few], signs, held) for values in points]
    start, rival = _of_means(_log_costs(means, signs, held), kept, held)
    noise = np.zeros(len(means))
    noise[kept] = [values[:, ~held].std(axis=0).max() for values in costs]
    reach = np.maximum(np.hypot(noise, noise[rival]), 1e-9)[kept]
    survival = _survival(costs, held, start[kept], reach)
    median, lo, hi = start, np.full(len(means), np.nan), np.full(len(means), np.nan)
    median[kept], lo[kept], hi[kept] = (_quantile(start[kept], reach, survival, q) for q in _QUANTILES)
    return EfficiencyIntervals(median, lo, hi)


def _log_costs(values: Floats, signs: Floats, held: Flags) -> Floats:
    """Less is better: held columns negated where maximised, the others as logarithms of costs."""
    costs = values * signs
    costs[:, ~held] = np.log(values[:, ~held]) * signs[~held]
    return np.asarray(costs)


def _of_means(centres: Floats, kept: Ints, held: Flags) -> tuple[Floats, Ints]:
    """(N,) the efficiency when the centres are taken as certain, and the kept row that sets it."""
    front = kept[nondominated(centres[kept], maximize=[False] * centres.shape[1])]
    best, rival = np.ones(len(centres)), np.arange(len(centres))
    step = max(1, _CELLS // (len(front) * centres.shape[1]))
    for a in range(0, len(centres), step):
        behind = centres[a : a + step]
        ratios = np.full((len(behind), len(front)), -np.inf)
        for k in range(centres.shape[1]):
            gap = centres[None, front, k] - behind[:, None, k]
            np.maximum(ratios, np.where(gap > 0, np.inf, -np.inf) if held[k] else gap, out=ratios)
        least = ratios.argmin(axis=1)
        log_ratio = ratios[np.arange(len(behind)), least]
        better = log_ratio < 0.0
        best[a : a + step][better] = np.exp(log_ratio[better])
        rival[a : a + step][better] = front[least[better]]
    return best, rival


def _survival(costs: list[Floats], held: Flags, start: Floats, reach: Floats) -> Floats:
    """(N, steps): P(theta > start * exp(step * reach)), of 1 P(theta = 1)."""
    starts = np.concatenate([[0], np.cumsum([len(values) for values in costs])])
    indexed = IndexedFleet.of(Fleet(np.concatenate(costs), starts))
    fleet, owner = indexed.fleet, indexed.fleet.owner
    out = np.zeros((len(costs), len(_STEPS)))
    levels = _levels(start, reach)
    for t in range(len(_STEPS)):
        again = (levels[:, t] == levels[:, t - 1]) if t else np.zeros(len(costs), dtype=bool)
        out[again, t] = out[again, t - 1]
        chosen = np.flatnonzero(~again[owner])
        limits = fleet.costs[chosen]
        limits[:, ~held] += levels[owner[chosen], t, None]
        products = np.zeros(len(owner))
        products[chosen] = _unmatched(indexed, chosen, limits, Rule.MARGIN, 1)
        out[~again, t] = fleet.mean_by_configuration(products)[~again]
    return out


def _levels(start: Floats, reach: Floats) -> Floats:
    """(N, steps) logarithms of the thresholds; those from 1 on are just below it."""
    levels = np.log(start)[:, None] + reach[:, None] * _STEPS
    return np.asarray(np.minimum(levels, -_JUST_BELOW_ONE))


def _quantile(start: Floats, reach: Floats, survival: Floats, q: float) -> Floats:
    """Where 1 - survival reaches q; 1 where it does so at 1 only."""
    levels = _levels(start, reach)
    reached = survival <= 1.0 - q
    t = reached.argmax(axis=1)
    rows, before = np.arange(len(start)), np.maximum(t - 1, 0)
    high, low = survival[rows, before], survival[rows, t]
    share = np.clip((high - (1.0 - q)) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
    log_theta = levels[rows, before] + share * (levels[rows, t] - levels[rows, before])
    return np.asarray(np.where(reached.any(axis=1), np.exp(log_theta), 1.0))


def _unmatched(indexed: IndexedFleet, chosen: Ints, limits: Floats, rule: Rule, threads: int) -> Floats:
    """(c,) for the runs `chosen` (c,) P(nobody else has a run that is at most the limits (c, d)).

    Under Rule.MARGIN what two have exactly in common does not count, instead of holding the other back.
    """
    codes, cuts = indexed.ranks.at_most(limits), None
    if rule is Rule.MARGIN:
        codes, cuts = indexed.ranks.codes[chosen], codes
    points, order = batch_by_configuration(codes, indexed.places[chosen], rule, cuts)
    out = np.empty(len(chosen))
    out[order] = engine.engine().products(indexed.index, points, 1, threads)[:, 0]
    return out
