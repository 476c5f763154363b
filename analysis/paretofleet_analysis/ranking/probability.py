"""How probable it is that a configuration is on the frontier, and how many are ahead of it.

The one place that asks the exact ranking. A configuration entered twice is one measurement: it counts once.
Configurations are put in an order of their own values first, so that the order of the rows changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.pareto import EfficiencyIntervals, efficiency_intervals, replicates
from paretofleet_analysis.pareto.calibration import front_of_means
from paretofleet_analysis.pareto.equal_runs import DistinctRuns, distinct_runs
from paretofleet_analysis.pareto.replicate_draws import Estimated, estimate_means
from paretofleet_analysis.ranking import stages
from paretofleet_analysis.ranking.dominance_counts import (
    RANKS,
    dominance_counts,
    dominators_of_means,
    is_surely_dominated,
)
from paretofleet_analysis.ranking.factor_integral import integrate_over_factors
from paretofleet_analysis.ranking.fleet import LeftOut
from paretofleet_analysis.ranking.front_query import FrontProbabilities, FrontQuery, exact_front
from paretofleet_analysis.ranking.probability_maps import interpolate_calibration, next_run_probability
from paretofleet_analysis.ranking.tail_errors import tail_errors
from paretofleet_analysis.ranking.verdicts import tolerances
from paretofleet_analysis.statistics.moments import moments

#: Replicates of each mean, in fleets up to `SMALL_FLEET` rows and in larger ones. Two fixed numbers, so that
#: a row more or less leaves the draws of the others alone.
REPLICATES, REPLICATES_OF_MANY, SMALL_FLEET = 1000, 200, 300
#: Said of a row of a large fleet that is surely dominated: replicates carry no further.
SURELY_NOT = 0.002
#: How probable it is that such a row is called beaten wrongly: ten standard errors each way, with Student's
#: tails.
SURELY_WRONG = 1e-5


@dataclass(frozen=True)
class Probabilities:
    """Of N configurations: (N,) arrays.

    `front`: nobody beats it by the margins. `pareto`: nobody dominates it. `raw_front`, `raw_pareto`: the
    same before calibration. `replicates`: how many stand for each mean, 0 where the runs themselves are
    asked. `factors_error`: the error of the quadrature over common factors. `joint_error`: the largest
    standard error of a mean over joint draws of accuracies. Where asked: `meets`, that it keeps all limits;
    `tails`, how probable it is that the likelier verdict is wrong; `dominators`, the expected number of
    others that dominate it; `ranks` (N, 2), the central 95 % of 1 + that number, `RANKS + 2` for more than
    `RANKS + 1`; `efficiency`.
    """

    front: np.ndarray
    pareto: np.ndarray
    raw_front: np.ndarray
    raw_pareto: np.ndarray
    replicates: int
    factors_error: float | None = None
    joint_error: float | None = None
    dominators: np.ndarray | None = None
    ranks: np.ndarray | None = None
    meets: np.ndarray | None = None
    tails: np.ndarray | None = None

    @property
    def errors(self) -> np.ndarray:
        """(N,) how probable it is that the likelier verdict on each is wrong."""
        return np.minimum(self.front, 1.0 - self.front) if self.tails is None else self.tails

    efficiency: EfficiencyIntervals | None = None

    @property
    def standard_error(self) -> float:
        """What another seed's n replicates would move the least certain raw probability by.

        `sqrt(p (1 - p) / n)`; what no replicate showed is taken as half of one, since one more might have.
        """
        if not self.replicates:
            return 0.0
        p = np.concatenate([self.raw_front, self.raw_pareto])
        p = (self.replicates * p + 0.5) / (self.replicates + 1)
        return float(np.sqrt(p * (1 - p) / self.replicates).max(initial=0.0))


def probabilities(
    samples: Sequence[np.ndarray],
    query: FrontQuery,
    *,
    is_held: Sequence[bool] | None = None,
    is_whole: bool = True,
    has_ranks: bool = True,
    left_out: LeftOut | None = None,
) -> Probabilities:
    """The probabilities for N configurations, each an (m_i, d) array of positive values, a row a run; with
    limits (m_i, d + l).

    `samples` are asked by `query`: of true means exactly given replicates of them, then calibrated; of one
    more run exactly given the runs, nothing drawn. `is_held` (d,): see `efficiency_intervals`; None leaves it
    out. Not `is_whole`: the raw probabilities only, quickly. Not `has_ranks`: without tails, dominators and
    ranks. `left_out`: further configurations, and which of the N are surely dominated as those are.

    >>> from paretofleet_analysis.objectives import Margin
    >>> fast, slow = np.array([[1.0], [1.01], [1.0]]), np.array([[2.0], [2.1], [2.0]])
    >>> found = probabilities([fast, slow], FrontQuery(maximize=[False], margins=[Margin(0.02)]))
    >>> found.front.round(2).tolist()
    [1.0, 0.0]
    """
    if not samples:
        none = np.zeros(0)
        return Probabilities(none, none, none, none, 0)
    # a ranking must not depend on the order of entry, in which `pareto` keeps them
    groups = None if query.shared is None else list(np.asarray(query.shared.groups))
    distinct = distinct_runs(samples, groups, by_value=True)
    kept = _kept(distinct, query, left_out)
    runs = [distinct.arrays[i] for i in kept]
    query_of_kept = query.subset(distinct.first[kept])
    count = REPLICATES if len(runs) <= SMALL_FLEET else REPLICATES_OF_MANY
    estimated = None if query.question == "run" else estimate_means(runs, query_of_kept.noise_groups)
    points = runs if estimated is None else estimated.draw(query.seed, count)
    size = len(runs) if is_whole and has_ranks else 0
    stages.reached(stages.DRAWN, size)
    answer = _front(estimated if is_whole else None, points, query_of_kept)
    stages.reached(stages.ON_FRONT, size)
    rest = 0.0 if query.question == "run" else SURELY_NOT
    tails = _tails(points, answer, query) if is_whole and has_ranks else None
    answer = _of_all(answer, kept, distinct.entry, rest=rest)
    if not is_whole:
        return answer
    d, entry = len(query.maximize), distinct.entry
    if tails is not None:
        answer = replace(answer, tails=_repeated(tails, kept, entry, rest=SURELY_WRONG))
    if query.limits:
        answer = replace(answer, meets=_meets(distinct.arrays, query)[entry])
    if not has_ranks:
        return answer
    points, means = [values[:, :d] for values in points], moments(distinct.arrays).means[:, :d]
    dominators, ranks = _dominance(points, means, kept, query.maximize, left_out)
    stages.reached(stages.COUNTED, size)
    efficient = None
    if is_held is not None and not all(is_held):
        limits = tolerances(query.margins)
        efficient = efficiency_intervals(
            points, means, kept, maximize=query.maximize, is_held=is_held, margin=limits
        ).subset(entry)
    return replace(answer, dominators=dominators[entry], ranks=ranks[entry], efficiency=efficient)


def errors_of_all(probable: Probabilities, left_out: LeftOut | None) -> tuple[np.ndarray, np.ndarray]:
    """(C + R,) the errors of what is said of the `probable` rows and of those that were `left_out`, in order
    of the selection; (C,) the places of the former.
    """
    if left_out is None:
        return probable.errors, np.arange(len(probable.errors))
    least = SURELY_NOT if probable.tails is None else SURELY_WRONG
    numbers = np.concatenate([left_out.listed, left_out.numbers])
    order = np.argsort(numbers, kind="stable")
    errors = np.concatenate([probable.errors, np.full(len(left_out.numbers), least)])
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order))
    return errors[order], places[: len(probable.errors)]


def _kept(distinct: DistinctRuns, query: FrontQuery, left_out: LeftOut | None) -> np.ndarray:
    """Of large fleets those not surely dominated; that is not sure across devices with unknown factors.

    Where some were `left_out` it is known already.
    """
    if left_out is not None:
        return np.flatnonzero(~left_out.dominated[distinct.first])
    size = len(distinct.arrays)
    if query.question != "mean" or query.shared is not None or size <= SMALL_FLEET:
        return np.arange(size)
    device = np.zeros(size) if query.factors is None else query.factors.device[distinct.first]
    dominated = np.zeros(size, dtype=bool)
    # a limit is one more cost in which the better one must be no worse, and that is no gain by itself
    maximize = [*query.maximize, *(False for _ in query.limits)]
    margins = [*query.margins, *(Margin(np.inf) for _ in query.limits)]
    for number in np.unique(device):
        members = np.flatnonzero(device == number)
        dominated[members] = is_surely_dominated(
            [distinct.arrays[i] for i in members], maximize=maximize, margins=margins
        )
    return np.flatnonzero(~dominated)


def _meets(runs: list[np.ndarray], query: FrontQuery) -> np.ndarray:
    """(N,) how probable it is that each configuration keeps all limits, never 0 or 1."""
    limited = [values[:, len(query.maximize) :] for values in runs]
    points = limited if query.question == "run" else replicates(limited, count=REPLICATES, seed=query.seed)
    kept = [np.asarray((values <= np.asarray(query.limits)).all(axis=1)) for values in points]
    return next_run_probability(np.array([x.mean() for x in kept]), np.array([len(x) for x in kept]))


def _front(estimated: Estimated | None, points: list[np.ndarray], query: FrontQuery) -> Probabilities:
    """The probabilities of distinct configurations by the `points` that stand for them, calibrated if they
    were drawn from means as `estimated`.
    """
    if estimated is not None:
        means = front_of_means(estimated, query.front_question, points, seed=query.seed)
        raw = FrontProbabilities(means.front_uncalibrated, means.pareto_uncalibrated)
        answer = FrontProbabilities(means.front, means.pareto)
    else:
        raw = answer = exact_front(points, query)
    settled, error, joint_error = raw, None, None
    if query.factors is not None:
        settled, error = integrate_over_factors(points, query, query.factors)
        answer = settled
    if query.joint:
        settled, joint_error = _mean_over_draws(points, query)
        answer = settled
    if (query.factors is not None or query.joint) and estimated is not None:
        answer = FrontProbabilities(
            interpolate_calibration(raw.front, means.front, settled.front),
            interpolate_calibration(raw.pareto, means.pareto, settled.pareto),
        )
    count = 0 if query.question == "run" else len(points[0])
    return Probabilities(
        answer.front, answer.pareto, settled.front, settled.pareto, count, error, joint_error
    )


def _mean_over_draws(points: list[np.ndarray], query: FrontQuery) -> tuple[FrontProbabilities, float]:
    """The mean over joint draws of accuracies of what is said of `points`, each of them taken as certain; the
    largest of the standard errors of these means.
    """
    first = [values[:REPLICATES_OF_MANY] for values in points]
    answers = []
    for draw in query.joint:
        of_draw = replace(query, shared=draw, joint=())
        if query.factors is None:
            answers.append(exact_front(first, of_draw))
        else:
            answers.append(integrate_over_factors(first, of_draw, query.factors)[0])
    drawn = np.array([[answer.front, answer.pareto] for answer in answers])
    front, pareto = drawn.mean(axis=0)
    error = drawn.std(axis=0, ddof=1).max(initial=0.0) / np.sqrt(len(drawn))
    return FrontProbabilities(front, pareto), float(error)


def _of_all(answer: Probabilities, kept: np.ndarray, entry: np.ndarray, *, rest: float) -> Probabilities:
    """The answer on those `kept` as one on all (N,) that repeat them by `entry`; `rest` is said of others."""
    return replace(
        answer,
        front=_repeated(answer.front, kept, entry, rest=rest),
        pareto=_repeated(answer.pareto, kept, entry, rest=rest),
        raw_front=_repeated(answer.raw_front, kept, entry, rest=rest),
        raw_pareto=_repeated(answer.raw_pareto, kept, entry, rest=rest),
    )


def _repeated(values: np.ndarray, kept: np.ndarray, entry: np.ndarray, *, rest: float) -> np.ndarray:
    whole = np.full(int(entry.max()) + 1, rest)
    whole[kept] = values
    return np.asarray(whole[entry])


def _tails(points: list[np.ndarray], answer: Probabilities, query: FrontQuery) -> np.ndarray | None:
    """`tail_errors` of those kept; None where pairs of means are not all that is unknown."""
    if query.question == "run" or query.shared is not None or query.factors is not None or query.limits:
        return None
    return tail_errors(points, answer.front, query.maximize, query.margins)


def _dominance(
    points: list[np.ndarray],
    means: np.ndarray,
    kept: np.ndarray,
    maximize: Sequence[bool],
    left_out: LeftOut | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Expected dominators and ranks; of surely dominated configurations those of the means, to which
    those that were `left_out` belong.
    """
    size = len(means)
    means = means if left_out is None else np.concatenate([means, left_out.means])
    rest = np.setdiff1d(np.arange(len(means)), kept)
    dominators, ranks = np.zeros(len(means)), np.zeros((len(means), 2), dtype=np.int64)
    dominators[kept], ranks[kept] = dominance_counts(points, maximize=maximize)
    if len(rest):
        more = dominators_of_means(means[kept], means[rest], maximize=maximize)
        dominators[kept] += more
        ranks[kept] += more[:, None]
        told = rest[rest < size]
        dominators[told] = dominators_of_means(means[told], means, maximize=maximize)
        ranks[told] = 1 + dominators[told, None]
        ranks = np.minimum(ranks, RANKS + 2)
    return dominators[:size], ranks[:size]
