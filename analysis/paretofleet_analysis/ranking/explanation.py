"""Why a row stands where it stands: who is ahead of it, by how much, how surely, and what would decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from paretofleet_analysis.diagnostics.paired import Paired
from paretofleet_analysis.diagnostics.variance_levels import Advice
from paretofleet_analysis.objectives import OBJECTIVES, Margin
from paretofleet_analysis.pareto import front_probability, replicates
from paretofleet_analysis.ranking.probability import Distinct, tolerances
from paretofleet_analysis.statistics.intervals import RUNS_MIN

#: Rivals that are told of, and the least probability that makes one worth telling.
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


def explain(
    own: int,
    runs: Sequence[np.ndarray],
    *,
    numbers: Sequence[int],
    names: Sequence[str],
    margins: Sequence[Margin],
    seed: int,
    paired: Mapping[int, tuple[Paired, ...]],
) -> Explanation:
    """Explain row `own` of the (m_i, d) runs; `numbers` are the rows' printed numbers.

    `paired`: by index, the rows that were compared with it within blocks (`paired.compare_rows`).
    Probabilities are those of pairs, exact given replicates, before calibration.
    """
    able = [i for i, values in enumerate(runs) if len(values) >= RUNS_MIN]
    if own not in able:
        return Explanation(numbers[own], (), FORMULA)
    maximize = [OBJECTIVES[name].maximize for name in names]
    signs = np.where(maximize, -1.0, 1.0)
    costs = np.array([np.log(runs[i].mean(axis=0)) * signs for i in able])
    behind = (costs - costs[able.index(own)]).max(axis=1)
    nearest = [able[k] for k in np.argsort(behind, kind="stable") if able[k] != own][:_CANDIDATES]
    chosen = [own, *nearest]
    distinct = Distinct.of([runs[i] for i in chosen])
    drawn = replicates(distinct.runs, count=_REPLICATES, seed=seed)
    points = [drawn[place] for place in distinct.entry]
    rivals = []
    for k, i in enumerate(nearest, start=1):
        pair = [points[0], points[k]]
        dominates = 1 - float(front_probability(pair, maximize=maximize, margin=[0.0] * len(names))[0])
        beats = 1 - float(front_probability(pair, maximize=maximize, margin=tolerances(margins))[0])
        leads = tuple(
            _lead(name, points[0][:, at] * signs[at], points[k][:, at] * signs[at])
            for at, name in enumerate(names)
        )
        more = _more_runs(runs[own], runs[i], beats, names, margins)
        rivals.append(Rival(numbers[i], dominates, beats, leads, more, paired.get(i, ())))
    rivals.sort(key=lambda rival: (-rival.p_dominates, -rival.p_beats))
    told = [rival for rival in rivals if max(rival.p_dominates, rival.p_beats) >= LEAST]
    return Explanation(numbers[own], tuple(told[:RIVALS]), FORMULA)


def _lead(name: str, own: np.ndarray, rival: np.ndarray) -> Lead:
    """From replicates as costs; those of the two are independent, so they are paired as they come."""
    ratios = np.sort((own - rival) / np.abs(own))
    difference = float(own.mean() - rival.mean())
    middle = difference / abs(float(own.mean()))
    if np.ptp(ratios) == 0:
        return Lead(name, difference, middle, None, None)
    lo, hi = (float(np.quantile(ratios, q)) for q in (0.025, 0.975))
    return Lead(name, difference, middle, lo, hi)


def _more_runs(
    own: np.ndarray, rival: np.ndarray, p_beats: float, names: Sequence[str], margins: Sequence[Margin]
) -> int | None:
    """More runs of both that decide whether the rival beats, by the objectives that settle it soonest.

    As things look, a rival that beats must do so in every objective, one that does not fails in one.
    """
    if not 0.05 < p_beats < 0.95:
        return 0
    needed_if_ahead, needed_if_behind = [0.0], []
    for k, (name, margin) in enumerate(zip(names, margins, strict=True)):
        a, b = own[:, k], rival[:, k]
        sign = 1.0 if OBJECTIVES[name].maximize else -1.0
        if np.ptp(a) == 0 and np.ptp(b) == 0:
            if a[0] != b[0] and (b[0] - a[0]) * sign <= margin.value * (
                abs(a[0]) if margin.relative else 1.0
            ):
                needed_if_behind.append(0.0)
            continue
        share = sign * (margin.value if margin.relative else margin.value / a.mean())
        edge = sign * np.log1p(share)
        distance = sign * (np.log(b.mean()) - np.log(a.mean())) - edge
        spread = np.var(np.log(a), ddof=1) / 2 + np.var(np.log(b), ddof=1) / 2
        needed = float("inf") if distance == 0 else _FACTOR * spread / distance**2
        if distance > 0:
            needed_if_ahead.append(needed)
        else:
            needed_if_behind.append(needed)
    needed = min(needed_if_behind) if needed_if_behind else max(needed_if_ahead)
    if not np.isfinite(needed):
        return None
    return max(1, int(np.ceil(needed)) - min(len(own), len(rival)))
