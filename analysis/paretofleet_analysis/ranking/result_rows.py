"""The rows of a ranking, as they are printed and stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from paretofleet_analysis.ranking.best_picks import BestPick, best_picks
from paretofleet_analysis.ranking.dominance_counts import RANKS
from paretofleet_analysis.ranking.evidence import IDENTITY
from paretofleet_analysis.ranking.fleet import RankedFleet
from paretofleet_analysis.ranking.judgement import Judgement
from paretofleet_analysis.ranking.paced_rows import EXTRAPOLATED
from paretofleet_analysis.ranking.probability import Probabilities
from paretofleet_analysis.ranking.result import Efficient, RankedRow
from paretofleet_analysis.ranking.row_estimates import corrected_estimates, measured_estimates
from paretofleet_analysis.ranking.sensitivity import ChangedVerdict
from paretofleet_analysis.ranking.sentences import RowAhead, alone_sentence, verdict_sentence
from paretofleet_analysis.ranking.verdicts import UNDECIDED, best_rivals, groups
from paretofleet_analysis.report.access import Row, label, measured_again
from paretofleet_analysis.report.published import PUBLISHED
from paretofleet_analysis.statistics.intervals import Estimate


def row_groups(fleet: RankedFleet, judgement: Judgement) -> tuple[tuple[int, ...], ...]:
    """The groups of rows of `fleet` within the margins of each other, by their number in the `judgement`."""
    return tuple(groups(fleet.means[judgement.order], list(fleet.criteria.margins.values())))


def result_rows(
    fleet: RankedFleet,
    judgement: Judgement,
    equivalents: Sequence[Sequence[int]],
    changes: Sequence[ChangedVerdict] = (),
) -> tuple[RankedRow, ...]:
    """The rows of `fleet` with what the `judgement` says of them, in its order.

    `equivalents`: the groups of rows by number, as of `row_groups`. `changes`: of verdicts where a block is
    left out, or flagged runs. A row that is alone has no verdict: nothing can beat it.
    """
    is_mean = fleet.criteria.question == "mean"
    place_of = {i: place for place, i in enumerate(fleet.compared)}
    group_of = {number: group for group, members in enumerate(equivalents, start=1) for number in members}
    estimates, corrected = measured_estimates(fleet), corrected_estimates(fleet)
    picks = _picks(fleet, estimates)
    ahead = _ahead(fleet, judgement)
    jointly = judgement.jointly_sure
    rows = []
    for number, i in enumerate(judgement.order, start=1):
        place, verdict, flags = place_of.get(i), judgement.verdicts[i], tuple(fleet.rows[i]["flags"] or ())
        front = None if place is None else float(judgement.probabilities.front[place])
        pareto = float(judgement.probabilities.pareto[place]) if is_mean and place is not None else None
        dominators, ranks = _dominance(judgement.probabilities, place)
        rows.append(
            RankedRow(
                number=number,
                label=label(fleet.rows[i]),
                identity=_identity(fleet.rows[i]),
                estimates=estimates[i] | _extrapolated(fleet.rows[i]),
                corrected_means=_means(corrected[i]),
                corrected_estimates=corrected[i],
                runs=len(fleet.runs[i]),
                p_front=front if is_mean else None,
                p_pareto=pareto,
                p_meets=_p_meets(judgement.probabilities, place),
                is_jointly_sure=place is not None and bool(jointly[place]),
                p_front_next_run=None if is_mean else front,
                efficiency=_efficiency(judgement.probabilities, place),
                expected_dominators=dominators,
                rank_interval=ranks,
                is_on_frontier_of_means=judgement.rivals[i] is None,
                selected=picks[i].selected,
                confirmed=picks[i].confirmed,
                group=group_of.get(number),
                verdict=verdict,
                sentence=verdict_sentence(
                    verdict,
                    ahead.get(i),
                    runs=len(fleet.runs[i]),
                    question=fleet.criteria.question,
                    p=front,
                    p_meets=_p_meets(judgement.probabilities, place),
                    is_published=PUBLISHED in flags,
                ),
                flags=flags,
                overturned_without=_overturned(changes, i),
            )
        )
    return (_alone(rows[0]),) if len(rows) == 1 else tuple(rows)


def _overturned(changes: Sequence[ChangedVerdict], row: int) -> tuple[str, ...]:
    """What the decided verdict of the fleet's `row`, from 0, hangs on; an open one has nothing to lose."""
    return tuple(each.without for each in changes if each.row == row and each.before != UNDECIDED)


