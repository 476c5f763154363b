"""Where a sweep's next runs would settle its ranking soonest, from the report so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from paretofleet_analysis.errors import RankError
from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.pareto import next_runs
from paretofleet_analysis.ranking.fleet import Criteria, make_fleet
from paretofleet_analysis.ranking.judgement import fleet_probabilities, row_verdicts
from paretofleet_analysis.ranking.request import RankingRequest
from paretofleet_analysis.ranking.selection import Selection, columns_of, select
from paretofleet_analysis.ranking.verdicts import UNDECIDED
from paretofleet_analysis.report.access import Row
from paretofleet_analysis.report.files import conform
from paretofleet_analysis.statistics.intervals import RUNS_MIN


@dataclass(frozen=True)
class RunAllocation:
    """`runs`: by configuration id how many of the budget it should get, none of them 0. `undecided`: the
    configurations whose verdict is open. `compared`: all that the ranking holds with 3 runs or more.
    """

    objectives: tuple[str, ...]
    compared: tuple[str, ...]
    undecided: tuple[str, ...]
    runs: Mapping[str, int]


def allocate_runs(report: pa.Table, *, use: str, budget: int, seed: int) -> RunAllocation:
    """How `budget` further runs should be shared out over the configurations of a `report`.

    The rows, objectives, block corrections, margins and verdicts are those of `rank` for that `use`
    ("realtime", "offline"); a report in which no row has an accuracy is ranked by the other objectives of
    the use. `next_runs` then gives the budget out; `seed` is that of all that is drawn. Raises RankError
    where nothing can be ranked and where fewer than two configurations have 3 runs that count.
    """
    selection = _selected(conform(report, name="the report").to_pylist(), use)
    margins = {name: OBJECTIVES[name].margin for name in selection.objectives}
    fleet = make_fleet(selection.rows, Criteria(margins, seed=seed))
    ids = {i: str(fleet.rows[i]["configuration_id"]) for i in fleet.compared}
    compared = tuple(dict.fromkeys(ids.values()))
    if len(compared) < 2:
        raise RankError(f"fewer than 2 configurations have {RUNS_MIN} runs that count")
    counts = next_runs(
        [fleet.runs[i] for i in ids], maximize=fleet.criteria.maximize, budget=budget, seed=seed
    ).tolist()
    runs: dict[str, int] = {}
    for name, count in zip(ids.values(), counts, strict=True):
        if count:
            runs[name] = runs.get(name, 0) + count
    verdicts = row_verdicts(fleet, fleet_probabilities(fleet))
    undecided = dict.fromkeys(name for i, name in ids.items() if verdicts[i] == UNDECIDED)
    return RunAllocation(tuple(selection.objectives), compared, tuple(undecided), runs)


def _selected(rows: list[Row], use: str) -> Selection:
    """The rows and objectives of `rank`, without the accuracy where no row has one."""
    request = RankingRequest(use=use, allow_simulated_mix=True)
    names = columns_of(request)
    rows = [{name: row[name] for name in names} for row in rows]
    if any(row["top1"] is not None for row in rows):
        return select(rows, request)
    # `select` takes the accuracy for granted; one and the same for all of them changes no comparison.
    selection = select([{**row, "top1": 100.0} for row in rows], request)
    return replace(selection, objectives=tuple(name for name in selection.objectives if name != "top1"))
