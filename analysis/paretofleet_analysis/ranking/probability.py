"""How probable it is that a configuration is on the frontier, and how many are ahead of it.

The one place that asks the exact ranking. A configuration entered twice is one measurement: it counts once.
Configurations are put in an order of their own values first, so that the order of the rows changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import logit

from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.pareto import (
    Absolute,
    Shared,
    front_probability,
    mean_front_probability,
    replicates,
)
from paretofleet_analysis.pareto.relative_efficiency import Efficiency, efficiency
from paretofleet_analysis.ranking.common_factors import Factors
from paretofleet_analysis.ranking.dominance_counts import (
    RANKS,
    dominators_of_means,
    is_surely_beaten,
    standing,
)
from paretofleet_analysis.statistics.moments import moments

#: Replicates of each mean, in fleets up to `SMALL_FLEET` rows and in larger ones. Two fixed numbers, so that
#: a row more or less leaves the draws of the others alone.
REPLICATES, REPLICATES_OF_MANY, SMALL_FLEET = 1000, 200, 300
#: Said of a row of a large fleet that is surely beaten: replicates carry no further.
SURELY_NOT = 0.002
_LOGIT_MAX = 12.0
#: Fewer runs keep `next_run_probability` between 0.05 and 0.95.
RUNS_TO_FORETELL = 9


@dataclass(frozen=True)
class Probabilities:
    """Of N configurations: (N,) arrays.

    `front`: nobody dominates it. `near_front`: nobody is better by more than the margin in every objective
    (one that two configurations have exactly in common, such as a model's accuracy, cannot tell them apart
    and does not count). `raw_front`, `raw_near`: the same before calibration. `replicates`: how many stand
    for each mean, 0 where the runs themselves are asked. `factors_error`: the error of the quadrature over
    common factors. Where asked: `dominators`, the expected number of others that dominate it; `ranks` (N,
    2), the central 95 % of 1 + that number, `RANKS + 2` for more than `RANKS + 1`; `efficiency`.
    """

    front: np.ndarray
    near_front: np.ndarray
    raw_front: np.ndarray
    raw_near: np.ndarray
    replicates: int
    factors_error: float | None = None
    dominators: np.ndarray | None = None
    ranks: np.ndarray | None = None
    efficiency: Efficiency | None = None

    @property
    def standard_error(self) -> float:
        """What another seed's n replicates would move the least certain raw probability by.

        `sqrt(p (1 - p) / n)`; what no replicate showed is taken as half of one, since one more might have.
        """
        if not self.replicates:
            return 0.0
        p = np.concatenate([self.raw_front, self.raw_near])
        p = (self.replicates * p + 0.5) / (self.replicates + 1)
        return float(np.sqrt(p * (1 - p) / self.replicates).max(initial=0.0))

    def replaced(self, *, front: np.ndarray, near_front: np.ndarray | None = None) -> Probabilities:
        """The same with other values of `front`, and of `near_front` where given."""
        return replace(self, front=front, near_front=self.near_front if near_front is None else near_front)


@dataclass(frozen=True)
class Distinct:
    """The distinct measurements of N configurations, each with its runs in order of value, in an order of
    their own; `entry` (N,) says which is whose, `first` which configuration stands for each.
    """

    runs: list[np.ndarray]
    entry: np.ndarray
    first: np.ndarray

    @classmethod
    def of(cls, samples: Sequence[np.ndarray], groups: Sequence[int] | None = None) -> Distinct:
        """Those of (m_i, d) samples; configurations of unlike `groups` are never the same."""
        ordered = [in_order(runs) for runs in samples]
        keys = [(runs.tobytes(), groups[i] if groups else 0) for i, runs in enumerate(ordered)]
        places = {key: place for place, key in enumerate(sorted(set(keys)))}
        entry = np.array([places[key] for key in keys], dtype=np.int64)
        first = np.unique(entry, return_index=True)[1]
        return cls([ordered[i] for i in first], entry, first)


def in_order(runs: np.ndarray) -> np.ndarray:
    """The runs sorted by value, so that the order in which they were made changes no draw."""
    runs = np.asarray(runs, dtype=np.float64)
    return np.ascontiguousarray(runs[np.lexsort(runs.T)])


def tolerances(margins: Sequence[Margin]) -> list[float]:
    """The margins as the exact ranking takes them."""
    return [margin.value if margin.relative else Absolute(margin.value) for margin in margins]


def probabilities(
    samples: Sequence[np.ndarray],
    *,
    maximize: Sequence[bool],
    margins: Sequence[Margin],
    question: str,
    seed: int,
    shared: Shared | None = None,
    factors: Factors | None = None,
    is_held: Sequence[bool] | None = None,
    is_whole: bool = True,
) -> Probabilities:
    """The probabilities for N configurations, each an (m_i, d) array of positive values, a row a run.

    `question`: "mean" (of true means: exact given replicates of them, then calibrated) or "run" (of one more
    run of each: exact given the runs, nothing drawn). `shared`: accuracies as random. `factors`: what is
    unknown but common to a device's configurations. `is_held`: see `efficiency`; None leaves it out. Not
    `is_whole`: the raw probabilities only, quickly.

    >>> fast, slow = np.array([[1.0], [1.01], [1.0]]), np.array([[2.0], [2.1], [2.0]])
    >>> found = probabilities([fast, slow], maximize=[False], margins=[Margin(0.02)], question="mean", seed=1)
    >>> found.front.round(2).tolist()
    [1.0, 0.0]
    """
    if not samples:
        none = np.zeros(0)
        return Probabilities(none, none, none, none, 0)
    distinct = Distinct.of(samples, None if shared is None else list(np.asarray(shared.groups)))
    kept = np.arange(len(distinct.runs))
    if question == "mean" and shared is None and len(kept) > SMALL_FLEET:
        kept = _kept(distinct, maximize, margins, factors)
    chosen = distinct.first[kept]
    ask = _Question(
        _Judge(maximize, margins, None if shared is None else _of(shared, chosen)),
        question,
        seed,
        None if factors is None else factors.of(chosen),
    )
    runs = [distinct.runs[i] for i in kept]
    points = ask.points(runs)
    parts, error = ask(runs, points, is_calibrated=is_whole)
    whole = np.full((4, len(distinct.runs)), 0.0 if question == "run" else SURELY_NOT)
    whole[:, kept] = parts
    count = 0 if question == "run" else len(points[0])
    front, near, raw_front, raw_near = whole[:, distinct.entry]
    found = Probabilities(front, near, raw_front, raw_near, count, error)
    if not is_whole:
        return found
    return _with_standing(found, distinct, kept, points, maximize=maximize, is_held=is_held)


def _of(shared: Shared, chosen: np.ndarray) -> Shared:
    return replace(shared, groups=np.asarray(shared.groups)[chosen])


def _kept(
    distinct: Distinct, maximize: Sequence[bool], margins: Sequence[Margin], factors: Factors | None
) -> np.ndarray:
    """Who is not surely beaten; across devices that would not be sure where they have unknown factors."""
    device = np.zeros(len(distinct.runs)) if factors is None else factors.device[distinct.first]
    beaten = np.zeros(len(device), dtype=bool)
    for one in np.unique(device):
        own = np.flatnonzero(device == one)
        beaten[own] = is_surely_beaten([distinct.runs[i] for i in own], maximize=maximize, margins=margins)
    return np.flatnonzero(~beaten)


def _with_standing(
    found: Probabilities,
    distinct: Distinct,
    kept: np.ndarray,
    points: list[np.ndarray],
    *,
    maximize: Sequence[bool],
    is_held: Sequence[bool] | None,
) -> Probabilities:
    """The same with dominators, ranks and efficiencies; of surely beaten rows those of the means."""
    means = moments(distinct.runs).means
    beaten = np.setdiff1d(np.arange(len(means)), kept)
    dominators, ranks = np.zeros(len(means)), np.zeros((len(means), 2), dtype=np.int64)
    dominators[kept], ranks[kept] = standing(points, maximize=maximize)
    if len(beaten):
        more = dominators_of_means(means[kept], means[beaten], maximize=maximize)
        dominators[kept] += more
        ranks[kept] += more[:, None]
        dominators[beaten] = dominators_of_means(means[beaten], means, maximize=maximize)
        ranks[beaten] = 1 + dominators[beaten, None]
        ranks = np.minimum(ranks, RANKS + 2)
    efficient = None
    if is_held is not None and not all(is_held):
        efficient = efficiency(points, means, kept, maximize=maximize, is_held=is_held).of(distinct.entry)
    entry = distinct.entry
    return replace(found, dominators=dominators[entry], ranks=ranks[entry], efficiency=efficient)


@dataclass(frozen=True)
class _Question:
    """What is asked of the exact ranking, and with what common factors."""

    judge: _Judge
    question: str
    seed: int
    factors: Factors | None

    def points(self, runs: list[np.ndarray]) -> list[np.ndarray]:
        """What stands for each configuration: replicates of its mean, or its runs."""
        if self.question == "run":
            return runs
        return replicates(
            runs, count=REPLICATES if len(runs) <= SMALL_FLEET else REPLICATES_OF_MANY, seed=self.seed
        )

    def __call__(
        self, runs: list[np.ndarray], points: list[np.ndarray], *, is_calibrated: bool
    ) -> tuple[np.ndarray, float | None]:
        """(4, N): front and near front, then both before calibration; and the quadrature's error."""
        raw, error = self.judge(points), None
        settled = raw
        if self.factors is not None:
            settled, error = self.judge.over(points, self.factors)
        mapped = settled
        if is_calibrated and self.question == "mean":
            known = mean_front_probability(
                runs,
                maximize=self.judge.maximize,
                margin=tolerances(self.judge.margins),
                shared=self.judge.shared,
                count=len(points[0]),
                seed=self.seed,
            )
            mapped = known.front, known.front if known.near_front is None else known.near_front
            if self.factors is not None:
                mapped = through(raw[0], mapped[0], settled[0]), through(raw[1], mapped[1], settled[1])
        return np.array([mapped[0], np.maximum(*mapped), *settled]), error


