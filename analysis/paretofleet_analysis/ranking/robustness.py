"""What a reviewer asks of a ranking: how far its probabilities and verdicts hang on a run, a block, an
objective, or on means instead of medians.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from paretofleet_analysis.ranking.fleet import RankedFleet, make_fleet
from paretofleet_analysis.ranking.judgement import Judgement, judge
from paretofleet_analysis.ranking.sensitivity import (
    SENSITIVITY_ROWS_MAX,
    leave_out_cases,
    probabilities_without,
)
from paretofleet_analysis.ranking.verdicts import best_rivals

#: So many runs are left out in turn at most; a fleet with more has ranges by blocks alone.
RUNS_MAX = 600


@dataclass(frozen=True)
class RobustRow:
    """How far what is said of the row with a `number` holds.

    `without_a_run`, `without_a_block`: the least and the largest p_front when one of its own runs, or one
    block of all rows, is left out; None where none can be. `without_objective`: by objective the verdict when
    rows are ranked without it, where that is another. `is_on_frontier_of_means`, `is_on_frontier_of_medians`:
    whether no row beats it if these are taken as certain.
    """

    number: int
    label: str
    verdict: str
    p_front: float | None
    without_a_run: tuple[float, float] | None
    without_a_block: tuple[float, float] | None
    without_objective: Mapping[str, str]
    is_on_frontier_of_means: bool
    is_on_frontier_of_medians: bool


def robust_rows(fleet: RankedFleet, judgement: Judgement, labels: Sequence[str]) -> tuple[RobustRow, ...]:
    """How far the `judgement` of the rows of `fleet` holds, in printed order; `labels` are those of its rows.

    Empty for more rows than `SENSITIVITY_ROWS_MAX`.
    """
    if fleet.size > SENSITIVITY_ROWS_MAX:
        return ()
    front = {i: float(p) for i, p in zip(fleet.compared, judgement.probabilities.front, strict=True)}
    by_run, by_block = _run_ranges(fleet, judgement), _block_ranges(fleet, judgement)
    dropped = dict(_verdicts_without_objectives(fleet))
    medians = np.array([np.median(values, axis=0) for values in fleet.runs])
    margins = list(fleet.criteria.margins.values())
    rivals = best_rivals(medians, fleet.criteria.maximize, margins)
    return tuple(
        RobustRow(
            number=number,
            label=labels[i],
            verdict=judgement.verdicts[i],
            p_front=front.get(i),
            without_a_run=by_run.get(i),
            without_a_block=by_block.get(i),
            without_objective={
                name: verdicts[i]
                for name, verdicts in dropped.items()
                if verdicts[i] != judgement.verdicts[i]
            },
            is_on_frontier_of_means=judgement.rivals[i] is None,
            is_on_frontier_of_medians=rivals[i] is None,
        )
        for number, i in enumerate(judgement.order, start=1)
    )


def _block_ranges(fleet: RankedFleet, judgement: Judgement) -> dict[int, tuple[float, float]]:
    """By row the ends of p_front over the blocks that can be left out of all rows."""
    values_of: dict[int, list[float]] = {}
    for name, left_out in leave_out_cases(fleet.rows):
        if name.startswith("block "):
            for i, p in _front_without(fleet, judgement, left_out):
                values_of.setdefault(i, []).append(p)
    return {i: (min(values), max(values)) for i, values in values_of.items()}


def _run_ranges(fleet: RankedFleet, judgement: Judgement) -> dict[int, tuple[float, float]]:
    """By row the ends of p_front over its own runs, left out one at a time."""
    counted = [[at for at, is_counted in enumerate(row["run_counted"]) if is_counted] for row in fleet.rows]
    if sum(map(len, counted)) > RUNS_MAX:
        return {}
    values_of: dict[int, list[float]] = {}
    for i, positions in enumerate(counted):
        for at in positions:
            left_out: list[set[int]] = [{at} if k == i else set() for k in range(len(fleet.rows))]
            for k, p in _front_without(fleet, judgement, left_out):
                if k == i:
                    values_of.setdefault(i, []).append(p)
    return {i: (min(values), max(values)) for i, values in values_of.items()}


def _front_without(
    fleet: RankedFleet, judgement: Judgement, left_out: Sequence[set[int]]
) -> Iterator[tuple[int, float]]:
    """The rows, and their p_front, without the runs at the positions `left_out`; nothing where all stay."""
    reduced = probabilities_without(fleet, judgement, left_out)
    if reduced is not None:
        rest, again = reduced
        yield from zip(rest.compared, map(float, again.front), strict=True)


def _verdicts_without_objectives(fleet: RankedFleet) -> Iterator[tuple[str, list[str]]]:
    """Each objective with the verdicts of all rows when it is no objective."""
    margins = fleet.criteria.margins
    for name in margins if len(margins) > 1 else ():
        rest = {other: margin for other, margin in margins.items() if other != name}
        yield name, judge(make_fleet(fleet.rows, replace(fleet.criteria, margins=rest))).verdicts
