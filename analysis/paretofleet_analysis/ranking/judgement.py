"""What is said of a fleet's rows: probabilities, verdicts, and the order in which they are printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from paretofleet_analysis.ranking.accuracy import joint_accuracies, random_objectives, shared_quantities
from paretofleet_analysis.ranking.common_factors import Factors, Gain, common_factors
from paretofleet_analysis.ranking.energy_scope import OF_POWER
from paretofleet_analysis.ranking.fleet import LeftOut, RankedFleet
from paretofleet_analysis.ranking.front_query import FrontQuery
from paretofleet_analysis.ranking.probability import Probabilities, errors_of_all, probabilities
from paretofleet_analysis.ranking.probability_maps import next_run_probability
from paretofleet_analysis.ranking.promises import jointly_sure, promised_verdicts
from paretofleet_analysis.ranking.verdicts import ORDER, UNDECIDED, best_rivals, verdict
from paretofleet_analysis.report.access import Row, label


@dataclass(frozen=True)
class Judgement:
    """Of a fleet of N rows: `probabilities` of those compared, `verdicts` (N,) of all, the printed `order` of
    row numbers from 0, and of each row `rivals` (N,), who beats it and gains the most if the means are true.
    `left_out`: rows that are surely beaten besides.
    """

    probabilities: Probabilities
    verdicts: list[str]
    order: list[int]
    rivals: list[int | None]
    left_out: LeftOut | None = None

    @property
    def jointly_sure(self) -> np.ndarray:
        """(C,) of the rows compared those whose verdicts of 95 % are right all at once with at least 90 %."""
        probable = self.probabilities
        is_given = np.array([verdict(p) != UNDECIDED for p in probable.front.tolist()], dtype=bool)
        errors, places = errors_of_all(probable, self.left_out)
        return np.asarray(jointly_sure(errors)[places] & is_given)

    @property
    def numbers(self) -> list[int]:
        """(N,): the number, from 1, under which each row is printed."""
        return [int(place) + 1 for place in np.argsort(self.order)]


def judge(fleet: RankedFleet) -> Judgement:
    """Everything that is said of the rows of `fleet`."""
    probable = fleet_probabilities(fleet)
    verdicts = row_verdicts(fleet, probable)
    rivals = best_rivals(fleet.means, fleet.criteria.maximize, list(fleet.criteria.margins.values()))
    order = printed_order(fleet, probable, verdicts, rivals)
    return Judgement(probable, verdicts, order, rivals, _left_out(fleet))


def fleet_probabilities(fleet: RankedFleet, *, is_whole: bool = True) -> Probabilities:
    """The probabilities of the rows of `fleet` that are compared; not `is_whole`: the raw ones only.

    Accuracies, and costs of trainings, that are asked about as random are shared by a model's rows and leave
    the other objectives.
    """
    criteria, compared = fleet.criteria, fleet.compared
    random = random_objectives(criteria.accuracy_question, criteria.names)
    columns = [k for k, name in enumerate(criteria.names) if name not in random]
    query = front_query(fleet, columns)
    if random and compared:
        margins = {name: criteria.margins[name] for name in random}
        rows = [fleet.rows[i] for i in compared]
        query = replace(query, shared=shared_quantities(rows, margins, criteria.accuracy_question))
        if criteria.accuracy_question == "population":
            query = replace(query, joint=joint_accuracies(rows, margins["top1"], criteria.seed))
    runs, limited = fleet.runs, fleet.limited
    answer = probabilities(
        [np.hstack([runs[i][:, columns], limited[i]]) for i in compared],
        query,
        is_held=[criteria.objectives[k].unit == "percent" for k in columns],
        is_whole=is_whole,
        left_out=_left_out(fleet),
    )
    if criteria.question == "run":
        counts = np.array([len(fleet.runs[i]) for i in compared])
        answer = replace(answer, front=next_run_probability(answer.front, counts))
    return answer


def _left_out(fleet: RankedFleet) -> LeftOut | None:
    """What was left out, beside the rows of `fleet` that are compared."""
    return None if fleet.left_out is None else fleet.left_out.subset(fleet.compared)


def front_query(fleet: RankedFleet, columns: list[int]) -> FrontQuery:
    """What is asked about the rows of `fleet` that are compared, by the objectives numbered in `columns`."""
    criteria = fleet.criteria
    margins = list(criteria.margins.values())
    return FrontQuery(
        maximize=[criteria.maximize[k] for k in columns],
        margins=[margins[k] for k in columns],
        question=criteria.question,
        seed=criteria.seed,
        factors=_factors(fleet, columns),
        noise_groups=noise_groups([fleet.rows[i] for i in fleet.compared]),
        limits=list(criteria.limits.values()),
    )


def _factors(fleet: RankedFleet, columns: list[int]) -> Factors | None:
    """What is unknown but common to a device's rows; None where it cancels."""
    criteria, effects = fleet.criteria, fleet.effects
    of_power = [criteria.names[k] in OF_POWER for k in columns]
    # Drift makes all objectives worse, or all better: more of one that is maximised, less of the others.
    worse = np.where([criteria.maximize[k] for k in columns], -1.0, 1.0)
    return common_factors(
        [effects.components[i] for i in fleet.compared],
        [_gain(fleet.rows[i]) if any(of_power) else None for i in fleet.compared],
        of_power=of_power,
        drifts={name: drift[:, columns] for name, drift in effects.drifts.items()},
        seed=criteria.seed,
        unidentified_drift={
            name: worse * deviations[columns] for name, deviations in effects.unidentified_drift.items()
        },
    )