@dataclass(frozen=True)
class _Judge:
    """The exact kernel with this ranking's objectives; answers `front` and `near_front`."""

    maximize: Sequence[bool]
    margins: Sequence[Margin]
    shared: Shared | None

    def __call__(self, points: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        strict = None if self.shared is None else replace(self.shared, margin=None)
        front = front_probability(points, maximize=self.maximize, shared=strict)
        near = front_probability(
            points, maximize=self.maximize, margin=tolerances(self.margins), shared=self.shared
        )
        return front, np.maximum(front, near)

    def over(self, points: list[np.ndarray], factors: Factors) -> tuple[tuple[np.ndarray, np.ndarray], float]:
        """The mean over the common factors, and half the largest difference between its two halves."""
        kept = self._may_be_near(points, factors)
        some = [points[i][:REPLICATES_OF_MANY] for i in kept]
        judge = self
        if self.shared is not None:
            judge = replace(self, shared=replace(self.shared, groups=np.asarray(self.shared.groups)[kept]))
        halves = []
        for half in factors.draws(len(points)):
            found = [judge([x * factor for x, factor in zip(some, draw[kept], strict=True)]) for draw in half]
            halves.append(np.mean(found, axis=0))
        result = np.zeros((2, len(points)))
        result[:, kept] = np.mean(halves, axis=0)
        error = float(np.abs(halves[0] - halves[1]).max(initial=0.0) / 2)
        return (result[0], result[1]), error

    def _may_be_near(self, points: list[np.ndarray], factors: Factors) -> np.ndarray:
        """Who is not surely beaten on its own device, where all factors are common: the rest never matter."""
        moved = np.any([np.abs(one).max(axis=0) > 0 for one in factors.loadings], axis=0)
        if self.shared is not None or any(
            is_moved and not margin.relative for is_moved, margin in zip(moved, self.margins, strict=True)
        ):
            return np.arange(len(points))
        near = np.zeros(len(points))
        for device in np.unique(factors.device):
            own = np.flatnonzero(factors.device == device)
            near[own] = front_probability(
                [points[i] for i in own], maximize=self.maximize, margin=tolerances(self.margins)
            )
        return np.flatnonzero(near > 0)


def through(known: np.ndarray, mapped: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """`asked` probabilities through the map that took `known` to `mapped`, by straight lines of logits.

    Beyond the known ones the map goes on at a slope of one.

    >>> through(np.array([0.2, 0.8]), np.array([0.3, 0.7]), np.array([0.2, 0.5, 0.8])).round(3).tolist()
    [0.3, 0.5, 0.7]
    """
    x, places = np.unique(_logit(known), return_index=True)
    y = _logit(mapped)[places]
    ends = np.array([-2.0, 2.0]) * _LOGIT_MAX
    x, y = (
        np.concatenate([[ends[0]], x, [ends[1]]]),
        np.concatenate([[y[0] + ends[0] - x[0]], y, [y[-1] + ends[1] - x[-1]]]),
    )
    return np.asarray(1 / (1 + np.exp(-np.interp(_logit(asked), x, y))))


def _logit(p: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(logit(p), -_LOGIT_MAX, _LOGIT_MAX))


def next_run_probability(front: np.ndarray, runs: np.ndarray) -> np.ndarray:
    """What the runs say of one more run, never 0 or 1: half a run is added for and half a run against.

    m runs that were all on the frontier do not promise the next: `(m p + 1/2) / (m + 1)` (Krichevsky and
    Trofimov 1981), which for five runs stays between 0.08 and 0.92.

    >>> next_run_probability(np.array([0.0, 1.0]), np.array([5, 5])).round(3).tolist()
    [0.083, 0.917]
    >>> next_run_probability(np.array([1.0, 1.0]), RUNS_TO_FORETELL - np.array([1, 0])).round(3).tolist()
    [0.944, 0.95]
    """
    return np.asarray((runs * front + 0.5) / (runs + 1))
