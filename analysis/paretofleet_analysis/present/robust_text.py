"""What a ranking hangs on, as a table: a run, a block, an objective, means or medians."""

from __future__ import annotations

from collections.abc import Sequence

from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.present.table import TableColumn, lay_out
from paretofleet_analysis.present.wrapping import WIDTH, WIDTH_MIN, wrapped
from paretofleet_analysis.ranking.robustness import RUNS_MAX, RobustRow
from paretofleet_analysis.ranking.sensitivity import SENSITIVITY_ROWS_MAX
from paretofleet_analysis.ranking.sentences import format_probability


def render_robustness(rows: Sequence[RobustRow], *, columns: int = WIDTH) -> str:
    """How far the verdicts of `rows` hold, as text of at most `columns` columns."""
    width = min(max(columns, WIDTH_MIN), WIDTH)
    if not rows:
        text = f"Robustness: not computed for more than {SENSITIVITY_ROWS_MAX} rows; rank fewer together."
        return "\n".join(wrapped(text, width)) + "\n"
    table, left_out = lay_out(_table(rows), columns)
    meaning = (
        "p_front without a run: its least and largest when one run of the row is left out; without a block: "
        "when one block of all rows is. Without an objective: the verdict that ranking by the others gives."
    )
    sentences = [meaning]
    if all(row.without_a_run is None for row in rows):
        sentences.append(f"No run is left out alone: too few of a row, or more than {RUNS_MAX} in all.")
    if left_out:
        sentences.append(f"Too narrow for: {', '.join(left_out)}; -o json has all.")
    return "\n".join([*table, *(line for text in sentences for line in wrapped(text, width))]) + "\n"


def _table(rows: Sequence[RobustRow]) -> list[TableColumn]:
    return [
        TableColumn("", [str(row.number) for row in rows], right=True, kept=True),
        TableColumn("row", [row.label for row in rows], kept=True),
        TableColumn("verdict", [row.verdict for row in rows], kept=True),
        TableColumn("p_front", [_probability(row.p_front) for row in rows], right=True, kept=True),
        TableColumn("without a run", [_range(row.without_a_run) for row in rows], right=True),
        TableColumn("without a block", [_range(row.without_a_block) for row in rows], right=True),
        TableColumn("without an objective", [_dropped(row) for row in rows]),
        TableColumn("front of means", [_yes(row.is_on_frontier_of_means) for row in rows]),
        TableColumn("of medians", [_yes(row.is_on_frontier_of_medians) for row in rows]),
    ]


def _probability(p: float | None) -> str:
    return "-" if p is None else format_probability(p)


def _range(ends: tuple[float, float] | None) -> str:
    if ends is None:
        return "-"
    lo, hi = map(format_probability, ends)
    return lo if lo == hi else f"{lo} to {hi}"


def _dropped(row: RobustRow) -> str:
    """The verdicts that change, by the objective that is dropped."""
    changes = [f"{OBJECTIVES[name].short}: {verdict}" for name, verdict in row.without_objective.items()]
    return ", ".join(changes) or "the same"


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"
