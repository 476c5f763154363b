"""Rows of a very large report that need not be ranked: surely dominated, and nothing hangs on them.

What all rows say together (block effects, spreads, steps of clocks, counts) is found with them all before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.pareto.deterministic import nondominated
from paretofleet_analysis.pareto.equal_runs import first_of_equal_runs
from paretofleet_analysis.ranking.dominance_counts import is_surely_dominated
from paretofleet_analysis.ranking.fleet import Coarseness, LeftOut, RankedFleet
from paretofleet_analysis.ranking.judgement import Judgement, front_query
from paretofleet_analysis.ranking.probability import SMALL_FLEET
from paretofleet_analysis.ranking.result import LeftOutRows
from paretofleet_analysis.ranking.row_table import RowTable, column_of
from paretofleet_analysis.ranking.run_resolution import Rounding
from paretofleet_analysis.ranking.verdicts import best_rivals
from paretofleet_analysis.report.access import label
from paretofleet_analysis.statistics.flat_runs import FlatRuns, flat
from paretofleet_analysis.statistics.intervals import RUNS_MIN
from paretofleet_analysis.statistics.moments import moments


def without_surely_dominated(fleet: RankedFleet, table: RowTable, shown: Sequence[int] = ()) -> RankedFleet:
    """The `fleet` of the rows of `table` without those on which nothing hangs that is said of the others.

    Left out is what `probability` would not ask the exact ranking about either: by its runs and those of its
    component a row is surely dominated (`is_surely_dominated`). Rows on the frontier of means stay, those
    that say what is unknown of a device or sensor, other measurements of what stays, and those numbered in
    `shown`.
    """
    samples = FlatRuns(
        np.hstack([flat(fleet.runs).values, flat(fleet.limited).values]), flat(fleet.runs).starts
    )
    compared = np.flatnonzero(samples.counts >= RUNS_MIN)
    witnesses = _witnesses(fleet, table)
    entry = first_of_equal_runs(samples.take(compared)) if len(compared) else compared
    first = np.unique(entry)
    dominated = np.zeros(len(table), dtype=bool)
    if len(first) > SMALL_FLEET:
        has_factors = _has_factors(subset(fleet, witnesses, table))
        components = (
            _numbered(fleet.effects.components)[compared[first]] if has_factors else np.zeros(len(first))
        )
        behind = _dominated(samples.take(compared[first]), components, fleet)
        dominated[compared] = np.isin(entry, first[behind])
    stays = ~dominated
    stays[witnesses] = stays[np.asarray(shown, dtype=np.int64)] = True
    stays |= nondominated(fleet.means, maximize=fleet.criteria.maximize)
    stays |= _measured_with(table, stays)
    rest = np.flatnonzero(~stays)
    asked = np.full(len(table), -1)
    asked[compared] = entry
    unseen = np.setdiff1d(asked[rest], asked[stays])
    d = len(fleet.criteria.margins)
    means = moments(samples.take(compared[unseen])).means[:, :d] if len(unseen) else np.empty((0, d))
    chosen = np.flatnonzero(stays)
    return replace(subset(fleet, chosen, table), left_out=LeftOut(rest, means, chosen, dominated[chosen]))


def subset(fleet: RankedFleet, chosen: np.ndarray, table: RowTable) -> RankedFleet:
    """The rows of the `fleet` of a `table` numbered in `chosen`, each with arrays of its own."""
    effects, coarse, rounding = fleet.effects, fleet.coarseness, fleet.rounding
    return RankedFleet(
        rows=table.dicts(chosen),
        criteria=fleet.criteria,
        measured=tuple(fleet.measured[i] for i in chosen.tolist()),
        corrected=tuple(fleet.corrected[i] for i in chosen.tolist()),
        effects=replace(
            effects,
            runs=[effects.runs[i] for i in chosen.tolist()],
            components=[effects.components[i] for i in chosen.tolist()],
        ),
        means=fleet.means[chosen],
        resemblances=fleet.resemblances,
        coarseness=Coarseness(coarse.widths[chosen], coarse.showed),
        rounding=Rounding(rounding.single[chosen], rounding.shared[chosen]),
    )


def _witnesses(fleet: RankedFleet, table: RowTable) -> np.ndarray:
    """A row of each component, device and sensor that says what is unknown of it at most: its gain."""
    gains = np.array([-1.0 if gain is None else gain for gain in column_of(table, "energy_gain_uncertainty")])
    components = _numbered(fleet.effects.components)
    place = table.numbers(["device", "power_source"]) * (int(components.max()) + 1) + components
    few = np.where(flat(fleet.runs).counts < RUNS_MIN, 1, 0)
    order = np.lexsort((-gains, few, place))
    return order[np.flatnonzero(np.diff(place[order], prepend=-1))]


def _numbered(names: Sequence[str]) -> np.ndarray:
    """(N,) a whole number for each of the `names`."""
    number = {name: k for k, name in enumerate(sorted(set(names)))}
    return np.array([number[name] for name in names])


def _has_factors(fleet: RankedFleet) -> bool:
    """Whether something is unknown that the rows of a component of `fleet` have in common: those of different
    components are then not sure to dominate each other.
    """
    return front_query(fleet, list(range(len(fleet.criteria.margins)))).factors is not None


def _dominated(samples: FlatRuns, components: np.ndarray, fleet: RankedFleet) -> np.ndarray:
    """(n,) which of the `samples` are surely dominated within their component."""
    criteria = fleet.criteria
    # a limit is one more cost in which the better one must be no worse, and that is no gain by itself
    maximize = [*criteria.maximize, *(False for _ in criteria.limits)]
    margins = [*criteria.margins.values(), *(Margin(np.inf) for _ in criteria.limits)]
    behind = np.zeros(len(samples), dtype=bool)
    for number in np.unique(components):
        members = np.flatnonzero(components == number)
        behind[members] = is_surely_dominated(samples.take(members), maximize=maximize, margins=margins)
    return behind


def _measured_with(table: RowTable, stays: np.ndarray) -> np.ndarray:
    """(N,) which rows are another measurement of the configuration of one that `stays`."""
    number = table.numbers(["configuration_id"])
    if number.max(initial=-1) + 1 == len(number):
        return stays
    return np.isin(number, number[stays])


def left_out_rows(whole: RankedFleet, fleet: RankedFleet, judgement: Judgement) -> LeftOutRows | None:
    """What is said of the rows of the `whole` that are not in the `fleet`, of which the `judgement` is."""
    if fleet.left_out is None or not len(fleet.left_out.numbers):
        return None
    first = int(fleet.left_out.numbers[0])
    margins = list(fleet.criteria.margins.values())
    means = np.vstack([fleet.means, whole.means[first]])
    ahead = best_rivals(means, fleet.criteria.maximize, margins)[-1]
    number = judgement.order[0] + 1 if ahead is None else judgement.numbers[ahead]
    return LeftOutRows(len(fleet.left_out.numbers), label(whole.rows[first]), number)
