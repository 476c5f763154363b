"""The rows of a very large report: a table whose values become Python's only where somebody looks at them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.report.access import Row
from paretofleet_analysis.statistics.flat_runs import FlatRuns

#: Rows from which on those that are surely dominated are left out; 18 s of CPU if each is listed.
TABLE_FROM = 20_001
#: What a row was measured as: its (m, d) runs and the block of each.
RunsWithBlocks = tuple[np.ndarray, list[int]]


class RowTable(Sequence[Row]):
    """The rows of a conformed `table`, as dicts that fetch a value when it is asked for."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self._values: dict[str, list[Any]] = {}

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Row]: ...
    def __getitem__(self, at: int | slice) -> Row | Sequence[Row]:
        if isinstance(at, slice):
            return self.take(np.arange(len(self))[at])
        return _RowView(self, range(len(self))[at])

    def __iter__(self) -> Iterator[Row]:
        return (_RowView(self, i) for i in range(len(self)))

    def take(self, chosen: np.ndarray) -> RowTable:
        """The rows numbered in `chosen`, in that order."""
        if len(chosen) == len(self) and (np.diff(chosen, prepend=-1) == 1).all():
            return self
        return RowTable(self.table.take(pa.array(chosen)))

    def dicts(self, chosen: np.ndarray) -> list[Row]:
        """The rows numbered in `chosen` with all their values."""
        rows: list[Row] = self.table.take(pa.array(chosen)).to_pylist()
        return rows

    def array(self, name: str) -> pa.Array:
        """The column of that `name`."""
        return self.table[name].combine_chunks()

    def values(self, name: str) -> list[Any]:
        """(N,) the values of the column `name`; equal texts are one object."""
        if name not in self._values:
            column = self.array(name)
            if pa.types.is_string(column.type):
                codes = column.dictionary_encode()
                texts = np.array([*codes.dictionary.to_pylist(), None], dtype=object)
                column = texts[pc.fill_null(codes.indices, len(texts) - 1).to_numpy()]
                self._values[name] = column.tolist()
            else:
                self._values[name] = column.to_pylist()
        return self._values[name]

    def numbers(self, names: Sequence[str]) -> np.ndarray:
        """(N,) whole numbers: which rows are alike in all columns `names`, counted from 0 in order of
        first appearance.
        """
        code = np.zeros(len(self), dtype=np.int64)
        for name in names:
            column = self.array(name)
            if pa.types.is_list(column.type):
                _, mine = np.unique(np.array([str(each) for each in self._lists(name)]), return_inverse=True)
            else:
                encoded = column.dictionary_encode(null_encoding="encode")
                mine = encoded.indices.to_numpy().astype(np.int64)
            code = code * (int(mine.max(initial=0)) + 1) + mine
            code = np.unique(code, return_inverse=True)[1].astype(np.int64)
        return code

    def _lists(self, name: str) -> list[Any]:
        """The lists of a column of texts; empty ones, which most are, cost nothing."""
        column = self.array(name)
        lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
        lists: list[Any] = [[]] * len(lengths)
        for i in np.flatnonzero(lengths).tolist():
            lists[i] = column[i].as_py()
        return lists


class _RowView(dict[str, Any]):
    """A row of a table, which fetches its values."""

    def __init__(self, rows: RowTable, at: int) -> None:
        self._rows, self._at = rows, at

    def __missing__(self, name: str) -> Any:
        if name not in self._rows.table.column_names:
            raise KeyError(name)
        return self._rows.table[name][self._at].as_py()

    def get(self, name: str, default: Any = None) -> Any:
        """The value of the column `name`, `default` where there is none."""
        try:
            return self[name]
        except KeyError:
            return default


def column_of(rows: Sequence[Row], name: str) -> list[Any]:
    """(N,) the values of the column `name` of the `rows`, None where there is none."""
    if not isinstance(rows, RowTable):
        return [row.get(name) for row in rows]
    return rows.values(name) if name in rows.table.column_names else [None] * len(rows)


class MeasuredRuns(Sequence[RunsWithBlocks]):
    """N pairs of runs (m_i, d) and their blocks, all in two tables."""

    def __init__(self, runs: FlatRuns, blocks: FlatRuns) -> None:
        self.runs, self.blocks = runs, blocks

    def __len__(self) -> int:
        return len(self.runs)

    @overload
    def __getitem__(self, at: int) -> RunsWithBlocks: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[RunsWithBlocks]: ...
    def __getitem__(self, at: int | slice) -> RunsWithBlocks | Sequence[RunsWithBlocks]:
        if isinstance(at, slice):
            return [self[i] for i in range(len(self))[at]]
        return self.runs[at], self.blocks[at].tolist()


def runs_of(
    measured: Sequence[RunsWithBlocks], start: int = 0, stop: int | None = None
) -> Sequence[np.ndarray]:
    """N arrays (m_i, d): what was `measured`, in the columns from `start` to before `stop`."""
    if isinstance(measured, MeasuredRuns):
        return measured.runs.columns(start, stop)
    return [values[:, start:stop] for values, _ in measured]


def rows_at(rows: Sequence[Row], numbers: Sequence[int]) -> Sequence[Row]:
    """Those of the `rows` with these `numbers`, which are few, with all their values."""
    if isinstance(rows, RowTable):
        return rows.dicts(np.asarray(numbers, dtype=np.int64))
    return [rows[i] for i in numbers]