def _alone(row: RankedRow) -> RankedRow:
    """The only `row` of a ranking, of which nothing is said that needs another."""
    return replace(
        row,
        p_front=None,
        p_pareto=None,
        p_front_next_run=None,
        is_jointly_sure=False,
        efficiency=None,
        expected_dominators=None,
        rank_interval=None,
        verdict=UNDECIDED,
        sentence=alone_sentence(row.p_meets),
    )


def _identity(row: Row) -> dict[str, Any]:
    """Which configuration a row is; without a rate and inputs where none were asked for."""
    requested = [name for name in ("items_s", "inputs") if row[name] is not None]
    return {name: row[name] for name in (*IDENTITY, *requested)}


def _extrapolated(row: Row) -> dict[str, Estimate]:
    """The energy that follows from the runs without a break, where a rate was asked for."""
    return {EXTRAPOLATED: row[EXTRAPOLATED]} if EXTRAPOLATED in row else {}


def _means(corrected: Mapping[str, Estimate] | None) -> dict[str, float] | None:
    if corrected is None:
        return None
    return {name: estimate.mean for name, estimate in corrected.items() if estimate.mean is not None}


def _ahead(fleet: RankedFleet, judgement: Judgement) -> dict[int, RowAhead]:
    """The best row whose means beat a row's, where there is one; of those compared only, and for rows with
    too few runs of all.
    """
    compared, numbers, names = fleet.compared, judgement.numbers, fleet.criteria.names
    margins = list(fleet.criteria.margins.values())
    best = best_rivals(fleet.means[compared], fleet.criteria.maximize, margins) if compared else []
    too_few = set(range(len(fleet.rows))) - set(compared)
    few = {i: k for i, k in enumerate(judgement.rivals) if k is not None and i in too_few}
    ahead = {i: compared[k] for i, k in zip(compared, best, strict=True) if k is not None}
    return {i: RowAhead(numbers[k], names, fleet.means[k], fleet.means[i]) for i, k in (few | ahead).items()}


def _picks(fleet: RankedFleet, estimates: Sequence[dict[str, Estimate]]) -> list[BestPick]:
    compared = fleet.compared
    pairs = measured_again([fleet.rows[i] for i in compared])
    return best_picks(
        estimates,
        {objective.name: objective.maximize for objective in fleet.criteria.measured},
        again={compared[a]: compared[b] for a, b in pairs.items()},
    )


def _dominance(
    probable: Probabilities, place: int | None
) -> tuple[float | None, tuple[int, int | None] | None]:
    """Expected dominators and rank interval of a row; None where it has too few runs."""
    if place is None or probable.dominators is None or probable.ranks is None:
        return None, None
    low, high = (int(rank) for rank in probable.ranks[place])
    return float(probable.dominators[place]), (low, None if high > RANKS + 1 else high)


def _p_meets(probable: Probabilities, place: int | None) -> float | None:
    return None if place is None or probable.meets is None else float(probable.meets[place])


def _efficiency(probable: Probabilities, place: int | None) -> Efficient | None:
    if place is None or probable.efficiency is None:
        return None
    median, lo, hi = (
        float(values[place])
        for values in (probable.efficiency.median, probable.efficiency.lo, probable.efficiency.hi)
    )
    return Efficient(median, None, None) if np.isnan(lo) else Efficient(median, lo, hi)
