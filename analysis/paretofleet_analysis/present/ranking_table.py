"""The rows of a ranking as a table, as wide as a terminal."""

from __future__ import annotations

from dataclasses import replace

from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.present.row_names import cell, common_names, head, naming_columns
from paretofleet_analysis.present.table import TableColumn, lay_out
from paretofleet_analysis.ranking.dominance_counts import RANKS
from paretofleet_analysis.ranking.paced_rows import EXTRAPOLATED, PACE_MATTERS
from paretofleet_analysis.ranking.result import RankedRow, Ranking
from paretofleet_analysis.ranking.sentences import format_probability
from paretofleet_analysis.statistics.intervals import Estimate

ENERGY = "energy_j_per_item"


def table_columns(ranking: Ranking, *, top: int | None = None) -> list[TableColumn]:
    """The columns of the first `top` rows of a `ranking`, or of all: what tells them apart, what was
    measured, probabilities, and the verdict last.
    """
    common = common_names(ranking.rows)
    ranking = replace(ranking, rows=ranking.rows[:top])
    numbers = [str(row.number) for row in ranking.rows]
    names = [
        TableColumn(head(name), [cell(row, name) for row in ranking.rows], kept=True)
        for name in naming_columns(ranking.rows)
        if name not in common
    ]
    values = [*_measured_columns(ranking), *_optional_columns(ranking)]
    return [
        TableColumn("", numbers, right=True, kept=True),
        *names,
        *(TableColumn(title, cells, right=True) for title, *cells in values),
        TableColumn("verdict", [verdict_mark(row) for row in ranking.rows], kept=True),
    ]


def table_lines(
    ranking: Ranking, width: int | None, *, top: int | None = None
) -> tuple[list[str], list[str]]:
    """The rows of a `ranking`, the first `top` or all, as lines of at most `width` columns; and the titles of
    the columns that were left out for it.
    """
    return lay_out(table_columns(ranking, top=top), width)


def verdict_mark(row: RankedRow) -> str:
    """The verdict of a `row`, with a star where one block, or the flagged runs, decide it."""
    return row.verdict + " *" * bool(row.overturned_without)


def _measured_columns(ranking: Ranking) -> list[list[str]]:
    """Columns of the objectives and of the probabilities."""
    columns = []
    for used in ranking.objectives:
        objective = OBJECTIVES[used.name]
        title = f"{objective.short} {objective.shown_unit}".strip()
        means = (format_mean(row.compared(used.name), objective.scale) for row in ranking.rows)
        columns.append([title, *means])
        if used.name == ENERGY and all(EXTRAPOLATED in row.estimates for row in ranking.rows):
            columns.append([f"extrapolated {objective.shown_unit}", *map(_extrapolated, ranking.rows)])
    if ranking.question == "run":
        return [*columns, ["p_front_next_run", *(_share(row.p_front_next_run) for row in ranking.rows)]]
    if any(row.p_meets is not None for row in ranking.rows):
        columns.append(["p_meets", *(_share(row.p_meets) for row in ranking.rows)])
    if len(ranking.rows) > 1 and any(row.p_front is None for row in ranking.rows):
        columns.append(["frontier of means", *map(_by_mean, ranking.rows)])
    if all(row.p_front is None for row in ranking.rows):
        return columns
    return [
        *columns,
        ["p_front", *(_share(row.p_front) for row in ranking.rows)],
        ["p_pareto", *(_share(row.p_pareto) for row in ranking.rows)],
    ]


def _by_mean(row: RankedRow) -> str:
    """Where a row stands whose runs are too few to say how sure that is."""
    if row.p_front is not None:
        return "-"
    return "on it" if row.is_on_frontier_of_means else "not on it"


def _extrapolated(row: RankedRow) -> str:
    """What follows from the runs without a break, marked where the measurement says otherwise."""
    text = format_mean(row.estimates[EXTRAPOLATED], OBJECTIVES[ENERGY].scale)
    return text + " !" * (PACE_MATTERS in row.flags)


def _optional_columns(ranking: Ranking) -> list[list[str]]:
    """Columns that are left out, the last first, where the table would not fit; JSON and CSV have them."""
    if all(row.efficiency is None and row.rank_interval is None for row in ranking.rows):
        return []
    columns = [
        ["efficiency", *(_share_of_costs(row) for row in ranking.rows)],
        ["rank", *(_ranks(row) for row in ranking.rows)],
        ["ahead", *(_ahead(row.expected_dominators) for row in ranking.rows)],
    ]
    if any(row.selected or row.confirmed for row in ranking.rows):
        columns.insert(0, ["value", *(_picked(row) for row in ranking.rows)])
    return columns


def _picked(row: RankedRow) -> str:
    marks = ["selected"] * bool(row.selected) + ["confirmed"] * bool(row.confirmed)
    return ", ".join(marks) or "-"


def _share_of_costs(row: RankedRow) -> str:
    efficiency = row.efficiency
    if efficiency is None:
        return "-"
    if efficiency.lo is None or efficiency.hi is None:
        return f"{efficiency.median:.2f}"
    lo, hi = f"{efficiency.lo:.2f}", f"{efficiency.hi:.2f}"
    return f"{efficiency.median:.2f}" if lo == hi else f"{lo}-{hi}"


def _ranks(row: RankedRow) -> str:
    if row.rank_interval is None:
        return "-"
    low, high = row.rank_interval
    if high is None:
        return f">{min(low, RANKS + 2) - 1}"
    return f"{low}" if low == high else f"{low}-{high}"


def _ahead(dominators: float | None) -> str:
    return "-" if dominators is None else f"{dominators:.1f}" if dominators < 100 else f"{dominators:.0f}"


def format_mean(estimate: Estimate, scale: float) -> str:
    """The mean of an `estimate`, times `scale`, to two digits of its interval's half width, with ± where both
    sides are the same in print.

    >>> format_mean(Estimate(0.012345, 0.0121, 0.01259, 5), 1e3)
    '12.35 ±0.25'
    >>> format_mean(Estimate(9.2, 3.9, 21.6, 3), 1.0)
    '9.2 (3.9 to 21.6)'
    >>> format_mean(Estimate(69.758, None, None, 5), 1.0)
    '69.76'
    """
    if estimate.mean is None:
        return "-"
    mean, half = estimate.mean * scale, estimate.half_width
    if half is None or estimate.lo is None or estimate.hi is None:
        return _digits(mean, mean / 100)
    step = half * scale
    below, above = (_digits(abs(end - estimate.mean) * scale, step) for end in (estimate.lo, estimate.hi))
    if below == above:
        return f"{_digits(mean, step)} ±{below}"
    lo, hi = (_digits(end * scale, step) for end in (estimate.lo, estimate.hi))
    return f"{_digits(mean, step)} ({lo} to {hi})"


def _digits(value: float, resolution: float) -> str:
    """The value to two digits of the resolution, never with more than four decimals."""
    decimals = 2
    if resolution > 0:
        exponent = int(f"{resolution:e}".partition("e")[2])
        decimals = min(max(1 - exponent, 0), 4)
    return f"{value:.{decimals}f}"


def _share(p: float | None) -> str:
    return "-" if p is None else format_probability(p)
