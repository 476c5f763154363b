"""Which verdicts hang on a few runs: what changes without flagged runs, or without a block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from paretofleet_analysis.ranking.fleet import RankedFleet, with_runs
from paretofleet_analysis.ranking.judgement import Judgement, fleet_probabilities, row_verdicts
from paretofleet_analysis.ranking.probability import Probabilities
from paretofleet_analysis.ranking.probability_maps import interpolate_calibration
from paretofleet_analysis.ranking.row_table import RunsWithBlocks
from paretofleet_analysis.report.access import Row, label, sampled
from paretofleet_analysis.statistics.intervals import RUNS_MIN

#: Rows up to which verdicts are computed again without flagged runs and without each block.
SENSITIVITY_ROWS_MAX = 300
#: A flag that every run of a short protocol carries says nothing about one run against another.
_OF_PROTOCOL = {"short_protocol"}


@dataclass(frozen=True)
class ChangedVerdict:
    """The verdict of the fleet's row `row`, from 0: it is `after` instead of `before` without `without`."""

    row: int
    without: str
    before: str
    after: str


def changed_verdicts(fleet: RankedFleet, judgement: Judgement) -> list[ChangedVerdict] | None:
    """The verdicts of `judgement` that change without flagged runs of `fleet`, or without a block.

    None where there are too many rows, or too few runs to leave any out.
    """
    if fleet.size > SENSITIVITY_ROWS_MAX:
        return None
    changes: list[ChangedVerdict] = []
    is_tried = False
    for name, left_out in leave_out_cases(fleet.rows):
        reduced = probabilities_without(fleet, judgement, left_out)
        if reduced is None:
            continue
        is_tried = True
        rest, again = reduced
        changes += [
            ChangedVerdict(row, name, before, after)
            for row, (before, after) in enumerate(
                zip(judgement.verdicts, row_verdicts(rest, again), strict=True)
            )
            if before != after
        ]
    return changes if is_tried else None


def probabilities_without(
    fleet: RankedFleet, judgement: Judgement, left_out: Sequence[set[int]]
) -> tuple[RankedFleet, Probabilities] | None:
    """The `fleet` without the runs at the positions `left_out` of each row, and its probabilities by the map
    that the `judgement` of the whole went through; None where that leaves all as it is.

    A row that would be left with too few runs keeps them.
    """
    kept = _without(fleet, left_out)
    if all(len(a[0]) == len(b[0]) for a, b in zip(kept, fleet.measured, strict=True)):
        return None
    rest = with_runs(fleet, kept)
    again = fleet_probabilities(rest, is_whole=False)
    return rest, _calibrated_alike(fleet, judgement.probabilities, again)


def change_sentence(change: ChangedVerdict, rows: Sequence[Row]) -> str:
    """A `change` of one of the fleet's `rows` in words."""
    return f"without {change.without}, {label(rows[change.row])}: {change.before} to {change.after}"


def leave_out_cases(rows: Sequence[Row]) -> Iterator[tuple[str, list[set[int]]]]:
    """What to leave out of the runs of `rows` in turn: its name, and per row the positions of those runs."""
    flagged = [
        {k for k, flags in enumerate(row["run_flags"]) if set(flags or ()) - _OF_PROTOCOL} for row in rows
    ]
    if any(flagged):
        yield "flagged runs", flagged
    blocks = sorted({(row["sweep"], block) for row in rows for block in row["run_blocks"]})
    if len(blocks) < 2:
        return
    has_sweeps = len({sweep for sweep, _ in blocks}) > 1
    for sweep, block in blocks:
        yield (
            f"block {block} of {sweep}" if has_sweeps else f"block {block}",
            [
                {k for k, number in enumerate(row["run_blocks"]) if (row["sweep"], number) == (sweep, block)}
                for row in rows
            ],
        )


def _without(fleet: RankedFleet, left_out: Sequence[set[int]]) -> list[RunsWithBlocks]:
    """The runs of each row without those at the positions `left_out`.

    A row that would become undecided for want of runs says nothing about the runs that went: it keeps them.
    """
    fewer = [
        sampled(row, fleet.criteria.columns, without=positions)
        for row, positions in zip(fleet.rows, left_out, strict=True)
    ]
    return [a if len(a[0]) >= RUNS_MIN else b for a, b in zip(fewer, fleet.measured, strict=True)]


def _calibrated_alike(fleet: RankedFleet, whole: Probabilities, again: Probabilities) -> Probabilities:
    """Raw probabilities by the map that the whole fleet's went through."""
    if fleet.criteria.question == "run" or not len(again.front):
        return again
    front = interpolate_calibration(whole.raw_front, whole.front, again.raw_front)
    pareto = interpolate_calibration(whole.raw_pareto, whole.pareto, again.raw_pareto)
    return replace(again, front=front, pareto=pareto)