def counted_runs(rows: Sequence[Row]) -> np.ndarray:
    """(N,) how many runs of each of the `rows` count."""
    if not isinstance(rows, RowTable):
        return np.array([sum(row["run_counted"]) for row in rows], dtype=np.int64)
    counted, starts = list_values(rows.array("run_counted"))
    return np.asarray(np.diff(np.concatenate([[0], np.cumsum(counted.astype(bool))])[starts]))


def entries_of(rows: Sequence[Row], name: str) -> set[Any]:
    """What stands in the lists of the column `name` of the `rows`, without what is absent."""
    if isinstance(rows, RowTable):
        return set(pc.unique(rows.array(name).flatten().drop_null()).to_pylist())
    return {entry for row in rows for entry in row[name] or () if entry is not None}


def entry_counts(rows: Sequence[Row], name: str) -> dict[Any, int]:
    """How often each entry stands in the lists of the column `name` of the `rows`."""
    if isinstance(rows, RowTable):
        counts = pc.value_counts(rows.array(name).flatten()).to_pylist()
        return {each["values"]: each["counts"] for each in counts}
    return dict(Counter(entry for row in rows for entry in row[name] or ()))


def with_entry(rows: Sequence[Row], name: str, entry: str) -> list[bool]:
    """(N,) whether `entry` stands in the list of the column `name` of each of the `rows`."""
    if not isinstance(rows, RowTable):
        return [entry in (row[name] or ()) for row in rows]
    lists, there = rows.array(name), np.zeros(len(rows), dtype=bool)
    is_it = pc.fill_null(pc.equal(lists.flatten(), entry), False).to_numpy(zero_copy_only=False)
    there[pc.list_parent_indices(lists).to_numpy()[is_it]] = True
    return [bool(each) for each in there]


def entries_by_device(rows: Sequence[Row], name: str) -> dict[str, list[Any]]:
    """By device the least and the largest entry in the lists of the column `name` of the `rows`, as far as
    there are any.
    """
    if not isinstance(rows, RowTable):
        found: dict[str, list[Any]] = {}
        for row in rows:
            found.setdefault(row["device"], []).extend(entry for entry in row[name] or () if entry)
        return {device: [min(each), max(each)] if each else [] for device, each in found.items()}
    lists = rows.array(name)
    owner = pc.list_parent_indices(lists)
    table = pa.table({"device": rows.array("device").take(owner), "entry": lists.flatten()})
    ends = table.group_by("device", use_threads=False).aggregate([("entry", "min"), ("entry", "max")])
    return {
        row["device"]: [row["entry_min"], row["entry_max"]] if row["entry_min"] else []
        for row in ends.to_pylist()
    } | {device: [] for device in set(rows.values("device")) - set(ends["device"].to_pylist())}


def lacks_entries(rows: Sequence[Row], name: str) -> bool:
    """Whether an entry is absent in a list of the column `name` of the `rows`."""
    if isinstance(rows, RowTable):
        return bool(rows.array(name).flatten().null_count)
    return any(entry is None for row in rows for entry in row[name])


def first_longest(rows: Sequence[Row]) -> Sequence[Row]:
    """Of the `rows` of a table the first of each device and sweep that has the most counted runs; others as
    they are.
    """
    if not isinstance(rows, RowTable):
        return rows
    counts = counted_runs(rows)
    place = rows.numbers(["device", "sweep"])
    order = np.lexsort((np.arange(len(counts)), -counts, place))
    return rows.dicts(np.sort(order[np.flatnonzero(np.diff(place[order], prepend=-1))]))


def list_values(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """The values (n,) of a column of lists, NaN where absent, and (N + 1,) where each row's begin."""
    values = column.flatten()
    return values.to_numpy(zero_copy_only=False), _starts(column)


def _starts(column: pa.Array) -> np.ndarray:
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy().astype(np.int64)
    return np.concatenate([[0], np.cumsum(lengths)])


def flat_samples(rows: RowTable, names: Sequence[str]) -> MeasuredRuns:
    """`access.sampled` of all `rows` at once: (n, d) values of the counted runs that have each of the d
    objectives `names`, and the block of each. What the model fixes repeats in every run.
    """
    counted, starts = list_values(rows.array("run_counted"))
    owner = np.repeat(np.arange(len(rows)), np.diff(starts))
    kept = counted.astype(bool)
    columns = []
    for name in names:
        if OBJECTIVES[name].is_measured:
            flattened = rows.array(f"{name}_runs").flatten()
            kept &= flattened.is_valid().to_numpy(zero_copy_only=False)
            columns.append(flattened.to_numpy(zero_copy_only=False))
        else:
            column = rows.array(name)
            kept &= column.is_valid().to_numpy(zero_copy_only=False)[owner]
            columns.append(column.to_numpy(zero_copy_only=False).astype(float)[owner])
    blocks = list_values(rows.array("run_blocks"))[0]
    left = np.concatenate([[0], np.cumsum(np.bincount(owner[kept], minlength=len(rows)))])
    values = np.column_stack([column[kept] for column in columns])
    return MeasuredRuns(FlatRuns(values, left), FlatRuns(blocks[kept].astype(np.int64), left))
