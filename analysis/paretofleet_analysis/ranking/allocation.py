"""Where a sweep's next runs would settle its ranking soonest, from the report so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from paretofleet_analysis.errors import RankError
from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.pareto import next_runs
from paretofleet_analysis.ranking.fleet import Field
from paretofleet_analysis.ranking.selection import Selection, Wish, columns_of, select
from paretofleet_analysis.ranking.verdicts import UNDECIDED
from paretofleet_analysis.report.access import Row
from paretofleet_analysis.report.files import conform
from paretofleet_analysis.statistics.intervals import RUNS_MIN


@dataclass(frozen=True)
class Further:
    """`runs`: by configuration id how many of the budget it should get, none of them 0. `undecided`: the
    configurations whose verdict is open. `compared`: all that the ranking holds with 3 runs or more.
    """

    objectives: tuple[str, ...]
    compared: tuple[str, ...]
    undecided: tuple[str, ...]
    runs: Mapping[str, int]


def further_runs(report: pa.Table, *, use: str, budget: int, seed: int) -> Further:
    """How `budget` further runs should be shared out over the configurations of a `report`.

    The rows, objectives, block corrections, margins and verdicts are those of `rank` for that `use`
    ("realtime", "offline"); a report in which no row has an accuracy is ranked by the other objectives of
    the use. `next_runs` then gives the budget out. Raises RankError where nothing can be ranked and where
    fewer than two configurations have 3 runs that count.
    """
    rows = conform(report, name="the report").to_pylist()
    chosen = _selected(rows, use)
    margins = {name: OBJECTIVES[name].margin for name in chosen.objectives}
    field = Field(chosen, margins, question="mean", accuracy_question="fixed", seed=seed)
    enough = [i for i, runs in enumerate(field.runs) if len(runs) >= RUNS_MIN]
    ids = [str(row["configuration_id"]) for row in field.rows]
    compared = tuple(dict.fromkeys(ids[i] for i in enough))
    if len(compared) < 2:
        raise RankError(f"fewer than 2 configurations have {RUNS_MIN} runs that count")
    given = next_runs(
        [field.runs[i] for i in enough], maximize=field.maximize, budget=budget, seed=seed
    ).tolist()
    runs: dict[str, int] = {}
    for i, count in zip(enough, given, strict=True):
        if count:
            runs[ids[i]] = runs.get(ids[i], 0) + count
    open_rows = (ids[i] for i in enough if field.verdicts[i] == UNDECIDED)
    return Further(tuple(chosen.objectives), compared, tuple(dict.fromkeys(open_rows)), runs)


def _selected(rows: list[Row], use: str) -> Selection:
    """The rows and objectives of `rank`, without the accuracy where no row has one."""
    wish = Wish(use, None, None, None, False, True, {})
    names = columns_of(wish)
    rows = [{name: row[name] for name in names} for row in rows]
    if any(row["top1"] is not None for row in rows):
        return select(rows, wish)
    # `select` takes the accuracy for granted; one and the same for all of them changes no comparison.
    chosen = select([{**row, "top1": 100.0} for row in rows], wish)
    chosen.objectives = [name for name in chosen.objectives if name != "top1"]
    return chosen
