"""Sentences about the objectives of a ranking, and about rows and runs that are not compared."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from paretofleet_analysis.ranking.accuracy import TRAINING_COSTS
from paretofleet_analysis.ranking.block_components import block_spans
from paretofleet_analysis.ranking.block_correction import BlockEffects
from paretofleet_analysis.ranking.energy_scope import OF_POWER
from paretofleet_analysis.ranking.few_runs import few_runs_notes
from paretofleet_analysis.ranking.fleet import RankedFleet
from paretofleet_analysis.ranking.next_process import one_process_notes
from paretofleet_analysis.ranking.probability_maps import RUNS_TO_FORETELL
from paretofleet_analysis.ranking.row_table import column_of, counted_runs, rows_at, runs_of
from paretofleet_analysis.ranking.run_resemblance import resemblance_notes
from paretofleet_analysis.ranking.run_resolution import resolution_notes
from paretofleet_analysis.report.access import label
from paretofleet_analysis.statistics.flat_runs import flat


def fleet_notes(fleet: RankedFleet) -> list[str]:
    """What a reader of the ranking of `fleet` has to know beside its rows, a sentence each."""
    return [
        *_objective_notes(fleet),
        *_component_notes(fleet.effects),
        *resemblance_notes(fleet.resemblances),
        *resolution_notes(fleet.coarseness.showed, fleet.rounding, fleet.criteria.columns),
        *_gain_notes(fleet),
        *_training_notes(fleet),
        *_incomplete_notes(fleet),
        *_next_run_notes(fleet),
        *few_runs_notes(fleet),
        *one_process_notes(fleet.rows),
    ]


def _objective_notes(fleet: RankedFleet) -> list[str]:
    names = fleet.criteria.names
    notes = [
        f"{names[a]} and {names[b]} order the rows almost alike (rank correlation {rho:.3f}): "
        "one of them adds little."
        for a, b, rho in near_identical(fleet.means, maximize=fleet.criteria.maximize)
    ]
    if len(fleet.rows) > 1:
        notes += [
            f"{name} is the same in every row and decides nothing."
            for name, column in zip(names, fleet.means.T, strict=True)
            if np.ptp(column) == 0
        ]
    return notes


def _component_notes(effects: BlockEffects) -> list[str]:
    """Which devices have rows in components between which drift is not identified."""
    return [
        f"Blocks {' and '.join(map(block_spans, device['apart']))} of {device['device']} share no "
        "configuration: drift between them cannot be told from a difference, so no row of one is judged by a "
        "row of the other."
        for device in effects.details
        if any(name.startswith(f"{device['device']}, blocks ") for name in effects.unidentified_drift)
    ]


def _gain_notes(fleet: RankedFleet) -> list[str]:
    """What a sensor's unknown gain, one factor per device, does to the probabilities."""
    sensors = set(zip(column_of(fleet.rows, "device"), column_of(fleet.rows, "power_source"), strict=True))
    if not set(fleet.criteria.names) & set(OF_POWER) or len(sensors) < 2:
        return []
    gains = column_of(fleet.rows, "energy_gain_uncertainty")
    uncertain = [gain for gain in gains if gain is not None]
    if not uncertain:
        return [f"Energy comes from {len(sensors)} sensors of unknown gain: taken as exact."]
    size = f"up to {100 * max(uncertain):.2g} %"
    rest = "" if len(uncertain) == len(gains) else "; where it is unknown it is taken as exact"
    within = f"Energy comes from {len(sensors)} sensors; their gain ({size}) is integrated over in the"
    return [f"{within} probabilities, not in efficiencies and ranks{rest}."]


def _training_notes(fleet: RankedFleet) -> list[str]:
    """Which costs of trainings are ranked as if they were exact, though they have intervals."""
    if fleet.criteria.accuracy_question == "seeds":
        return []
    notes = []
    for name in (name for name in fleet.criteria.names if name in TRAINING_COSTS):
        bounds = zip(column_of(fleet.rows, name), column_of(fleet.rows, f"{name}_hi"), strict=True)
        widest = max((hi / value - 1 for value, hi in bounds if value and hi is not None), default=0.0)
        if widest > 0:
            notes.append(
                f"{name} is known within {100 * widest:.2g} % at worst and is ranked as exact: "
                "`--accuracy-question seeds` counts what it is not sure of."
            )
    return notes


def _incomplete_notes(fleet: RankedFleet) -> list[str]:
    """Counted runs that lack an objective cannot be compared, and which rows and objectives they are."""
    missing = counted_runs(fleet.rows) - flat(runs_of(fleet.measured)).counts
    numbers = np.flatnonzero(missing > 0).tolist()
    if not numbers:
        return []
    rows = list(zip(rows_at(fleet.rows, numbers), missing[numbers].tolist(), strict=True))
    lacking = [
        objective.name
        for objective in fleet.criteria.measured
        if any(
            is_counted and value is None
            for row, _ in rows
            for value, is_counted in zip(row[f"{objective.name}_runs"], row["run_counted"], strict=True)
        )
    ]
    count = sum(count for _, count in rows)
    runs = "1 counted run lacks" if count == 1 else f"{count} counted runs lack"
    more = f" and {len(rows) - 2} more" if len(rows) > 2 else ""
    named = "; ".join(label(row) for row, _ in rows[:2])
    return [f"{runs} {' or '.join(lacking)} and {'is' if count == 1 else 'are'} left out: {named}{more}."]


def _next_run_notes(fleet: RankedFleet) -> list[str]:
    """Why rows that look settled are undecided where the next run is asked for."""
    counts = np.array([len(values) for values in fleet.runs])
    if fleet.criteria.question != "run" or not (few := counts < RUNS_TO_FORETELL).any():
        return []
    clear = f"Undecided for that, however clear it looks: {few.sum()} of {len(counts)} rows."
    return [f"Fewer than {RUNS_TO_FORETELL} runs cannot foretell the next with 95 %. {clear}"]


def near_identical(
    points: np.ndarray, *, maximize: Sequence[bool], threshold: float = 0.99
) -> list[tuple[int, int, float]]:
    """Pairs of objectives that order (N, d) `points` alike: Spearman's rank correlation above `threshold`.

    It is that of costs: `maximize` (d,) says whether more is better. Fewer than five distinct points say
    nothing and give no pair.

    >>> line = np.arange(6.0)
    >>> near_identical(np.column_stack([line, line**2, -line]), maximize=[False, False, False])
    [(0, 1, 1.0)]
    """
    points = np.unique(np.where(np.asarray(maximize), -1.0, 1.0) * points, axis=0)
    varying = [k for k, column in enumerate(points.T) if len(points) >= 5 and np.ptp(column) > 0]
    ranks = {k: _average_ranks(points[:, k]) for k in varying}
    pairs = [
        (first, second, round(float(np.corrcoef(ranks[first], ranks[second])[0, 1]), 12))
        for first, second in combinations(varying, 2)
    ]
    return [pair for pair in pairs if pair[2] > threshold]


def _average_ranks(values: np.ndarray) -> np.ndarray:
    """(n,) ranks from 1; equal values share the mean of theirs."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[which])
