"""Why a row stands where it stands: who is ahead of it, by how much, how surely, and what would decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paretofleet_analysis.diagnostics.paired import Paired, compare_rows
from paretofleet_analysis.diagnostics.variance_levels import Advice, advice
from paretofleet_analysis.objectives import Objective
from paretofleet_analysis.pareto import Absolute, front_probability, replicates
from paretofleet_analysis.pareto.margins import in_margins
from paretofleet_analysis.ranking.fleet import Criteria, RankedFleet
from paretofleet_analysis.ranking.judgement import Judgement
from paretofleet_analysis.ranking.next_process import NextProcess, next_process
from paretofleet_analysis.ranking.verdicts import tolerances

#: Rivals that are named, and the least probability that makes one worth naming.
RIVALS, LEAST = 5, 0.01
FORMULA = (
    "more runs of both: 2 (1.96 + 0.84)^2 s^2 / d^2 less those made; s is the spread of runs, d the distance "
    "of the difference from what decides (a margin, or a sum of 0), in margins on the log scale (95 % "
    "confidence, 80 % power)"
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
    `p_beats`: it gains more than it loses, counted in margins, and loses nowhere more than one of them.

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
    `next_process`: what another process of the row would show, in each measured objective.
    """

    number: int
    rivals: tuple[Rival, ...]
    formula: str
    advice: Advice | None = None
    next_process: tuple[NextProcess, ...] = ()


def explain(fleet: RankedFleet, judgement: Judgement, number: int) -> Explanation:
    """Explain the row of `fleet` that stands under `number`, from 1, in the order of the `judgement`.

    Probabilities are those of pairs, exact given replicates, before calibration.
    """
    criteria, numbers = fleet.criteria, judgement.numbers
    explained = judgement.order[number - 1]
    row = fleet.rows[explained]
    names = [objective.name for objective in criteria.measured]
    coming = next_process(row, fleet.rows, names)
    if explained not in fleet.compared:
        return Explanation(number, (), FORMULA, advice(row), coming)
    nearest = _nearest(fleet, explained)
    points = _points([fleet.runs[i] for i in (explained, *nearest)], criteria.seed)
    seen = fleet.resemblances.get(str(row["device"]))
    paired = compare_rows(
        row,
        dict(enumerate(fleet.rows)),
        names,
        widening=1.0 if seen is None else seen.widening(len(fleet.runs[explained])),
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
    rivals.sort(key=lambda rival: (-rival.p_beats, -rival.p_dominates))
    likely = [rival for rival in rivals if max(rival.p_dominates, rival.p_beats) >= LEAST]
    return Explanation(number, tuple(likely[:RIVALS]), FORMULA, advice(row), coming)


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
    """How probable it is that the second of two beats the first by the margins."""
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
    """More runs of both that decide whether the rival beats, by the conditions that settle it soonest.

    As things look, a rival that beats must fulfil every condition, one that does not fails in one.
    """
    if not 0.05 < p_beats < 0.95:
        return 0
    needed_if_ahead: list[float] = [0.0]
    needed_if_behind: list[float] = []
    for needed, is_fulfilled in _conditions(runs, rival, criteria):
        (needed_if_ahead if is_fulfilled else needed_if_behind).append(needed)
    needed = min(needed_if_behind) if needed_if_behind else max(needed_if_ahead)
    if not np.isfinite(needed):
        return None
    return max(1, int(np.ceil(needed)) - min(len(runs), len(rival)))


def _conditions(runs: np.ndarray, rival: np.ndarray, criteria: Criteria) -> list[tuple[float, bool]]:
    """Of each condition for the rival to beat the (m, d) `runs`: how many runs of both tell whether it is
    fulfilled, and whether it looks so. No objective lost by more than its margin; one gained by more; a
    gain in sum.
    """
    signs, limits = np.where(criteria.maximize, -1.0, 1.0), tolerances(list(criteria.margins.values()))
    conditions, gains = [], []
    total, rivals_total = np.zeros(len(runs)), np.zeros(len(rival))
    for k, margin in enumerate(limits):
        edge = 1.0 if margin else 0.0
        ours, theirs = (
            in_margins(values[:, k] * signs[k], margin or Absolute(1.0)) for values in (runs, rival)
        )
        conditions.append(_runs_to_decide(ours, theirs, -edge, is_enough=True))
        gains.append(_runs_to_decide(ours, theirs, edge))
        total, rivals_total = total + ours, rivals_total + theirs
    fulfilled = [needed for needed, is_fulfilled in gains if is_fulfilled]
    best = (min(fulfilled), True) if fulfilled else (max(needed for needed, _ in gains), False)
    return [*conditions, best, _runs_to_decide(total, rivals_total, 0.0)]


def _runs_to_decide(
    ours: np.ndarray, theirs: np.ndarray, edge: float, *, is_enough: bool = False
) -> tuple[float, bool]:
    """Runs of both that tell whether theirs (m,) are less than `ours` (m,) by more than the `edge`, and
    whether they look so; `is_enough`: by the edge itself, too. What neither varies in is decided.
    """
    distance = float(ours.mean() - theirs.mean()) - edge
    is_fulfilled = distance > 0 or (is_enough and distance == 0)
    if np.ptp(ours) == 0 and np.ptp(theirs) == 0:
        return 0.0, is_fulfilled
    spread = np.var(ours, ddof=1) / 2 + np.var(theirs, ddof=1) / 2
    return (float("inf") if distance == 0 else float(_FACTOR * spread / distance**2)), is_fulfilled
