"""The ranking: which configurations are on the Pareto frontier, and how sure that is.

`p_front` is the probability that nobody beats a row by the margins (`pareto.margins`), `p_pareto` that nobody
dominates it. Both are about true means (`question="mean"`) unless the request says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Unpack

import numpy as np
import pyarrow as pa

from paretofleet_analysis.errors import RankError
from paretofleet_analysis.objectives import OBJECTIVES, Margin, objective, parse_margin
from paretofleet_analysis.ranking import accuracy, stages
from paretofleet_analysis.ranking.evidence import collect_evidence
from paretofleet_analysis.ranking.explanation import explain
from paretofleet_analysis.ranking.fleet import Criteria, RankedFleet, make_fleet
from paretofleet_analysis.ranking.judgement import judge
from paretofleet_analysis.ranking.measured_twice import disagreement_notes
from paretofleet_analysis.ranking.notes import fleet_notes
from paretofleet_analysis.ranking.recommendation import recommendations
from paretofleet_analysis.ranking.request import QUESTIONS, RankingKeywords, RankingRequest, checked_request
from paretofleet_analysis.ranking.result import NAMED, Efficient, ObjectiveUse, RankedRow, Ranking
from paretofleet_analysis.ranking.result_rows import result_rows, row_groups
from paretofleet_analysis.ranking.robustness import robust_rows
from paretofleet_analysis.ranking.row_table import TABLE_FROM, RowTable, column_of
from paretofleet_analysis.ranking.selection import (
    Exclusion,
    Selection,
    columns_of,
    measured_limits,
    select,
    select_from,
)
from paretofleet_analysis.ranking.sensitivity import change_sentence, changed_verdicts
from paretofleet_analysis.ranking.surely_dominated import left_out_rows, without_surely_dominated
from paretofleet_analysis.ranking.table_selection import TableSelection
from paretofleet_analysis.report.access import Row, label
from paretofleet_analysis.report.files import conform

__all__ = [
    "QUESTIONS",
    "Efficient",
    "ObjectiveUse",
    "RankedRow",
    "RankedRuns",
    "Ranking",
    "RankingRequest",
    "rank",
    "rank_runs",
]

#: More rows at once would take minutes and gigabytes, and nobody reads them: of so many others, which are
#: surely dominated, it is only said how many they are.
ROWS_MAX, ROWS_READ_MAX = 100_000, 4_000_000


@dataclass(frozen=True)
class RankedRuns:
    """A `ranking` with what it was made of, in its order: the report's `rows`, and of each row the (m, d)
    `runs` that were compared, without block effects where they were removed. `compared`: all rows behind it,
    those of a very large report that are not listed, too.
    """

    ranking: Ranking
    rows: tuple[Row, ...]
    runs: tuple[np.ndarray, ...]
    compared: Sequence[Row]

    @property
    def devices(self) -> list[str]:
        """The devices of all rows that were compared, by name."""
        return sorted(set(column_of(self.compared, "device")))


def rank(report: pa.Table, **keywords: Unpack[RankingKeywords]) -> Ranking:
    """Rank the rows of a `report` (`files.read`, or several joined by `files.concatenate`).

    The `keywords` are the fields of `RankingRequest`, which says what each means, with unit and default.
    Raises RankError, a ValueError, with one sentence.
    """
    return rank_runs(report, **keywords).ranking


def rank_runs(report: pa.Table, **keywords: Unpack[RankingKeywords]) -> RankedRuns:
    """The same of a `report` and `keywords`, with the rows and runs behind it."""
    request = checked_request(RankingRequest(**keywords))
    stages.reached(stages.BEGUN, report.num_rows)
    reported = _rows(report, request)
    if isinstance(reported, RowTable):
        selection: Selection = select_from(TableSelection.of(reported), request)
    else:
        selection = select(reported, request)
    criteria = Criteria(
        _margins(selection.objectives, request.margins or {}),
        request.question,
        request.accuracy_question,
        request.seed,
        measured_limits(request),
        request.promise,
    )
    accuracy.check(request.accuracy_question, selection.objectives)
    whole, fleet = _fleets(selection, criteria, request.why)
    stages.reached(stages.SELECTED, len(fleet.rows))
    judgement = judge(fleet)
    stages.reached(stages.JUDGED, len(fleet.rows))
    groups = row_groups(fleet, judgement)
    changes = changed_verdicts(fleet, judgement)
    rows = result_rows(fleet, judgement, groups, changes or ())
    number = None if request.why is None else _number(rows, selection.exclusions(), request.why)
    ranking = Ranking(
        use=_use(request),
        question=request.question,
        promise=request.promise,
        objectives=tuple(_objective_use(name, margin) for name, margin in criteria.margins.items()),
        rows=rows,
        groups=groups,
        exclusions=selection.exclusions(),
        notes=(*disagreement_notes(rows, criteria.margins), *selection.notes, *fleet_notes(whole)),
        evidence=collect_evidence(
            request,
            selection,
            whole.rows,
            reported=reported,
            probable=judgement.probabilities,
            effects=whole.effects,
            changes=None if changes is None else [change_sentence(each, fleet.rows) for each in changes],
        ),
        why=None if number is None else explain(fleet, judgement, number),
        recommendations=recommendations(fleet, judgement) if request.why is None else (),
        robustness=robust_rows(fleet, judgement, list(map(label, fleet.rows))) if request.robust else None,
        left_out=left_out_rows(whole, fleet, judgement),
    )
    return RankedRuns(
        ranking,
        tuple(fleet.rows[i] for i in judgement.order),
        tuple(fleet.corrected[i] for i in judgement.order),
        whole.rows,
    )


def _fleets(selection: Selection, criteria: Criteria, why: str | None) -> tuple[RankedFleet, RankedFleet]:
    """The fleet of all rows of the `selection`, and that of those that are listed."""
    whole = fleet = make_fleet(selection.ranked(), criteria)
    if isinstance(whole.rows, RowTable):
        fleet = without_surely_dominated(whole, whole.rows, _meant(whole.rows, why))
    if len(fleet.rows) > ROWS_MAX:
        raise RankError(
            f"of {len(whole.rows):,} rows {len(fleet.rows):,} are not surely dominated, and at most "
            f"{ROWS_MAX:,} are ranked at once: rank fewer sweeps together"
        )
    return whole, fleet


def _rows(report: pa.Table, request: RankingRequest) -> Sequence[Row]:
    """The report's rows as far as they are read; too many are refused before they cost anything."""
    is_plain = request.question == "mean" and request.accuracy_question == "fixed"
    is_plain = is_plain and request.power_scope is None and request.rate_hz is None
    most = ROWS_READ_MAX if is_plain else ROWS_MAX
    if report.num_rows > most:
        why = "" if is_plain else " by another question, accuracy, rate or power scope than the default"
        raise RankError(
            f"the report has {report.num_rows:,} rows and at most {most:,} are ranked at once{why}: "
            "rank fewer sweeps together"
        )
    table = conform(report, name="the report").select(columns_of(request))
    if is_plain and table.num_rows >= TABLE_FROM:
        return RowTable(table)
    rows: list[Row] = table.to_pylist()
    return rows


