"""What a ranking holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from paretofleet_analysis.errors import RankError
from paretofleet_analysis.ranking.explanation import Explanation
from paretofleet_analysis.ranking.recommendation import Recommendation
from paretofleet_analysis.ranking.robustness import RobustRow
from paretofleet_analysis.ranking.selection import Exclusion
from paretofleet_analysis.report.fed import fed_parts
from paretofleet_analysis.statistics.intervals import Estimate

#: The use of a ranking by objectives that the caller named.
NAMED = "named objectives"
#: Raised when a name of a ranking's JSON or CSV, or what it means, changes.
SCHEMA_VERSION = 2
NO_NEAR_FRONT = (
    "p_near_front is gone since schema_version 2, because a row made worse could raise it: p_front is the "
    "probability that nobody beats a row by the margins, p_pareto that nobody dominates it"
)


@dataclass(frozen=True)
class ObjectiveUse:
    """An objective as this ranking used it."""

    name: str
    direction: str
    unit: str
    margin: str


@dataclass(frozen=True)
class Efficient:
    """The share of a row's costs with which another, at least as accurate, gets by; 1 is the best.

    `median` with the ends of the central 95 %; without ends it is the efficiency of the means (rows of large
    fleets that are surely beaten).
    """

    median: float
    lo: float | None
    hi: float | None


@dataclass(frozen=True)
class RankedRow:
    """A configuration in the ranking. `number` counts from 1 in the printed order; None is absent.

    `estimates`: of each objective the mean over runs with its 95 % interval, as measured, and where a rate
    was asked for `extrapolated_j_per_item`, the energy that follows from the runs without a break;
    `corrected_means`, `corrected_estimates`: without block effects, where they were removed; these are what
    is compared. `rank_interval`: the central 95 % of
    1 + the number of dominators; an absent end is beyond what is told apart. `selected`: objectives in
    which it was picked as the best of several whose intervals overlap: such a value is better than what the
    next measurement will show, on average. `confirmed`: objectives in which its configuration was picked as
    the best by an earlier measurement, in which this one had no part; the earlier row is then no longer
    selected. `group`: rows within the margins of each other share a number. `p_front`: that nobody beats it
    by the margins; `p_pareto`: that nobody dominates it, whatever the margins. `p_meets`: that it keeps all
    limits, None where there are none; `p_front` and `p_pareto` are then of keeping them and being beaten,
    or dominated, by nobody that keeps them. `is_jointly_sure`: of the rows of which it is said, all
    verdicts are right at once with at least 90 %. `verdict`: front, undecided or beaten, by `p_front`;
    `sentence` says it plainly. `overturned_without`: blocks, or flagged runs, each of which alone decides the
    verdict. `is_on_frontier_of_means` takes the means as certain, for comparison.
    """

    number: int
    label: str
    identity: Mapping[str, Any]
    estimates: Mapping[str, Estimate]
    corrected_means: Mapping[str, float] | None
    corrected_estimates: Mapping[str, Estimate] | None
    runs: int
    p_front: float | None
    p_pareto: float | None
    p_meets: float | None
    is_jointly_sure: bool
    p_front_next_run: float | None
    efficiency: Efficient | None
    expected_dominators: float | None
    rank_interval: tuple[int, int | None] | None
    is_on_frontier_of_means: bool
    selected: tuple[str, ...]
    confirmed: tuple[str, ...]
    group: int | None
    verdict: str
    sentence: str
    flags: tuple[str, ...]
    overturned_without: tuple[str, ...] = ()

    def compared(self, name: str) -> Estimate:
        """Of the objective `name` what the ranking compares: without block effects where they were removed,
        else as measured.
        """
        return (self.corrected_estimates or {}).get(name, self.estimates[name])

    @property
    def p_near_front(self) -> float:
        """Gone; raises RankError, which says what stands in its place."""
        raise RankError(NO_NEAR_FRONT)

    @property
    def fed(self) -> dict[str, str]:
        """By axis or input what it was fed where that was asked for."""
        return fed_parts(self.identity.get("inputs"))


@dataclass(frozen=True)
class LeftOutRows:
    """`count` rows of a very large report that are surely dominated: by ten standard errors of both another
    is no worse in any objective and better by more than the margin in one.

    `example`: what one of them is called; `ahead`: the number of the row that beats it, by the means.
    """

    count: int
    example: str
    ahead: int


@dataclass(frozen=True)
class Ranking:
    """Ranked rows in printed order, groups of equivalents (row numbers), exclusions, evidence.

    `use`: "realtime", "offline", "deadline=30ms", or `NAMED` where the caller named the objectives instead.
    `why`: the explanation of one row, where one was asked for. `schema_version`: of these names and what they
    mean, as in JSON and CSV. `recommendations`: what to take for which use. `robustness`: what each row hangs
    on, where that was asked for. `left_out`: of a very large report further rows, which count in everything
    else, but are not among `rows`.
    """

    use: str
    question: str
    objectives: tuple[ObjectiveUse, ...]
    rows: tuple[RankedRow, ...]
    groups: tuple[tuple[int, ...], ...]
    exclusions: tuple[Exclusion, ...]
    notes: tuple[str, ...]
    evidence: Mapping[str, Any]
    why: Explanation | None = None
    promise: str = "each"
    schema_version: int = SCHEMA_VERSION
    recommendations: tuple[Recommendation, ...] = ()
    robustness: tuple[RobustRow, ...] | None = None
    left_out: LeftOutRows | None = None
