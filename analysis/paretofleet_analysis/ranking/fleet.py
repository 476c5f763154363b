"""The rows of a ranking with their runs, as data: measured, and without what blocks did to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from paretofleet_analysis.objectives import OBJECTIVES, Margin, Objective
from paretofleet_analysis.ranking.block_correction import BlockEffects, correct_block_effects, device_sweeps
from paretofleet_analysis.ranking.run_resemblance import device_resemblances, widened
from paretofleet_analysis.report.access import Row, sampled
from paretofleet_analysis.statistics.intervals import RUNS_MIN
from paretofleet_analysis.statistics.moments import moments
from paretofleet_analysis.statistics.resemblance import Resemblance

#: What a row was measured as: its (m, d) runs and the block of each.
RunsWithBlocks = tuple[np.ndarray, list[int]]


@dataclass(frozen=True)
class Criteria:
    """By what rows are compared: `margins` by objective, in their order, the questions of the request, and
    the upper `limits` of measured columns that are part of the question.
    """

    margins: Mapping[str, Margin]
    question: str = "mean"
    accuracy_question: str = "fixed"
    seed: int = 1
    limits: Mapping[str, float] = field(default_factory=dict)
    promise: str = "each"

    @property
    def objectives(self) -> list[Objective]:
        """The d objectives, in the order of the runs' columns."""
        return [OBJECTIVES[name] for name in self.margins]

    @property
    def names(self) -> list[str]:
        """The names of the d objectives."""
        return list(self.margins)

    @property
    def columns(self) -> list[str]:
        """What each run must have: the objectives, then the columns with limits."""
        return [*self.margins, *self.limits]

    @property
    def maximize(self) -> list[bool]:
        """(d,): whether more is better."""
        return [objective.maximize for objective in self.objectives]

    @property
    def measured(self) -> list[Objective]:
        """The objectives that have a value per run; the model fixes the others."""
        return [objective for objective in self.objectives if objective.is_measured]


@dataclass(frozen=True)
class RankedFleet:
    """N rows of a report with the runs that are compared by d objectives.

    `measured`: of each row its (m_i, d) runs as they were measured, with their blocks; with l limits they
    are (m_i, d + l). `effects`: what blocks did to them, with the corrected runs. `means`: (N, d) of the
    corrected runs. `resemblances`: by device whether its runs resemble the ones before them; where they do
    the corrected runs are spread accordingly.
    """

    rows: tuple[Row, ...]
    criteria: Criteria
    measured: tuple[RunsWithBlocks, ...]
    effects: BlockEffects
    means: np.ndarray
    resemblances: Mapping[str, Resemblance]

    @property
    def runs(self) -> list[np.ndarray]:
        """N arrays (m_i, d): the runs without what blocks did to them."""
        return self.effects.runs

    @property
    def limited(self) -> list[np.ndarray]:
        """N arrays (m_i, l): the runs in the columns with limits, as they were measured."""
        return [values[:, len(self.criteria.margins) :] for values, _ in self.measured]

    @property
    def compared(self) -> list[int]:
        """The rows with runs enough to be compared, of which alone there are probabilities."""
        return [i for i, values in enumerate(self.runs) if len(values) >= RUNS_MIN]


def make_fleet(rows: Sequence[Row], criteria: Criteria) -> RankedFleet:
    """The fleet of the `rows` of a selection, to be compared by `criteria`."""
    measured = tuple(sampled(row, criteria.columns) for row in rows)
    effects = _without_blocks(rows, criteria, measured)
    resemblances: dict[str, Resemblance] = {}
    if criteria.measured and criteria.question == "mean":
        column = criteria.names.index(criteria.measured[0].name)
        resemblances = device_resemblances(rows, effects.runs, criteria.names, column)
    return _fleet(tuple(rows), criteria, measured, effects, resemblances)


def with_runs(fleet: RankedFleet, measured: Sequence[RunsWithBlocks]) -> RankedFleet:
    """The `fleet` as it would be if these had been `measured`, corrected anew."""
    effects = _without_blocks(fleet.rows, fleet.criteria, measured)
    return _fleet(fleet.rows, fleet.criteria, tuple(measured), effects, fleet.resemblances)


def _fleet(
    rows: tuple[Row, ...],
    criteria: Criteria,
    measured: tuple[RunsWithBlocks, ...],
    effects: BlockEffects,
    resemblances: Mapping[str, Resemblance],
) -> RankedFleet:
    is_measured = [objective.is_measured for objective in criteria.objectives]
    means = moments(effects.runs).means
    effects = replace(effects, runs=widened(rows, effects.runs, resemblances, is_measured))
    return RankedFleet(rows, criteria, measured, effects, means, resemblances)


def _without_blocks(
    rows: Sequence[Row], criteria: Criteria, measured: Sequence[RunsWithBlocks]
) -> BlockEffects:
    return correct_block_effects(
        [runs[:, : len(criteria.margins)] for runs, _ in measured],
        blocks=[blocks for _, blocks in measured],
        devices=device_sweeps(rows),
        is_measured={objective.name: objective.is_measured for objective in criteria.objectives},
        environments=[row["environment_id"] for row in rows],
    )
