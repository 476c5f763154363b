"""The relative efficiency of a report's rows: by free disposal, by envelopment or by a stochastic frontier.

In the spirit of Partovi Nia et al. 2022 (arXiv 2202.09275): a deterministic frontier, a random one, and one
number that ranks models across devices. Their equations are not known here, so no number is theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from paretofleet_analysis.errors import RankError
from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.ranking.request import RankingRequest, checked_request
from paretofleet_analysis.ranking.row_table import TABLE_FROM, RowTable, flat_samples, rows_at
from paretofleet_analysis.ranking.selection import Exclusion, Selection, columns_of, select, select_from
from paretofleet_analysis.ranking.table_selection import TableSelection
from paretofleet_analysis.report.access import Row, label, samples
from paretofleet_analysis.report.files import conform
from paretofleet_analysis.studies import run_draws, score_orders, scores, sfa
from paretofleet_analysis.studies.score_orders import ScoreOrders

Floats = np.ndarray
Method = Literal["fdh", "dea", "sfa"]
CONFIDENCE = 0.95
#: Replicates of what the runs leave open and draws of runs under each, by method: programs cost more.
_DRAWS = {"fdh": (200, 100), "dea": (40, 20)}
#: Beyond so many rows the draws of runs take minutes.
ROWS_MAX = {"fdh": 200, "dea": 60, "sfa": 10_000}


@dataclass(frozen=True)
class RowEfficiency:
    """A row's efficiency in (0, 1], with the bounds that hold it with 95 %; 1 is the best there is.

    By "fdh" and "dea" it is the mean over further runs of all rows, by "sfa" what exp(-u) is expected to be.
    """

    label: str
    efficiency: float
    low: float
    high: float


@dataclass(frozen=True)
class Efficiencies:
    """The rows, the most efficient first; `orders` of `rows` in this order, none by "sfa".

    `exclusions`: the rows that were left out, by reason; `notes`: sentences about all of it.
    """

    method: str
    objectives: tuple[str, ...]
    rows: tuple[RowEfficiency, ...]
    orders: ScoreOrders | None
    exclusions: tuple[Exclusion, ...]
    notes: tuple[str, ...]


def efficiency(
    report: pa.Table,
    *,
    objectives: Sequence[str],
    method: Method = "fdh",
    returns: Literal["constant", "variable"] = "variable",
    law: sfa.Law = "half-normal",
    devices: Sequence[str] = (),
    seed: int = 1,
) -> Efficiencies:
    """How efficient each row of a `report` (`report.files.read`) is beside the others.

    `objectives`: two columns or more, as for `rank`. By "sfa" the first of them is the response, and the
    others are what it may depend on. `returns` is of "dea", `law` of "sfa"; `devices` as for `rank`; `seed`
    is of all that is drawn. Rows are left out as `rank` leaves them out, and those with fewer than 3 runs.
    Raises RankError with one sentence, ValueError for an unknown method.
    """
    if method not in ROWS_MAX:
        raise ValueError(f"method is {method!r}; give 'fdh', 'dea' or 'sfa'")
    if len(objectives) < 2:
        raise RankError("an efficiency weighs objectives against each other: give two or more")
    if method != "sfa" and all(name in OBJECTIVES and OBJECTIVES[name].maximize for name in objectives):
        raise RankError("an efficiency says how far costs could shrink: give one that is to be minimised")
    request = checked_request(RankingRequest(objectives=tuple(objectives), devices=devices, seed=seed))
    table = conform(report, name="the report").select(columns_of(request))
    selection: Selection
    if table.num_rows >= TABLE_FROM:
        selection = select_from(TableSelection.of(RowTable(table)), request)
        counts = flat_samples(selection.ranked(), objectives).runs.counts.tolist()
    else:
        selection = select(table.to_pylist(), request)
        counts = [len(samples(row, objectives)) for row in selection.rows]
    few = f"fewer than {run_draws.RUNS_MIN} runs"
    selection = selection.exclude([None if count >= run_draws.RUNS_MIN else few for count in counts])
    _check_count(len(selection.rows), method)
    rows = rows_at(selection.ranked(), range(len(selection.rows)))
    runs = [samples(row, objectives) for row in rows]
    maximize = [OBJECTIVES[name].maximize for name in objectives]
    if method == "sfa":
        units, notes = _by_frontier(rows, runs, maximize, law, seed)
        orders = None
    else:
        units, orders = _by_draws(rows, runs, maximize, method, returns, seed)
        notes = ()
    best = sorted(range(len(units)), key=lambda at: (-units[at].efficiency, units[at].label))
    return Efficiencies(
        method,
        tuple(objectives),
        tuple(units[at] for at in best),
        orders and ScoreOrders(orders.first[np.ix_(best, best)], orders.second[np.ix_(best, best)]),
        selection.exclusions(),
        (*selection.notes, *notes),
    )


def _by_draws(
    rows: Sequence[Row],
    runs: Sequence[Floats],
    maximize: Sequence[bool],
    method: str,
    returns: Literal["constant", "variable"],
    seed: int,
) -> tuple[list[RowEfficiency], ScoreOrders]:
    replicates, draws = _DRAWS[method]
    drawn = run_draws.draw_runs(runs, replicates=replicates, draws=draws, seed=seed)
    if method == "fdh":
        values = scores.fdh_scores(drawn, maximize=maximize)
    else:
        values = scores.dea_scores(drawn, maximize=maximize, returns=returns)
    means = score_orders.survival_score(values)
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(means, [tail, 100 - tail], axis=0)
    units = [
        RowEfficiency(label(row), float(means[:, at].mean()), float(low[at]), float(high[at]))
        for at, row in enumerate(rows)
    ]
    return units, score_orders.order_probabilities(values)


def _by_frontier(
    rows: Sequence[Row], runs: Sequence[Floats], maximize: Sequence[bool], law: sfa.Law, seed: int
) -> tuple[list[RowEfficiency], tuple[str, ...]]:
    try:
        frontier = sfa.fit(
            [unit[:, 0] for unit in runs],
            np.array([np.exp(np.log(unit[:, 1:]).mean(axis=0)) for unit in runs]),
            direction="gain" if maximize[0] else "cost",
            law=law,
            confidence=CONFIDENCE,
            seed=seed,
        )
    except ValueError as error:
        raise RankError(f"a stochastic frontier cannot be fitted: {error}") from error
    units = [
        RowEfficiency(label(row), float(middle), float(low), float(high))
        for row, middle, low, high in zip(rows, frontier.expected, frontier.low, frontier.high, strict=True)
    ]
    said = "No inefficiency was detected: the rows differ by no more than noise and the other objectives."
    return units, () if frontier.has_inefficiency else (said,)


def _check_count(count: int, method: str) -> None:
    if count < 2:
        raise RankError(
            f"{count} rows have {run_draws.RUNS_MIN} runs or more; an efficiency holds a row against others"
        )
    if count > ROWS_MAX[method]:
        raise RankError(
            f"{count} rows are too many for {method!r}, which takes {ROWS_MAX[method]}: choose with devices"
        )
