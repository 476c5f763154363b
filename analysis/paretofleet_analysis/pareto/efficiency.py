"""How far a configuration could shrink all its costs before another matches them: the FDH efficiency, as a
law.

theta_i = min over j (i included) of max over k of x_jk / x_ik, in (0, 1]; 1 means that nobody is better
everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .fleet import Flags, Fleet, Floats, Samples, check_magnitude, check_size, pack
from .kernel import engine
from .kernel.index import Index, build
from .kernel.query import Rule, by_own
from .kernel.rank_codes import Ranks
from .validation import check_threads, check_whole

#: Beyond this, or below its inverse, reciprocals and shares of a value are not those of its real number.
_MOST = 1e290


@dataclass(frozen=True)
class EfficiencySummary:
    """Per configuration (N,): `mean` with `mean_error` (the most that the grid can hide), `median`, the
    ends of the central 90 % and 95 % intervals (each bound within `resolution`), and `p_one` = P(theta =
    1).
    """

    mean: Floats
    mean_error: Floats
    median: Floats
    low_90: Floats
    high_90: Floats
    low_95: Floats
    high_95: Floats
    p_one: Floats
    resolution: float


def efficiency_survival(
    samples: Samples, *, maximize: Sequence[bool], thresholds: Sequence[float], threads: int = 1
) -> Floats:
    """(N, T): P(theta_i > c) for each threshold c; 1 below 0 and 0 from 1 on.

    Every objective must be positive. One to be maximised enters as its reciprocal (throughput as time), so
    give an accuracy as an error rate. Exact given the runs, like `front_probability`; errors likewise, and
    for values <= 0, or beyond 1e290 or its inverse. Source: the free disposal hull of Deprins, Simar, Tulkens
    1984, and the survival function of efficiencies of Davtalab-Olyaie, Asgharian, Partovi Nia 2019.

    >>> efficiency_survival([[[1.0], [2.0]], [[2.0]]], maximize=[False], thresholds=[0.4, 0.5]).tolist()
    [[1.0, 1.0], [1.0, 0.5]]
    """
    try:
        levels = np.asarray(thresholds, dtype=np.float64)
    except (TypeError, ValueError):
        levels = np.empty((0, 0))
    if levels.ndim != 1 or not np.isfinite(levels).all():
        raise ValueError("thresholds must be a list of finite numbers")
    law = _Law(samples, maximize, threads)
    out = np.zeros((law.fleet.size, len(levels)))
    alive = np.ones(len(law.fleet.costs), dtype=np.bool_)
    for t in np.argsort(levels, kind="stable"):
        if levels[t] < 1.0:
            products = law.products(levels[t], alive)
            out[:, t] = law.fleet.mean_by_configuration(products)
            alive = products > 0.0
    return out


def efficiency_summary(
    samples: Samples, *, maximize: Sequence[bool], points: int = 64, threads: int = 1
) -> EfficiencySummary:
    """Mean, median, 90 % and 95 % intervals and P(theta = 1) of each configuration's efficiency.

    The law is computed exactly at `points` equidistant thresholds; arguments, errors and sources as
    `efficiency_survival`.

    >>> efficiency_summary([[[1.0], [2.0]], [[2.0]]], maximize=[False]).p_one.tolist()
    [1.0, 0.5]
    """
    points = check_whole("points", points, 2, "the number of thresholds")
    law = _Law(samples, maximize, threads)
    grid = np.arange(points) / points
    survival = np.zeros((law.fleet.size, points + 1))
    alive = np.ones(len(law.fleet.costs), dtype=np.bool_)
    for t, level in enumerate(grid):
        products = law.products(level, alive)
        survival[:, t] = law.fleet.mean_by_configuration(products)
        alive = products > 0.0
    p_one = law.fleet.mean_by_configuration(law.products(1.0, alive))
    survival[:, points] = p_one
    upper, lower = survival[:, :-1].sum(axis=1) / points, survival[:, 1:].sum(axis=1) / points
    edges = np.append(grid, 1.0)
    median, low_90, high_90, low_95, high_95 = (
        _quantile(edges, survival, q) for q in (0.5, 0.05, 0.95, 0.025, 0.975)
    )
    return EfficiencySummary(
        mean=(upper + lower) / 2,
        mean_error=(upper - lower) / 2,
        median=median,
        low_90=low_90,
        high_90=high_90,
        low_95=low_95,
        high_95=high_95,
        p_one=p_one,
        resolution=1.0 / points,
    )


def _quantile(edges: Floats, survival: Floats, q: float) -> Floats:
    """Where 1 - survival reaches q, linear between thresholds; exactly 1 where theta = 1 is probable
    enough.
    """
    reached = survival <= 1.0 - q + 1e-12
    last = survival.shape[1] - 1
    t = np.where(reached.any(axis=1), reached.argmax(axis=1), last + 1)
    inside = (t > 0) & (t <= last)
    rows, upper = np.flatnonzero(inside), t[inside]
    high, low = survival[rows, upper - 1], survival[rows, upper]
    share = (high - (1.0 - q)) / np.where(high > low, high - low, 1.0)
    out = np.where(t == 0, edges[0], 1.0)
    out[rows] = edges[upper - 1] + np.clip(share, 0.0, 1.0) * (edges[upper] - edges[upper - 1])
    return out


class _Law:
    """The kernel asked at shrunken points."""

    def __init__(self, samples: Samples, maximize: Sequence[bool], threads: int) -> None:
        check_threads(threads)
        check_size(samples, "an efficiency")
        self.fleet = _positive(pack(samples, maximize), maximize)
        self._threads = threads
        self._ranks = Ranks(self.fleet.costs)
        self._index: Index = build(self._ranks.codes, self.fleet.owner, self.fleet.runs)
        self._own = self._index.positions(self.fleet.size)[self.fleet.owner]

    def products(self, level: float, alive: Flags) -> Floats:
        """(n,) P(nobody else has a run at most level times the sample); at level 1, less than it
        everywhere.
        """
        chosen = np.flatnonzero(alive)
        costs = self.fleet.costs[chosen]
        codes = self._ranks.below(costs) if level == 1.0 else self._ranks.at_most(level * costs)
        out = np.zeros(len(alive))
        points, order = by_own(codes, self._own[chosen], Rule.AT_MOST)
        out[chosen[order]] = engine.engine().products(self._index, points, 1, self._threads)[:, 0]
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