def _meant(table: RowTable, why: str | None) -> list[int]:
    """The rows of the `table` that `why`, the beginning of a configuration id, may mean."""
    if why is None or len(why) < 4:
        return []
    return [i for i, identifier in enumerate(table.values("configuration_id")) if identifier.startswith(why)]


def _number(rows: Sequence[RankedRow], exclusions: Sequence[Exclusion], name: str) -> int:
    """The number of the row that is meant; RankError where there is none."""
    for row in rows:
        if is_row(row, name):
            return row.number
    for exclusion in exclusions:
        # A bare number is a row's; as a piece of a label it would be found in any batch size.
        if not name.isdigit() and any(name in label for label in exclusion.rows):
            raise RankError(f"'{name}' is not ranked: {exclusion.reason}.")
    numbers = f"a number from 1 to {len(rows)}" if len(rows) > 1 else "1, the only one,"
    raise RankError(f"There is no row '{name}': give {numbers} or a configuration id.")


def is_row(row: RankedRow, name: str) -> bool:
    """Whether `name` means the `row`: its number, or the beginning (at least 4 letters) of its id."""
    identifier = str(row.identity["configuration_id"])
    return name == str(row.number) or (len(name) >= 4 and identifier.startswith(name))


def _use(request: RankingRequest) -> str:
    """What the rows are ranked for; the caller's own objectives leave a use only its deadline."""
    if request.deadline_s is not None:
        return f"deadline={request.deadline_s * 1e3:g}ms"
    return request.use if request.objectives is None else NAMED


def _margins(names: Sequence[str], given: Mapping[str, str | float]) -> dict[str, Margin]:
    """A margin for each objective in use; a margin for anything else is refused."""
    for name in given:
        if objective(name).name not in names:
            raise RankError(f"there is a margin for {name}, which is no objective here: {', '.join(names)}")
    return {name: _margin(OBJECTIVES[name].margin, given.get(name)) for name in names}


def _margin(default: Margin, given: str | float | None) -> Margin:
    if given is None:
        return default
    if isinstance(given, str):
        return parse_margin(given)
    return parse_margin(f"{given * 100:.12g}%" if default.relative else f"{given:.12g}")


def _objective_use(name: str, margin: Margin) -> ObjectiveUse:
    used = OBJECTIVES[name]
    unit = "" if margin.relative else " points" if used.unit == "percent" else f" {used.unit}".rstrip()
    return ObjectiveUse(name, "maximize" if used.maximize else "minimize", used.unit, f"{margin}{unit}")