def noise_groups(rows: Sequence[Row]) -> list[np.ndarray]:
    """Of each of the `rows` (N,) the number of its device and runtime, and that of its device: what may
    share its noise, the finest first.
    """
    keys = [
        [f"{row['device']}\n{row['runtime']}" for row in rows],
        [str(row["device"]) for row in rows],
    ]
    return [np.unique(names, return_inverse=True)[1].astype(np.int64) for names in keys]


def _gain(row: Row) -> Gain:
    """The sensor of a row and how uncertain its gain is, None where that is not known."""
    return f"{row['device']} {row['power_source']}", row["energy_gain_uncertainty"]


def row_verdicts(fleet: RankedFleet, probable: Probabilities) -> list[str]:
    """(N,) the verdicts of the rows of `fleet`, by the `probable` of those compared; the others are open."""
    verdicts = [UNDECIDED] * len(fleet.rows)
    errors, places = errors_of_all(probable, _left_out(fleet))
    front = np.zeros(len(errors))
    front[places] = probable.front
    given = promised_verdicts(front, errors, fleet.criteria.promise)
    for i, place in zip(fleet.compared, places.tolist(), strict=True):
        verdicts[i] = given[place]
    return verdicts


def printed_order(
    fleet: RankedFleet, probable: Probabilities, verdicts: list[str], rivals: Sequence[int | None]
) -> list[int]:
    """The numbers from 0 of the rows of `fleet` in printed order: by their `verdicts`, then by `probable`,
    those too few runs were made of by whether they are on the frontier of means (have no `rivals` (N,)), what
    is left by their means and names.
    """
    front, pareto = np.full(len(verdicts), -1.0), np.full(len(verdicts), -1.0)
    front[fleet.compared], pareto[fleet.compared] = probable.front, probable.pareto
    costs = np.where(fleet.criteria.maximize, -1.0, 1.0) * fleet.means

    def place(i: int) -> tuple[Any, ...]:
        row = fleet.rows[i]
        likely = (-front[i], -pareto[i], front[i] < 0 and rivals[i] is not None)
        return (ORDER.index(verdicts[i]), *likely, *costs[i], label(row), str(row["sweep"]))

    return sorted(range(len(verdicts)), key=place)
