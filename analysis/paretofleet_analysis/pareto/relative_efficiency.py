"""The efficiency of a configuration: what share of its costs another, at least as accurate, gets by with.

`theta_i = min over j of max over the costs k of x_jk / x_ik`, over all j (i included) that are no worse in
what is held: the free disposal hull's input efficiency (Deprins, Simar, Tulkens 1984), here with its law.
Accuracy is held, because a share of an accuracy means nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paretofleet_analysis.pareto.deterministic import nondominated
from paretofleet_analysis.pareto.kernel import engine
from paretofleet_analysis.pareto.kernel.index import build
from paretofleet_analysis.pareto.kernel.query import Rule, batch_by_configuration
from paretofleet_analysis.pareto.kernel.rank_codes import RankCodes

#: Where the law is computed: the efficiency of the means times `exp(step * noise)`.
_STEPS = np.array([-6.0, -4.5, -3.5, -2.75, -2.0, -1.25, -0.5, 0.25, 1.0, 1.75, 2.5, 3.5, 5.0])
_QUANTILES = (0.5, 0.025, 0.975)
_POINTS_MAX = 60_000
_REPLICATES_MAX = 64
_REPLICATES_MIN = 8
_CELLS = 4_000_000
_JUST_BELOW_ONE = 1e-12


@dataclass(frozen=True)
class Efficiency:
    """(N,) medians of each configuration's efficiency, and the ends of the central 95 % of its law.

    NaN at the ends where no law was computed; the efficiency of the means then stands for the median.
    """

    median: np.ndarray
    lo: np.ndarray
    hi: np.ndarray

    def of(self, entry: np.ndarray) -> Efficiency:
        """The same of some configurations."""
        return Efficiency(self.median[entry], self.lo[entry], self.hi[entry])


def efficiency(
    points: Sequence[np.ndarray],
    means: np.ndarray,
    kept: np.ndarray,
    *,
    maximize: Sequence[bool],
    is_held: Sequence[bool],
) -> Efficiency:
    """The efficiencies of N configurations with (N, d) `means`; (m, d) `points` stand for those `kept`.

    `is_held`: objectives that must be no worse, instead of shrinking; not all. What is maximised and not
    held (a throughput) enters as its reciprocal. Who is not kept is surely beaten. Exact given the points
    at thirteen thresholds around the efficiency of the means, straight lines between them.
    """
    held, signs = np.asarray(is_held, dtype=bool), np.where(np.asarray(maximize), -1.0, 1.0)
    few = int(np.clip(_POINTS_MAX // len(points), _REPLICATES_MIN, _REPLICATES_MAX))
    costs = [_costs(values[:few], signs, held) for values in points]
    start, rival = _of_means(_costs(means, signs, held), kept, held)
    noise = np.zeros(len(means))
    noise[kept] = [values[:, ~held].std(axis=0).max() for values in costs]
    reach = np.maximum(np.hypot(noise, noise[rival]), 1e-9)[kept]
    survival = _survival(costs, held, start[kept], reach)
    found = np.full((3, len(means)), np.nan)
    found[0] = start
    found[:, kept] = [_quantile(start[kept], reach, survival, q) for q in _QUANTILES]
    return Efficiency(*found)


def _costs(values: np.ndarray, signs: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Less is better: held columns negated where maximised, the others as logarithms of costs."""
    costs = values * signs
    costs[:, ~held] = np.log(values[:, ~held]) * signs[~held]
    return np.asarray(costs)


def _of_means(centres: np.ndarray, kept: np.ndarray, held: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(N,) the efficiency when the centres are taken as certain, and the kept row that sets it."""
    front = kept[nondominated(centres[kept], maximize=[False] * centres.shape[1])]
    best, rival = np.ones(len(centres)), np.arange(len(centres))
    step = max(1, _CELLS // (len(front) * centres.shape[1]))
    for a in range(0, len(centres), step):
        some = centres[a : a + step]
        ratios = np.full((len(some), len(front)), -np.inf)
        for k in range(centres.shape[1]):
            gap = centres[None, front, k] - some[:, None, k]
            np.maximum(ratios, np.where(gap > 0, np.inf, -np.inf) if held[k] else gap, out=ratios)
        least = ratios.argmin(axis=1)
        log_ratio = ratios[np.arange(len(some)), least]
        better = log_ratio < 0.0
        best[a : a + step][better] = np.exp(log_ratio[better])
        rival[a : a + step][better] = front[least[better]]
    return best, rival


def _survival(costs: list[np.ndarray], held: np.ndarray, start: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """(N, steps): P(theta > start * exp(step * reach)), of 1 P(theta = 1)."""
    runs = np.array([len(values) for values in costs])
    owner = np.repeat(np.arange(len(costs)), runs)
    stacked = np.concatenate(costs)
    ranks = RankCodes(stacked)
    index = build(ranks.codes, owner, runs)
    places = index.positions(len(costs))[owner]
    out = np.zeros((len(costs), len(_STEPS)))
    levels = _levels(start, reach)
    for t in range(len(_STEPS)):
        again = (levels[:, t] == levels[:, t - 1]) if t else np.zeros(len(costs), dtype=bool)
        out[again, t] = out[again, t - 1]
        chosen = np.flatnonzero(~again[owner])
        limits = stacked[chosen]
        limits[:, ~held] += levels[owner[chosen], t, None]
        points, order = batch_by_configuration(
            ranks.codes[chosen], places[chosen], Rule.MARGIN, ranks.at_most(limits)
        )
        products = np.zeros(len(owner))
        products[chosen[order]] = engine.engine().products(index, points, 1, 1)[:, 0]
        law = np.add.reduceat(products, np.cumsum(runs) - runs) / runs
        out[~again, t] = law[~again]
    return out


def _levels(start: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """(N, steps) logarithms of the thresholds; those from 1 on are just below it."""
    levels: np.ndarray = np.log(start)[:, None] + reach[:, None] * _STEPS
    return np.asarray(np.minimum(levels, -_JUST_BELOW_ONE))


def _quantile(start: np.ndarray, reach: np.ndarray, survival: np.ndarray, q: float) -> np.ndarray:
    """Where 1 - survival reaches q; 1 where it does so at 1 only."""
    levels = _levels(start, reach)
    reached = survival <= 1.0 - q
    t = reached.argmax(axis=1)
    rows, before = np.arange(len(start)), np.maximum(t - 1, 0)
    high, low = survival[rows, before], survival[rows, t]
    share = np.clip((high - (1.0 - q)) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
    found = levels[rows, before] + share * (levels[rows, t] - levels[rows, before])
    return np.asarray(np.where(reached.any(axis=1), np.exp(found), 1.0))
