"""The rows of a ranking with their runs, as data: measured, and without what blocks did to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from paretofleet_analysis.objectives import OBJECTIVES, Margin, Objective
from paretofleet_analysis.ranking.block_correction import BlockEffects, correct_block_effects, device_sweeps
from paretofleet_analysis.ranking.row_table import (
    MeasuredRuns,
    RowTable,
    RunsWithBlocks,
    column_of,
    flat_samples,
    runs_of,
)
from paretofleet_analysis.ranking.run_resemblance import device_resemblances, widened
from paretofleet_analysis.ranking.run_resolution import Rounding, resolutions, rounding, with_rounding
from paretofleet_analysis.report.access import Row, sampled
from paretofleet_analysis.statistics.flat_runs import FlatRuns
from paretofleet_analysis.statistics.intervals import RUNS_MIN
from paretofleet_analysis.statistics.moments import moments
from paretofleet_analysis.statistics.resemblance import Resemblance


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
class LeftOut:
    """Rows of a very large report that are surely dominated, and on which nothing hangs that is said of the
    others: their `numbers` (R,) in the selection, and the (S, d) `means` of their distinct measurements.

    `listed` (N,): the numbers of the rows that stayed, and which of those are surely `dominated` (N,), too.
    """

    numbers: np.ndarray
    means: np.ndarray
    listed: np.ndarray
    dominated: np.ndarray

    def subset(self, chosen: Sequence[int]) -> LeftOut:
        """The same of those rows that stayed that are numbered in `chosen`."""
        return replace(self, listed=self.listed[chosen], dominated=self.dominated[chosen])


@dataclass(frozen=True)
class RankedFleet:
    """N rows of a report with the runs that are compared by d objectives.

    `measured`: of each row its (m_i, d) runs as they were measured, with their blocks; with l limits they
    are (m_i, d + l). `corrected`: the (m_i, d) runs without what blocks did; `means`: (N, d) of them.
    `effects`: what blocks did, with the corrected runs, spread as far as their means are less sure than they
    look: where runs resemble the ones before them (`resemblances`, by device), and where values are coarse
    (`coarseness`, of the d + l columns). `rounding`: what that leaves unknown. `left_out`: further rows, with
    which all of this was found.
    """

    rows: Sequence[Row]
    criteria: Criteria
    measured: Sequence[RunsWithBlocks]
    corrected: Sequence[np.ndarray]
    effects: BlockEffects
    means: np.ndarray
    resemblances: Mapping[str, Resemblance]
    coarseness: Coarseness
    rounding: Rounding
    left_out: LeftOut | None = None

    @property
    def size(self) -> int:
        """How many rows there are with those that were left out."""
        return len(self.rows) + (0 if self.left_out is None else len(self.left_out.numbers))

    @property
    def runs(self) -> Sequence[np.ndarray]:
        """N arrays (m_i, d): the runs without what blocks did to them."""
        return self.effects.runs

    @property
    def limited(self) -> Sequence[np.ndarray]:
        """N arrays (m_i, l): the runs in the columns with limits, drift and all."""
        d = len(self.criteria.margins)
        return with_rounding(runs_of(self.measured, d), self.rounding.columns(d))

    @property
    def compared(self) -> list[int]:
        """The rows with runs enough to be compared, of which alone there are probabilities."""
        if isinstance(self.runs, FlatRuns):
            return [int(i) for i in np.flatnonzero(self.runs.counts >= RUNS_MIN)]
        return [i for i, values in enumerate(self.runs) if len(values) >= RUNS_MIN]


def make_fleet(rows: Sequence[Row], criteria: Criteria) -> RankedFleet:
    """The fleet of the `rows` of a selection, to be compared by `criteria`."""
    measured = _measured(rows, criteria.columns)
    effects = _without_blocks(rows, criteria, measured)
    resemblances: dict[str, Resemblance] = {}
    if criteria.measured and criteria.question == "mean":
        column = criteria.names.index(criteria.measured[0].name)
        resemblances = device_resemblances(rows, effects.runs, criteria.names, column)
    widths, showed = resolutions(rows, runs_of(measured), criteria.columns)
    return _fleet(rows, criteria, measured, effects, (resemblances, Coarseness(widths, showed)))


def _measured(rows: Sequence[Row], columns: Sequence[str]) -> Sequence[RunsWithBlocks]:
    if isinstance(rows, RowTable):
        return flat_samples(rows, columns)
    return tuple(sampled(row, columns) for row in rows)


def with_runs(fleet: RankedFleet, measured: Sequence[RunsWithBlocks]) -> RankedFleet:
    """The `fleet` as it would be if these had been `measured`, corrected anew."""
    effects = _without_blocks(fleet.rows, fleet.criteria, measured)
    unsure = (fleet.resemblances, fleet.coarseness)
    return _fleet(fleet.rows, fleet.criteria, tuple(measured), effects, unsure)


def _fleet(
    rows: Sequence[Row],
    criteria: Criteria,
    measured: Sequence[RunsWithBlocks],
    effects: BlockEffects,
    unsure: tuple[Mapping[str, Resemblance], Coarseness],
) -> RankedFleet:
    """`unsure`: the resemblances and the coarseness by which the runs are spread."""
    resemblances, coarseness = unsure
    is_measured = [objective.is_measured for objective in criteria.objectives]
    means = moments(effects.runs).means
    # one more run is rounded as the others were
    widths = coarseness.widths if criteria.question == "mean" else np.zeros(coarseness.widths.shape)
    unknown = rounding(runs_of(measured), widths)
    corrected = effects.runs
    spread = widened(rows, corrected, resemblances, is_measured)
    effects = replace(effects, runs=with_rounding(spread, unknown.columns(0, len(is_measured))))
    return RankedFleet(rows, criteria, measured, corrected, effects, means, resemblances, coarseness, unknown)


def _without_blocks(
    rows: Sequence[Row], criteria: Criteria, measured: Sequence[RunsWithBlocks]
) -> BlockEffects:
    return correct_block_effects(
        runs_of(measured, 0, len(criteria.margins)),
        blocks=measured.blocks if isinstance(measured, MeasuredRuns) else [blocks for _, blocks in measured],
        devices=device_sweeps(rows),
        is_measured={objective.name: objective.is_measured for objective in criteria.objectives},
        environments=column_of(rows, "environment_id"),
    )
