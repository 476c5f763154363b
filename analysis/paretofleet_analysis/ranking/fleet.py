"""The rows of a ranking with their runs, as data: measured, and without what blocks did to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from paretofleet_analysis.objectives import OBJECTIVES, Margin, Objective
from paretofleet_analysis.ranking.block_correction import BlockEffects, correct_block_effects, device_sweeps
from paretofleet_analysis.ranking.run_resemblance import device_resemblances, widened
from paretofleet_analysis.ranking.run_resolution import Rounding, resolutions, rounding, with_rounding
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
class Coarseness:
    """Of N rows: (N, d) `widths` of the uniform errors that ticks and steps leave in their runs' values, and
    by objective the step that the values themselves `showed`, where no column of the report told it.
    """

    widths: np.ndarray
    showed: Mapping[str, float]


@dataclass(frozen=True)
class RankedFleet:
    """N rows of a report with the runs that are compared by d objectives.

    `measured`: of each row its (m_i, d) runs as they were measured, with their blocks; with l limits they
    are (m_i, d + l). `corrected`: the (m_i, d) runs without what blocks did; `means`: (N, d) of them.
    `effects`: what blocks did, with the corrected runs, spread as far as their means are less sure than they
    look: where runs resemble the ones before them (`resemblances`, by device), and where values are coarse
    (`coarseness`, of the d + l columns). `rounding`: what that leaves unknown.
    """

    rows: tuple[Row, ...]
    criteria: Criteria
    measured: tuple[RunsWithBlocks, ...]
    corrected: tuple[np.ndarray, ...]
    effects: BlockEffects
    means: np.ndarray
    resemblances: Mapping[str, Resemblance]
    coarseness: Coarseness
    rounding: Rounding

    @property
    def runs(self) -> list[np.ndarray]:
        """N arrays (m_i, d): the runs without what blocks did to them."""
        return self.effects.runs

    @property
    def limited(self) -> list[np.ndarray]:
        """N arrays (m_i, l): the runs in the columns with limits, drift and all."""
        d = len(self.criteria.margins)
        return with_rounding([values[:, d:] for values, _ in self.measured], self.rounding.columns(d))

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
    widths, showed = resolutions(rows, [values for values, _ in measured], criteria.columns)
    return _fleet(tuple(rows), criteria, measured, effects, (resemblances, Coarseness(widths, showed)))


def with_runs(fleet: RankedFleet, measured: Sequence[RunsWithBlocks]) -> RankedFleet:
    """The `fleet` as it would be if these had been `measured`, corrected anew."""
    effects = _without_blocks(fleet.rows, fleet.criteria, measured)
    unsure = (fleet.resemblances, fleet.coarseness)
    return _fleet(fleet.rows, fleet.criteria, tuple(measured), effects, unsure)


def _fleet(
    rows: tuple[Row, ...],
    criteria: Criteria,
    measured: tuple[RunsWithBlocks, ...],
    effects: BlockEffects,
    unsure: tuple[Mapping[str, Resemblance], Coarseness],
) -> RankedFleet:
    """`unsure`: the resemblances and the coarseness by which the runs are spread."""
    resemblances, coarseness = unsure
    is_measured = [objective.is_measured for objective in criteria.objectives]
    means = moments(effects.runs).means
    # one more run is rounded as the others were
    widths = coarseness.widths if criteria.question == "mean" else np.zeros(coarseness.widths.shape)
    unknown = rounding([values for values, _ in measured], widths)
    corrected = tuple(effects.runs)
    spread = widened(rows, corrected, resemblances, is_measured)
    effects = replace(effects, runs=with_rounding(spread, unknown.columns(0, len(is_measured))))
    return RankedFleet(rows, criteria, measured, corrected, effects, means, resemblances, coarseness, unknown)


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
