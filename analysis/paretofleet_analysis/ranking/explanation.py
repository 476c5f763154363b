"""Why a row stands where it stands: who is ahead of it, by how much, how surely, and what would decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paretofleet_analysis.diagnostics.paired import Paired, compare_rows
from paretofleet_analysis.diagnostics.variance_levels import Advice, advice
from paretofleet_analysis.objectives import Margin, Objective
from paretofleet_analysis.pareto import front_probability, replicates
from paretofleet_analysis.ranking.fleet import Criteria, RankedFleet
from paretofleet_analysis.ranking.front_query import tolerances
from paretofleet_analysis.ranking.judgement import Judgement

#: Rivals that are named, and the least probability that makes one worth naming.
RIVALS, LEAST = 5, 0.01
FORMULA = (
    "more runs of both: 2 (1.96 + 0.84)^2 s^2 / d^2 less those made; s is the spread of runs on the log "
    "scale, d the distance of the difference from the margin (95 % confidence, 80 % power)"
)
_FACTOR = 2 * (1.959964 + 0.841621) ** 2
_REPLICATES = 400
_CANDIDATES = 25


@dataclass(frozen=True)
class Lead:
    """How much better the rival is in one objective: `relative` 0.1 is 10 % better, below 0 it is worse;
    `difference` is the same in the objective's unit.

    `lo`, `hi`: the central 95 % of `relative`, None where the model fixes the objective.
    """

    objective: str
    difference: float
    relative: float
    lo: float | None
    hi: float | None


@dataclass(frozen=True)
class Rival:
    """Another row, by its number. `p_dominates`: as good in everything and better in something;
    `p_beats`: better by more than the margins in everything that the two do not have in common.

    `more_runs`: of both, to decide whether it beats; 0 is decided, None where no number of runs would.
    `paired`: the two compared within blocks, in what is measured; empty where they share none.
    """

    number: int
    p_dominates: float
    p_beats: float
    leads: tuple[Lead, ...]
    more_runs: int | None
    paired: tuple[Paired, ...]


@dataclass(frozen=True)
class Explanation:
    """The likeliest to be ahead of row `number`, the likeliest first, and how `more_runs` was reckoned.

    `advice`: whether more runs or longer windows would make the row's own mean surer; None with few runs.
    """

    number: int
    rivals: tuple[Rival, ...]
    formula: str
    advice: Advice | None = None


def explain(fleet: RankedFleet, judgement: Judgement, number: int) -> Explanation:
    """Explain the row of `fleet` that stands under `number`, from 1, in the order of the `judgement`.

    Probabilities are those of pairs, exact given replicates, before calibration.
    """
    criteria, numbers = fleet.criteria, judgement.numbers
    explained = judgement.order[number - 1]
    row = fleet.rows[explained]
    if explained not in fleet.compared:
        return Explanation(number, (), FORMULA, advice(row))
    nearest = _nearest(fleet, explained)
    points = _points([fleet.runs[i] for i in (explained, *nearest)], criteria.seed)
    paired = compare_rows(
        row, dict(enumerate(fleet.rows)), [objective.name for objective in criteria.measured]
    )
    rivals = []
    for k, i in enumerate(nearest, start=1):
        pair = [points[0], points[k]]
        beats = _p_beats(pair, criteria.maximize, tolerances(list(criteria.margins.values())))
        rivals.append(
            Rival(
                number=numbers[i],
                p_dominates=_p_beats(pair, criteria.maximize, [0.0] * len(criteria.names)),
                p_beats=beats,
                leads=tuple(
                    _lead(objective, points[0][:, at], points[k][:, at])
                    for at, objective in enumerate(criteria.objectives)
                ),
                more_runs=_more_runs(fleet.runs[explained], fleet.runs[i], beats, criteria),
                paired=paired.get(i, ()),
            )
        )
    rivals.sort(key=lambda rival: (-rival.p_dominates, -rival.p_beats))
    likely = [rival for rival in rivals if max(rival.p_dominates, rival.p_beats) >= LEAST]
    return Explanation(number, tuple(likely[:RIVALS]), FORMULA, advice(row))


def _nearest(fleet: RankedFleet, explained: int) -> list[int]:
    """The rows that are least behind the explained one in their worst objective, the nearest first."""
    compared = fleet.compared
    signs = np.where(fleet.criteria.maximize, -1.0, 1.0)
    costs = np.array([np.log(fleet.runs[i].mean(axis=0)) * signs for i in compared])
    behind = (costs - costs[compared.index(explained)]).max(axis=1)
    nearest = [compared[k] for k in np.argsort(behind, kind="stable") if compared[k] != explained]
    return nearest[:_CANDIDATES]


def _points(runs: Sequence[np.ndarray], seed: int) -> list[np.ndarray]:
    """Replicates of the mean of each of (m_i, d) runs; the same for runs entered twice."""
    return replicates(runs, count=_REPLICATES, seed=seed)


def _p_beats(pair: Sequence[np.ndarray], maximize: Sequence[bool], margin: Sequence[float]) -> float:
    """How probable it is that the second of two is better than the first by the margin in everything."""
    return 1 - float(front_probability(pair, maximize=maximize, margin=margin)[0])


def _lead(objective: Objective, values: np.ndarray, rival: np.ndarray) -> Lead:
    """From replicates of two rows, which are independent, so they are paired as they come."""
    sign = -1.0 if objective.maximize else 1.0
    costs, others = values * sign, rival * sign
    ratios = np.sort((costs - others) / np.abs(costs))
    difference = float(costs.mean() - others.mean())
    middle = difference / abs(float(costs.mean()))
    if np.ptp(ratios) == 0:
        return Lead(objective.name, difference, middle, None, None)
    lo, hi = (float(np.quantile(ratios, q)) for q in (0.025, 0.975))
    return Lead(objective.name, difference, middle, lo, hi)


def _more_runs(runs: np.ndarray, rival: np.ndarray, p_beats: float, criteria: Criteria) -> int | None:
    """More runs of both that decide whether the rival beats, by the objectives that settle it soonest.

    As things look, a rival that beats must do so in every objective, one that does not fails in one.
    """
    if not 0.05 < p_beats < 0.95:
        return 0
    needed_if_ahead: list[float] = [0.0]
    needed_if_behind: list[float] = []
    for k, objective in enumerate(criteria.objectives):
        margin = criteria.margins[objective.name]
        needed, is_ahead = _runs_to_decide(runs[:, k], rival[:, k], objective, margin)
        (needed_if_ahead if is_ahead else needed_if_behind).append(needed)
    needed = min(needed_if_behind) if needed_if_behind else max(needed_if_ahead)
    if not np.isfinite(needed):
        return None
    return max(1, int(np.ceil(needed)) - min(len(runs), len(rival)))


def _runs_to_decide(a: np.ndarray, b: np.ndarray, objective: Objective, margin: Margin) -> tuple[float, bool]:
    """Runs of both that tell whether b is better than a by the margin, and whether it looks so.

    What neither varies in is decided; where both have it in common it decides nothing.
    """
    sign = 1.0 if objective.maximize else -1.0
    if np.ptp(a) == 0 and np.ptp(b) == 0:
        least = margin.value * (abs(a[0]) if margin.relative else 1.0)
        return 0.0, bool(a[0] == b[0] or (b[0] - a[0]) * sign > least)
    share = sign * (margin.value if margin.relative else margin.value / a.mean())
    edge = sign * np.log1p(share)
    distance = sign * (np.log(b.mean()) - np.log(a.mean())) - edge
    spread = np.var(np.log(a), ddof=1) / 2 + np.var(np.log(b), ddof=1) / 2
    needed = float("inf") if distance == 0 else float(_FACTOR * spread / distance**2)
    return needed, bool(distance > 0)
