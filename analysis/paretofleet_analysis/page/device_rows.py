"""What the rows of each device add up to: row after row, or of a very large report a column at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paretofleet_analysis.ranking.row_table import RowTable, entry_counts
from paretofleet_analysis.report.access import Row, by_block, place

_COUNTED = ("device_class", "runs", "run_counted", "run_boots", "environment_id", "flags")
#: Block to how far each configuration was from its own mean, in percent.
Course = Mapping[int, Sequence[float] | np.ndarray]


@dataclass(frozen=True)
class DeviceCounts:
    """Of a device how many `rows`, `runs`, runs `set_aside`, `boots` and `environments` there are, and of how
    many rows are `flagged` with each flag; by name its `classes`.
    """

    classes: tuple[str, ...]
    rows: int
    runs: int
    set_aside: int
    boots: int
    environments: int
    flagged: Mapping[str, int]


def counts_of_devices(rows: Sequence[Row]) -> dict[str, DeviceCounts]:
    """By device what its `rows` add up to."""
    if isinstance(rows, RowTable):
        columns = RowTable(rows.table.select(_COUNTED))
        device = rows.numbers(["device"])
        order = np.argsort(device, kind="stable")
        parts = np.split(order, np.flatnonzero(np.diff(device[order])) + 1)
        names = rows.table["device"].take(pa.array([part[0] for part in parts])).to_pylist()
        return {name: _of_table(columns.take(part)) for name, part in zip(names, parts, strict=True)}
    by_device: dict[str, list[Row]] = {}
    for row in rows:
        by_device.setdefault(row["device"], []).append(row)
    return {name: _of_rows(each) for name, each in by_device.items()}


def _of_rows(rows: Sequence[Row]) -> DeviceCounts:
    return DeviceCounts(
        classes=tuple(sorted({str(row["device_class"]) for row in rows})),
        rows=len(rows),
        runs=sum(row["runs"] for row in rows),
        set_aside=sum(not is_in for row in rows for is_in in row["run_counted"]),
        boots=len({boot for row in rows for boot in row["run_boots"] if boot}),
        environments=len({row["environment_id"] for row in rows} - {None}),
        flagged=Counter(flag for row in rows for flag in row["flags"] or ()),
    )


def _of_table(rows: RowTable) -> DeviceCounts:
    counted = rows.array("run_counted").flatten()
    return DeviceCounts(
        classes=tuple(sorted(map(str, pc.unique(rows.array("device_class")).to_pylist()))),
        rows=len(rows),
        runs=pc.sum(rows.array("runs")).as_py(),
        set_aside=len(counted) - (pc.sum(counted).as_py() or 0),
        boots=len(set(pc.unique(rows.array("run_boots").flatten()).to_pylist()) - {None, ""}),
        environments=len(set(pc.unique(rows.array("environment_id")).to_pylist()) - {None}),
        flagged=entry_counts(rows, "flags"),
    )


def courses_of_places(rows: Sequence[Row], names: Sequence[str]) -> dict[str, dict[tuple[str, str], Course]]:
    """By measure of `names` and place, a device and sweep, the course of those `rows` that ran in several
    blocks.
    """
    if isinstance(rows, RowTable):
        return {name: _courses_of_table(rows, name) for name in names}
    rows_of: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        rows_of.setdefault(place(row), []).append(row)
    return {name: {at: _course(each, name) for at, each in rows_of.items()} for name in names}


def _course(rows: Sequence[Row], name: str) -> Course:
    away: dict[int, list[float]] = {}
    for row in rows:
        values = by_block(row, name)
        if len(values) < 2:
            continue
        mean = np.mean(np.log(list(values.values())))
        for block, value in values.items():
            away.setdefault(block, []).append(float(100 * np.expm1(np.log(value) - mean)))
    return away


def _courses_of_table(rows: RowTable, name: str) -> dict[tuple[str, str], Course]:
    owner, block, value = _blocks_of_table(rows, name)
    count = np.bincount(owner, minlength=len(rows))
    logs = np.log(value)
    mean = np.bincount(owner, weights=logs, minlength=len(rows)) / np.maximum(count, 1)
    is_seen = count[owner] > 1
    owner, block, away = owner[is_seen], block[is_seen], 100 * np.expm1(logs - mean[owner])[is_seen]
    places = rows.numbers(["device", "sweep"])
    order = np.lexsort((block, places[owner]))
    owner, block, away = owner[order], block[order], away[order]
    first = np.flatnonzero(np.diff(places[owner], prepend=-1) | np.diff(block, prepend=-1))
    _, shown = np.unique(places, return_index=True)
    named = rows.table.select(["device", "sweep"]).take(pa.array(shown)).to_pylist()
    courses: dict[tuple[str, str], dict[int, np.ndarray]] = {place(row): {} for row in named}
    for start, end in pairwise([*first.tolist(), len(away)]):
        courses[place(named[int(places[owner[start]])])][int(block[start])] = away[start:end]
    return dict(courses)


def _blocks_of_table(rows: RowTable, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n,) the row, the block and the mean of its counted positive runs in it, for `access.by_block`."""
    values = rows.array(f"{name}_runs")
    owner = pc.list_parent_indices(values).to_numpy().astype(np.int64)
    flattened = values.flatten().to_numpy(zero_copy_only=False).astype(float)
    block = rows.array("run_blocks").flatten().to_numpy(zero_copy_only=False).astype(np.int64)
    is_counted = rows.array("run_counted").flatten().to_numpy(zero_copy_only=False).astype(bool)
    kept = is_counted & (flattened > 0) & np.isfinite(flattened)
    owner, block, flattened = owner[kept], block[kept], flattened[kept]
    order = np.lexsort((block, owner))
    owner, block, flattened = owner[order], block[order], flattened[order]
    first = np.flatnonzero(np.diff(owner, prepend=-1) | np.diff(block, prepend=-1))
    if not len(first):
        return owner, block, flattened
    counts = np.diff(np.append(first, len(owner)))
    return owner[first], block[first], np.add.reduceat(flattened, first) / counts
