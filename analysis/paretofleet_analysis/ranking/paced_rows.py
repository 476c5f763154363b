"""Rows whose items came by the clock, beside those without a break, where a ranking asks for a rate.

A paced row answers another question than one without a break: its latencies hold the waking up. So they are
ranked together in one thing only: the energy of an item at the rate, measured where there is a paced row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paretofleet_analysis.ranking.energy_rate import take_rate
from paretofleet_analysis.ranking.energy_scope import scope_rails
from paretofleet_analysis.report.access import Row, by_block
from paretofleet_analysis.statistics.intervals import mean_interval

PACED = "paced"
#: What two rows agree in that differ only in how their items come, and in how long they were measured.
_SAME = (
    *("variant_sha256", "device", "target", "runtime", "options", "precision", "batch_size", "threads"),
    *("inputs", "timing_scope", "environment_id"),
)
#: Column of a row that only a ranking at a rate has: the energy that follows from a run without a break.
EXTRAPOLATED = "extrapolated_j_per_item"
PACE_MATTERS = "pace_matters"
_ENERGY, _MEDIAN = "energy_j_per_item", "batch_latency_p50_s"


@dataclass(frozen=True)
class RowsAtRate:
    """Of each row why it is not ranked, if so; `notes` say what the energies of the others are."""

    reasons: tuple[str | None, ...]
    notes: tuple[str, ...]


def pace_of(row: Row) -> str:
    """How the items of a `row` come, as a reason calls it: latency, paced at 5 items/s."""
    items_s = row.get("items_s")
    return str(row["mode"]) if items_s is None else f"{row['mode']} at {items_s:g} items/s"


def rows_at_rate(rows: Sequence[Row], rate_hz: float, scope: str | None) -> RowsAtRate:
    """The `rows` with their energies at `rate_hz` items a second, of the power `scope` or the primary one.

    Where every row has a paced one at that rate, those are ranked, and all is measured. Else the rows
    without a break are, with the energy of their paced row where there is one and an extrapolated one where
    not. EXTRAPOLATED stands beside; PACE_MATTERS joins the flags where the two differ.
    """
    measured = {_key(row): row for row in rows if row["mode"] == PACED and row["items_s"] == rate_hz}
    unpaced = [row for row in rows if row["mode"] != PACED]
    for row in measured.values():
        row[EXTRAPOLATED] = mean_interval([])
    for row in unpaced:
        _put_extrapolated(row, measured.get(_key(row)), rate_hz, scope)
    if measured and all(_key(row) in measured for row in unpaced):
        reasons = [_reason_among_paced(row, rate_hz) for row in rows]
        note = f"Every value was measured with {rate_hz:g} items a second, latencies from when each was due."
        return RowsAtRate(tuple(reasons), (note,))
    keys = {_key(row) for row in unpaced}
    reasons = [
        _reason_among_unpaced(row, rate_hz, has_row=_key(row) in keys)
        if row["mode"] == PACED
        else _take(row, measured.get(_key(row)), rate_hz, scope)
        for row in rows
    ]
    return RowsAtRate(tuple(reasons), tuple(_notes(unpaced, measured, rate_hz)))


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in _SAME)


def _reason_among_paced(row: Row, rate_hz: float) -> str | None:
    if row["mode"] != PACED:
        return f"its row of {rate_hz:g} items a second is ranked in its place"
    return None if row["items_s"] == rate_hz else f"mode is {pace_of(row)}"


def _reason_among_unpaced(row: Row, rate_hz: float, *, has_row: bool) -> str:
    if has_row and row["items_s"] == rate_hz:
        return "its energy stands in the row without a break"
    return f"mode is {pace_of(row)}"


def _put_extrapolated(row: Row, paced: Row | None, rate_hz: float, scope: str | None) -> None:
    """Puts what follows from a `row` without a break beside its energy and that of its `paced` row."""
    at_rate = dict(row)
    why = take_rate(at_rate, rate_hz, scope_rails(row, scope))
    row[EXTRAPOLATED] = mean_interval([] if why else _counted(at_rate, _ENERGY))
    if paced is None:
        return
    paced[EXTRAPOLATED] = row[EXTRAPOLATED]
    differ = _differ(paced, row, _MEDIAN) or (why is None and _differ(paced, at_rate, _ENERGY))
    if differ:
        for each in (row, paced):
            each["flags"] = sorted({*(each["flags"] or ()), PACE_MATTERS})


def _take(row: Row, paced: Row | None, rate_hz: float, scope: str | None) -> str | None:
    """Puts the energy at a rate in the place of that of a `row`, measured or extrapolated; or why not."""
    if paced is None or paced[_ENERGY] is None:
        return take_rate(row, rate_hz, scope_rails(row, scope))
    row[_ENERGY] = paced[_ENERGY]
    row[f"{_ENERGY}_runs"] = _runs_beside(row, paced)
    for name in ("energy_relative_uncertainty", f"{_ENERGY}_resolution"):
        row[name] = paced[name]
    return None


def _runs_beside(row: Row, paced: Row) -> list[float | None]:
    """The energies of the `paced` row in the order of the runs of `row`, by block within a sweep."""
    if row["sweep"] == paced["sweep"]:
        by_number = by_block(paced, _ENERGY)
        return [by_number.get(block) for block in row["run_blocks"]]
    rest = iter(_counted(paced, _ENERGY))
    return [next(rest, None) if is_counted else None for is_counted in row["run_counted"]]


def _counted(row: Row, name: str) -> list[float]:
    pairs = zip(row[f"{name}_runs"], row["run_counted"], strict=True)
    return [value for value, is_counted in pairs if is_counted and value is not None]


def _differ(measured: Row, other: Row, name: str) -> bool:
    """Whether column `name` of two rows differs by more than both intervals allow; False where unknown."""
    ends = [_log_interval(row, name) for row in (measured, other)]
    if ends[0] is None or ends[1] is None:
        return False
    (centre, reach), (other_centre, other_reach) = ends[0], ends[1]
    return abs(centre - other_centre) > reach + other_reach


def _log_interval(row: Row, name: str) -> tuple[float, float] | None:
    """The logarithm of a mean over runs and how far it may be off, the sensor's own part with it."""
    estimate = mean_interval(_counted(row, name))
    if not estimate.mean or estimate.hi is None:
        return None
    reach = math.log(estimate.hi / estimate.mean)
    if name == _ENERGY:
        if row["energy_relative_uncertainty"] is None:
            return None
        reach = math.hypot(reach, row["energy_relative_uncertainty"])
    return math.log(estimate.mean), reach


def _notes(unpaced: Sequence[Row], measured: Mapping[tuple[Any, ...], Row], rate_hz: float) -> list[str]:
    """What the energies at a rate are, and whose latencies stand beside them."""
    rule = (
        f"energy_j_per_item is that of {rate_hz:g} items a second: an item's own and, for the rest of its "
        "time, the idle power with the model loaded"
    )
    if not measured:
        return [f"{rule}."]
    count = sum(_key(row) in measured for row in unpaced)
    return [
        f"{rule}; in {count} of {len(unpaced)} rows it was measured at that rate.",
        "Latencies are of runs without a break, since not every row was measured at that rate.",
    ]
