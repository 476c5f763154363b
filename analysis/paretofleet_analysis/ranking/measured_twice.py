"""Configurations that several sweeps measured, where the sweeps disagree."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

from paretofleet_analysis.objectives import OBJECTIVES, Margin
from paretofleet_analysis.ranking.result import RankedRow
from paretofleet_analysis.statistics.intervals import Estimate

#: Sentences about so many pairs; the others are counted.
_SHOWN = 5


def disagreement_notes(rows: Sequence[RankedRow], margins: Mapping[str, Margin]) -> list[str]:
    """Which of the ranked `rows` are one configuration of two sweeps that differ by more than the `margins`
    of measured objectives and than both intervals leave open, and by how much.
    """
    same: dict[str, list[RankedRow]] = {}
    for row in rows:
        same.setdefault(str(row.identity["configuration_id"]), []).append(row)
    sentences = []
    for members in same.values():
        for first, second in combinations(sorted(members, key=lambda row: row.number), 2):
            if first.identity["sweep"] != second.identity["sweep"]:
                parts = [
                    text for name in margins if (text := _difference(first, second, name, margins[name]))
                ]
                if parts:
                    sentences.append(_sentence(first, second, parts))
    more = len(sentences) - _SHOWN
    return sentences[:_SHOWN] + ([f"{more} more pairs of rows disagree so."] if more > 0 else [])


def _sentence(first: RankedRow, second: RankedRow, parts: Sequence[str]) -> str:
    where = "" if _environment(first) == _environment(second) else "; their environments differ"
    return (
        f"Rows {first.number} and {second.number} are one configuration, measured by "
        f"{first.identity['sweep']} and {second.identity['sweep']}, which disagree: in row {second.number} "
        f"{', '.join(parts)}{where}."
    )


def _environment(row: RankedRow) -> str:
    return str(row.identity["environment_id"])


def _difference(first: RankedRow, second: RankedRow, name: str, margin: Margin) -> str:
    """How unlike the two are in the objective `name`; empty where the runs or the margin leave that open."""
    objective = OBJECTIVES[name]
    ratio = _ratio(first.estimates[name], second.estimates[name])
    if not objective.is_measured or ratio is None:
        return ""
    factor, lo, hi = ratio
    beyond = 1 + (margin.value if margin.relative else 0.0)
    if lo <= beyond and hi >= 1 / beyond:
        return ""
    return f"{objective.short} is {factor:.3g} times as much ({lo:.3g} to {hi:.3g})"


def _ratio(first: Estimate, second: Estimate) -> tuple[float, float, float] | None:
    """The ratio of the second mean to the first with its 95 % interval; None where one has none."""
    if not (first.mean and first.hi and second.mean and second.hi):
        return None
    factor = second.mean / first.mean
    reach = math.exp(math.hypot(math.log(first.hi / first.mean), math.log(second.hi / second.mean)))
    return factor, factor / reach, factor * reach
