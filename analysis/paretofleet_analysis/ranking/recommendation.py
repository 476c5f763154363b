"""What to take for which use, with its probability and what the user gives up for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.ranking.fleet import RankedFleet
from paretofleet_analysis.ranking.judgement import Judgement, front_query
from paretofleet_analysis.ranking.probability import probabilities
from paretofleet_analysis.ranking.verdicts import SURE

FASTEST, CHEAPEST = "fastest", "cheapest in energy"
MOST_ACCURATE, NEAR_BEST = "most accurate within the limits", "fastest within one point of the best accuracy"
ACCURACY, ENERGY = "top1", "energy_j_per_item"
_SPEED = (
    *("batch_latency_p90_s", "batch_latency_mean_s", "batch_latency_p50_s", "batch_latency_p99_s"),
    *("throughput_items_s", "time_per_item_s"),
)
#: How much less accurate than the best, in percent, still counts as near it.
POINT = 1.0
#: Rivals that are named, and the least probability that makes one worth naming.
_OTHERS, _LEAST = 2, 0.05
#: In larger fleets the table is the recommendation: each use asks the exact frontier again.
ROWS_MAX = 300


@dataclass(frozen=True)
class GivenUp:
    """In an `objective` the best row's `number`, and how much worse the recommended one is by the means.

    `relative`: 0.1 is a cost 10 % higher, or a rate 10 % lower; `difference`: in the objective's unit.
    """

    objective: str
    number: int
    relative: float
    difference: float


@dataclass(frozen=True)
class Recommendation:
    """For a `use` the row `number`: the likeliest to be unbeaten in `objective` alone.

    `probability`: that no row that may be taken is better there by more than the margin, and with limits that
    it keeps them. `others`: the next likely, with theirs. `gives_up`: objectives in which another row is
    better by more than the margin. `candidates`: how many rows may be taken.
    """

    use: str
    objective: str
    number: int
    probability: float
    others: tuple[tuple[int, float], ...]
    gives_up: tuple[GivenUp, ...]
    candidates: int

    @property
    def is_sure(self) -> bool:
        """Whether the runs decide it."""
        return self.probability >= SURE


def recommendations(fleet: RankedFleet, judgement: Judgement) -> tuple[Recommendation, ...]:
    """What to take of the rows of `fleet` for each use that their objectives speak of, by the numbers of the
    `judgement`; nothing of one more run, of one row, or of more than ROWS_MAX.
    """
    if fleet.criteria.question != "mean" or not 2 <= len(fleet.compared) <= fleet.size <= ROWS_MAX:
        return ()
    return tuple(
        _recommended(fleet, judgement, use, objective, members)
        for use, objective, members in _uses(fleet)
        if members
    )


def _uses(fleet: RankedFleet) -> Iterator[tuple[str, str, list[int]]]:
    """Each use with the objective that decides it and the rows that may be taken."""
    criteria, compared = fleet.criteria, fleet.compared
    speed = next((name for name in _SPEED if name in criteria.names), None)
    if speed is not None:
        yield FASTEST, speed, compared
    if ENERGY in criteria.names:
        yield CHEAPEST, ENERGY, compared
    if ACCURACY not in criteria.names or criteria.accuracy_question != "fixed":
        return
    if criteria.limits:
        yield MOST_ACCURATE, ACCURACY, compared
    if speed is not None:
        top1 = fleet.means[:, criteria.names.index(ACCURACY)]
        best = max(top1[i] for i in compared)
        yield NEAR_BEST, speed, [i for i in compared if top1[i] >= best - POINT]


def _recommended(
    fleet: RankedFleet, judgement: Judgement, use: str, objective: str, members: Sequence[int]
) -> Recommendation:
    """The likeliest of the rows numbered in `members`."""
    numbers = judgement.numbers
    front = _unbeaten(fleet, objective, members)
    likely = sorted(
        ((float(p), i) for p, i in zip(front, members, strict=True)), key=lambda x: (-x[0], numbers[x[1]])
    )
    (probability, chosen), *others = likely
    return Recommendation(
        use=use,
        objective=objective,
        number=numbers[chosen],
        probability=probability,
        others=tuple((numbers[i], p) for p, i in others[:_OTHERS] if p >= _LEAST),
        gives_up=tuple(_given_up(fleet, numbers, chosen)),
        candidates=len(members),
    )


def _unbeaten(fleet: RankedFleet, objective: str, members: Sequence[int]) -> np.ndarray:
    """(n,) how probable it is that none of the `members` (n,) beats each in the `objective` alone."""
    column = fleet.criteria.names.index(objective)
    chosen = np.searchsorted(fleet.compared, members)
    query = front_query(fleet, [column]).subset(chosen)
    runs, limited = fleet.runs, fleet.limited
    samples = [np.hstack([runs[i][:, [column]], limited[i]]) for i in members]
    return np.asarray(probabilities(samples, query, has_ranks=False).front)


def _given_up(fleet: RankedFleet, numbers: Sequence[int], chosen: int) -> Iterator[GivenUp]:
    """Where another row is better than the `chosen` one by more than the margin, by the means."""
    for column, (name, margin) in enumerate(fleet.criteria.margins.items()):
        sign = -1.0 if OBJECTIVES[name].maximize else 1.0
        best = min(fleet.compared, key=lambda i, column=column, sign=sign: sign * fleet.means[i, column])  # type: ignore[misc]
        own, other = float(fleet.means[chosen, column]), float(fleet.means[best, column])
        difference, relative = abs(own - other), max(own, other) / min(own, other) - 1
        if OBJECTIVES[name].maximize:
            relative = difference / other
        if (relative if margin.relative else difference) > margin.value:
            yield GivenUp(name, numbers[best], relative, difference)
