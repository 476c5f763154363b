"""A row of a ranking as facts for one person to read, and as cells for a CSV file."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from paretofleet_collector.cli.units import counted

if TYPE_CHECKING:
    from paretofleet_analysis.ranking.rank import RankedRow
    from paretofleet_analysis.statistics.intervals import Estimate


def row_facts(row: RankedRow) -> dict[str, Any]:
    """What is known of a row: its estimates with their 95 % intervals, its probabilities, what it is."""
    from paretofleet_analysis.ranking.sentences import format_probability

    facts: dict[str, Any] = {"row": row.number, "verdict": row.verdict, "because": row.sentence}
    facts["would be another without"] = row.overturned_without
    for name, estimate in row.estimates.items():
        interval = _interval(row, estimate)
        facts[name] = None if estimate.mean is None else f"{estimate.mean:.6g}{interval}"
        corrected = row.compared(name)
        if not corrected.holds_drift and corrected.mean is not None:
            facts[f"{name} without block effects"] = f"{corrected.mean:.6g}{_interval(row, corrected)}"
    facts |= {
        name: format_probability(probability)
        for name, probability in _probabilities(row).items()
        if probability is not None
    }
    if row.expected_dominators is not None:
        facts["expected_dominators"] = f"{row.expected_dominators:.2f}"
    facts |= {"efficiency": _efficiency(row), "rank": _ranks(row)}
    facts |= {"selected": row.selected, "confirmed": row.confirmed}
    return facts | {"group": row.group, "flags": row.flags, **row.identity}


def _interval(row: RankedRow, estimate: Estimate) -> str:
    """The ends of an estimate, from how many runs, and whether drift between blocks is in them."""
    if estimate.lo is None:
        return ""
    drift = "with" if estimate.holds_drift else "without"
    ends = f"95 %: {estimate.lo:.6g} to {estimate.hi:.6g}"
    return f" ({ends}, {counted(row.runs, 'run')}, {drift} drift between blocks)"


def row_cells(row: RankedRow) -> dict[str, Any]:
    """A row for CSV: what it is, its estimates with their intervals, its probabilities.

    Nothing is surer than in the table: values to two digits of their interval, probabilities in hundredths
    with the ends between which they lie.
    """
    from paretofleet_analysis.ranking.result import SCHEMA_VERSION

    cells: dict[str, Any] = {"number": row.number, **row.identity, "runs": row.runs}
    for name, estimate in row.estimates.items():
        cells |= rounded(name, estimate)
        cells |= rounded(f"{name}_corrected", (row.corrected_estimates or {}).get(name))
    for name, probability in _probabilities(row).items():
        cells |= bounded(name, probability)
    ahead = row.expected_dominators
    cells |= {
        "expected_dominators": None if ahead is None else round(ahead, 2),
        "group": row.group,
        "verdict": row.verdict,
    }
    cells |= {"is_jointly_sure": row.is_jointly_sure, "overturned_without": row.overturned_without}
    if row.efficiency is not None:
        shares = {"": row.efficiency.median, "_lo": row.efficiency.lo, "_hi": row.efficiency.hi}
        cells |= {f"efficiency{end}": None if x is None else round(x, 3) for end, x in shares.items()}
    low, high = row.rank_interval or (None, None)
    cells |= {"rank_lo": low, "rank_hi": high, "selected": row.selected, "confirmed": row.confirmed}
    return {**cells, "sentence": row.sentence, "flags": row.flags, "schema_version": SCHEMA_VERSION}


def rounded(name: str, estimate: Estimate | None) -> dict[str, float | None]:
    """An `estimate` called `name` and its ends as columns: to two digits of half its interval, or to six."""
    if estimate is None or estimate.mean is None:
        return {f"{name}{end}": None for end in ("", "_lo", "_hi")}
    values = {"": estimate.mean, "_lo": estimate.lo, "_hi": estimate.hi}
    size = estimate.half_width or abs(estimate.mean) * 1e-4
    decimals = 1 - math.floor(math.log10(size)) if size else 0
    return {f"{name}{end}": None if x is None else round(x, decimals) for end, x in values.items()}


def bounded(name: str, probability: float | None) -> dict[str, float | None]:
    """The `probability` called `name` as columns: in hundredths, rounded towards one half, and between what
    it lies.
    """
    from paretofleet_analysis.ranking.sentences import probability_bounds

    if probability is None:
        return {name: None, f"{name}_lo": None, f"{name}_hi": None}
    low, high = probability_bounds(probability)
    return {name: low if probability > 0.5 else high, f"{name}_lo": low, f"{name}_hi": high}


def _probabilities(row: RankedRow) -> dict[str, float | None]:
    return {
        "p_front": row.p_front,
        "p_pareto": row.p_pareto,
        "p_meets": row.p_meets,
        "p_front_next_run": row.p_front_next_run,
    }


def _efficiency(row: RankedRow) -> str | None:
    efficiency = row.efficiency
    if efficiency is None:
        return None
    interval = "" if efficiency.lo is None else f" (95 %: {efficiency.lo:.3f} to {efficiency.hi:.3f})"
    return f"{efficiency.median:.3f}{interval}"


def _ranks(row: RankedRow) -> str | None:
    if row.rank_interval is None:
        return None
    low, high = row.rank_interval
    if low == high:
        return str(low)
    return f"{low} or more" if high is None else f"{low} to {high}"
