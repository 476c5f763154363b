"""A few rows of one device against each other: by what factor the fastest leads, and what is still open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from paretofleet_analysis.diagnostics.paired import (
    WATCHED_WIDENING,
    Paired,
    blocks_to_decide,
    compare_rows,
    is_clear,
)
from paretofleet_analysis.errors import RankError
from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.ranking.exclusion_reasons import state_reason, work_reason
from paretofleet_analysis.ranking.fleet import Criteria, make_fleet
from paretofleet_analysis.report.access import Row, by_block
from paretofleet_analysis.report.files import conform
from paretofleet_analysis.report.rows import CONTAMINATED
from paretofleet_analysis.statistics.intervals import RUNS_MIN, Estimate

SPEED = "batch_latency_mean_s"
#: What is compared, where both rows have it.
COMPARED = (SPEED, "energy_j_per_item", "memory_peak_bytes", "device_memory_bytes")
MORE, LESS, ALIKE, SAME, OPEN = "more", "less", "alike", "same in every run", "open"


@dataclass(frozen=True)
class Difference:
    """How many times a row's value is that of the fastest, as `paired` has it, and what that settles.

    `outcome`: MORE or LESS where the two are told apart; ALIKE where the interval is within the margin; SAME
    where no run differs from another, so that the ratio stands without an interval; else OPEN. `blocks`: how
    many, those made included, would settle what is open; None where nothing is, or too few were made.
    """

    paired: Paired
    outcome: str
    blocks: int | None


@dataclass(frozen=True)
class Contender:
    """A row of the report that was measured: `estimates` of what is compared, and against the fastest its
    `differences`, empty for the fastest itself.
    """

    row: Row
    estimates: Mapping[str, Estimate]
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class HeadToHead:
    """The `contenders`, the fastest first, and the rows that were not measured, each with its reason.

    `block_s`: seconds from one block to the next; None with fewer than two, or by a simulated clock.
    """

    contenders: tuple[Contender, ...]
    failed: tuple[tuple[Row, str], ...]
    block_s: float | None

    @property
    def is_clear(self) -> bool:
        """Whether all that is compared is so clear that runs, looked at after every block, may end."""
        differences = [each for contender in self.contenders for each in contender.differences]
        return bool(differences) and all(
            is_clear(each.paired.comparison, OBJECTIVES[each.paired.objective].margin.value)
            for each in differences
        )


def head_to_head(report: pa.Table, *, is_watched: bool = False) -> HeadToHead:
    """Compare the rows of a `report` of one sweep on one device within its blocks.

    Intervals and differences are those that `rank --why` shows. `is_watched`: wider ones, of runs that end
    once they are clear. Raises RankError for rows of several devices.
    """
    rows = conform(report, name="the report").to_pylist()
    if len({(row["device"], row["sweep"]) for row in rows}) > 1:
        raise RankError("the rows are of several devices or sweeps, which share no blocks: rank them instead")
    reasons = [_reason(row) for row in rows]
    failed = tuple((row, reason) for row, reason in zip(rows, reasons, strict=True) if reason)
    measured = [row for row, reason in zip(rows, reasons, strict=True) if not reason]
    measured.sort(key=lambda row: row[SPEED])
    contenders = _contenders(measured, WATCHED_WIDENING if is_watched else 1.0) if measured else ()
    return HeadToHead(contenders, failed, _block_s(measured))


def disturbed_runs(contender: Contender) -> int:
    """How many runs of a `contender` other programs disturbed."""
    return sum(CONTAMINATED in flags for flags in contender.row["run_flags"])


def is_short_of_runs(contender: Contender) -> bool:
    """Whether disturbed runs of a `contender` do not count, so that fewer are left than were made."""
    pairs = zip(contender.row["run_flags"], contender.row["run_counted"], strict=True)
    return any(CONTAMINATED in flags and not is_counted for flags, is_counted in pairs)


def _reason(row: Row) -> str | None:
    """Why a row says nothing here; None for one that was measured."""
    return state_reason(row) or work_reason(row) or (None if by_block(row, SPEED) else "no run counts")


def _contenders(rows: Sequence[Row], widening: float) -> tuple[Contender, ...]:
    """The measured `rows`, the fastest of which comes first; errors of differences grow by `widening`."""
    fastest = rows[0]
    names = [name for name in COMPARED if all(by_block(row, name) for row in rows)]
    fleet = make_fleet(rows, Criteria({SPEED: OBJECTIVES[SPEED].margin}))
    seen = fleet.resemblances.get(str(fastest["device"]))
    widening *= 1.0 if seen is None else seen.widening(len(fleet.runs[0]))
    paired = compare_rows(fastest, dict(enumerate(rows)), names, widening=widening)
    return tuple(
        Contender(row, _estimates(row, names), tuple(map(_difference, paired.get(k, ()))))
        for k, row in enumerate(rows)
    )


def _estimates(row: Row, names: Sequence[str]) -> dict[str, Estimate]:
    return {name: Estimate(row[name], row[f"{name}_lo"], row[f"{name}_hi"], row["runs"]) for name in names}


def _difference(paired: Paired) -> Difference:
    comparison, margin = paired.comparison, OBJECTIVES[paired.objective].margin.value
    if comparison.ratio is None or comparison.blocks < RUNS_MIN:
        return Difference(paired, OPEN, None)
    if comparison.lo is None or comparison.hi is None:
        return Difference(paired, SAME, None)
    if 1 / (1 + margin) <= comparison.lo and comparison.hi <= 1 + margin:
        return Difference(paired, ALIKE, None)
    if paired.is_told_apart:
        return Difference(paired, MORE if comparison.ratio > 1 else LESS, None)
    return Difference(paired, OPEN, blocks_to_decide(comparison, margin))


def _block_s(rows: Sequence[Row]) -> float | None:
    """Seconds from the start of one block to that of the next, on average."""
    starts: dict[int, float] = {}
    for row in rows:
        for block, start_s in zip(row["run_blocks"], row["run_started_s"], strict=True):
            if start_s is not None:
                starts[block] = min(start_s, starts.get(block, start_s))
    if len(starts) < 2 or any(row["simulated"] for row in rows):
        return None
    first, last = min(starts), max(starts)
    return (starts[last] - starts[first]) / (last - first)
