"""The frontier of a sweep as it stands, as the page draws it: ranked and specified as `analyze` does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paretofleet_analysis.diagnostics.timing import timing_summary
from paretofleet_analysis.errors import AnalysisError
from paretofleet_analysis.figures.front import describe, specification
from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.present.rounded import parts
from paretofleet_analysis.present.timing_text import timing_lines
from paretofleet_analysis.ranking.rank import rank_runs
from paretofleet_analysis.ranking.result import RankedRow, Ranking
from paretofleet_analysis.ranking.sentences import format_probability
from paretofleet_analysis.report.rows import build_report

from paretofleet_collector.jobs.report import report_inputs
from paretofleet_collector.store.engine import reading

#: Rows of the table beside the picture.
ROWS_MAX = 200
#: Devices that are named of each scope of power.
NAMES_MAX = 3


def frontier(database: str, sweep_id: str, use: str) -> dict[str, Any]:
    """What the sweep `sweep_id` in `database` shows so far for a `use`, JSON-ready.

    `why` is empty, or the sentence that says why there is no ranking yet; `timing` says in sentences how
    devices drifted by their canaries, and whether more runs would help. Raises NotFound.
    """
    with reading(database) as connection:
        report = build_report(report_inputs(connection, sweep_id))
    timing = list(timing_lines(timing_summary(report)))
    try:
        ranked = rank_runs(report, use=use)
    except AnalysisError as error:
        return {"why": str(error), "timing": timing}
    ranking = ranked.ranking
    has_picture = len(ranking.objectives) > 1 and len(ranking.rows) > 0
    picture = specification(ranking, runs=ranked.runs) if has_picture else None
    head = {"text": "", "subtitle": []} if picture is None else picture["title"]
    return {
        "why": "",
        "timing": timing,
        "words": describe(ranking),
        "notes": list(ranking.notes),
        "simulated": head["text"],
        "explanation": list(head["subtitle"]),
        "scopes": scope_sentence(report.select(["device", "power_scope"]).to_pylist()),
        "specification": picture,
        "columns": [OBJECTIVES[used.name].short for used in ranking.objectives],
        "rows": [_row(row, ranking) for row in ranking.rows[:ROWS_MAX]],
    }


def scope_sentence(rows: Sequence[Mapping[str, Any]]) -> str:
    """Which device of these `rows` of a report measures the power of what, in a sentence.

    Empty where all measure that of one thing, or nothing.
    """
    devices: dict[str, set[str]] = {}
    for row in rows:
        if row["power_scope"] is not None:
            devices.setdefault(str(row["power_scope"]), set()).add(str(row["device"]))
    if len(devices) < 2:
        return ""
    parts = [f"of {scope} on {_names(sorted(names))}" for scope, names in sorted(devices.items())]
    return f"Power is {'; '.join(parts)}: energies of unlike scopes are not ranked together."


def _names(names: Sequence[str]) -> str:
    more = len(names) - NAMES_MAX
    return ", ".join(names[:NAMES_MAX]) + (f" and {more} more" if more > 0 else "")


def _row(row: RankedRow, ranking: Ranking) -> dict[str, Any]:
    identity = row.identity
    return {
        "number": row.number,
        "name": f"{identity['model']} {identity['precision']} batch size {identity['batch_size']}",
        "device": identity["device"],
        "verdict": row.verdict,
        "p_front": "-" if row.p_front is None else format_probability(row.p_front),
        "values": [_value(row, used.name) for used in ranking.objectives],
    }


def _value(row: RankedRow, name: str) -> str:
    """A mean with its interval, rounded to it, and its unit."""
    objective = OBJECTIVES[name]
    rounded = parts(row.compared(name), objective.scale)
    if rounded is None:
        return "-"
    mean, low, high = rounded
    return f"{mean} [{low}, {high}] {objective.shown_unit}" if low else f"{mean} {objective.shown_unit}"
