"""What a report says, checked before anything is computed of it: lists, numbers, times and names.

Types are checked by `files.conform`. What stands here are the promises that a type does not make: no list
lacks a run, no number is wild, and what every reader relies on is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paretofleet_analysis.errors import ReportError
from paretofleet_analysis.report.schema import COLUMNS, MEASURES

#: What no row may lack: it says which configuration the row is, and what became of it.
_NEVER_NULL = (
    *("sweep", "configuration_id", "model", "device", "device_class", "target", "runtime", "precision"),
    *("batch_size", "mode", "timing_scope", "protocol", "status", "simulated", "runs"),
)
_STATES = ("ok", "partial", "failed", "skipped", "cancelled", "pending")
#: Lists with an entry for each run in which none may be absent.
_FULL_LISTS = ("run_ids", "run_blocks", "run_counted")
#: Came with later versions: null as a whole in older reports.
_MAY_BE_NULL = ("run_mean_error_s", "run_overhead_s")
#: Beyond these a number cannot be squared as a double, and nothing that can be measured is.
_LARGEST, _SMALLEST = 1e100, 1e-100
#: Starts of runs, in seconds: from 1970 to the year 2200.
_LAST_START_S = 7_258_118_400.0
_WHOLE_MAX = 2**53


def check_columns(names: Sequence[str], name: str) -> None:
    """Raises ReportError where one of the columns' `names` of a table, called `name`, is there twice."""
    twice = [(column, count) for column, count in Counter(names).items() if count > 1]
    if twice:
        raise ReportError(f"{name} has the column {twice[0][0]} {twice[0][1]} times: keep one of them")


def check_content(table: pa.Table, name: str) -> None:
    """Raises ReportError, which calls the `table` by `name`, for the first value that cannot be meant.

    The `table` has the columns of the schema, in its types. The sentence names the row, counted from 1, the
    column, what stands there and what is due.
    """
    for column in _NEVER_NULL:
        _refuse(table, name, column, pc.is_null(table[column]), "is empty, and every row has one")
    _check_states(table, name)
    _check_lists(table, name)
    for measure in MEASURES:
        for column in (measure.name, f"{measure.name}_lo", f"{measure.name}_hi"):
            _check_magnitude(table, name, column)
        _check_magnitude_of_runs(table, name, f"{measure.name}_runs")
        if measure.has_resolution:
            _check_range(table, name, f"{measure.name}_resolution", 0.0, _LARGEST, "a number of at least 0")
    for column in ("energy_relative_uncertainty", "energy_gain_uncertainty", "items_s"):
        _check_range(table, name, column, 0.0, _LARGEST, "a number of at least 0")
    for column in ("run_mean_error_s", "run_overhead_s"):
        _check_magnitude_of_runs(table, name, column)
    _check_accuracy(table, name)
    _check_range(table, name, "batch_size", 1, _WHOLE_MAX, "at least 1")
    for column in ("runs", "iterations", "parameters", "macs", "size_bytes"):
        _check_range(table, name, column, 0, _WHOLE_MAX * 2**9, "at least 0")
    _check_times(table, name)


def _check_states(table: pa.Table, name: str) -> None:
    wrong = pc.invert(pc.is_in(table["status"], value_set=pa.array(_STATES)))
    _refuse(table, name, "status", wrong, f"is none of {', '.join(_STATES)}")


def _check_lists(table: pa.Table, name: str) -> None:
    """Every list of a row's runs is there, and has one entry for each."""
    lists = [
        column.name
        for column in COLUMNS
        if pa.types.is_list(column.type) and (column.name.startswith("run_") or column.name.endswith("_runs"))
    ]
    _refuse(table, name, "run_ids", pc.is_null(table["run_ids"]), "is empty; give a list, [] without runs")
    due = pc.list_value_length(table["run_ids"])
    for column in lists:
        is_absent = pc.is_null(table[column])
        if column not in _MAY_BE_NULL:
            _refuse(table, name, column, is_absent, "is empty; give a list with one entry for each run")
        unlike = pc.fill_null(pc.not_equal(pc.list_value_length(table[column]), due), False)
        _refuse(table, name, column, unlike, "has another number of entries than run_ids")
    for column in (*_FULL_LISTS, "flags", "run_flags"):
        _check_entries(table, name, column)


def _check_entries(table: pa.Table, name: str, column: str) -> None:
    """No entry of the lists of a column is null; of lists of lists, no entry of the inner ones."""
    lists = table[column].combine_chunks()
    owner = pc.list_parent_indices(lists).to_numpy()
    inner = lists.flatten()
    if pa.types.is_list(inner.type):
        owner = owner[pc.list_parent_indices(inner).to_numpy()]
        inner = inner.flatten()
    absent = np.flatnonzero(pc.is_null(inner).to_numpy(zero_copy_only=False))
    if len(absent):
        _raise(table, name, column, int(owner[absent[0]]), "has an empty entry; give every run's")


def _check_magnitude(table: pa.Table, name: str, column: str) -> None:
    values = table[column].to_numpy()
    _raise_first(table, name, column, np.flatnonzero(_is_wild(values)), values)


def _check_magnitude_of_runs(table: pa.Table, name: str, column: str) -> None:
    lists = table[column].combine_chunks()
    values = lists.flatten().to_numpy(zero_copy_only=False)
    wild = np.flatnonzero(_is_wild(values) & ~pc.is_null(lists.flatten()).to_numpy(zero_copy_only=False))
    if len(wild):
        owner = int(pc.list_parent_indices(lists)[int(wild[0])].as_py())
        _raise(table, name, column, owner, f"has {values[wild[0]]:g}, which nothing measures")


def _is_wild(values: np.ndarray) -> np.ndarray:
    """Which of the values are too large or too small to be squared; a ranking excludes what is no number."""
    size = np.abs(np.asarray(values, dtype=float))
    return np.asarray(((size > _LARGEST) & (size < np.inf)) | ((size < _SMALLEST) & (size > 0)))


def _raise_first(table: pa.Table, name: str, column: str, rows: np.ndarray, values: np.ndarray) -> None:
    if len(rows):
        _raise(table, name, column, int(rows[0]), f"is {values[rows[0]]:g}, which nothing measures")


def _check_range(table: pa.Table, name: str, column: str, least: float, most: float, due: str) -> None:
    values = table[column]
    outside = pc.invert(pc.and_(pc.greater_equal(values, least), pc.less_equal(values, most)))
    _refuse(table, name, column, outside, f"must be {due}")


def _check_accuracy(table: pa.Table, name: str) -> None:
    """Percent, 0 to 100: not a share, but for what was measured, which may be as bad as that."""
    _check_range(table, name, "top1", 0.0, 100.0, "percent, from 0 to 100")
    _check_range(table, name, "top1_n", 1, _WHOLE_MAX, "at least 1")
    is_share = pc.and_(pc.greater(table["top1"], 0.0), pc.less_equal(table["top1"], 1.0))
    is_claimed = pc.fill_null(pc.invert(pc.starts_with(table["top1_source"], "measured")), True)
    _refuse(table, name, "top1", pc.and_(is_share, is_claimed), "must be percent (76, not 0.76)")


def _check_times(table: pa.Table, name: str) -> None:
    lists = table["run_started_s"].combine_chunks()
    starts = lists.flatten().to_numpy(zero_copy_only=False)
    is_null = pc.is_null(lists.flatten()).to_numpy(zero_copy_only=False)
    wild = np.flatnonzero(~((starts >= 0) & (starts <= _LAST_START_S)) & ~is_null)
    if len(wild):
        owner = int(pc.list_parent_indices(lists)[int(wild[0])].as_py())
        due = "which is no time between 1970 and 2200, in seconds"
        _raise(table, name, "run_started_s", owner, f"has {starts[wild[0]]:g}, {due}")


def _refuse(table: pa.Table, name: str, column: str, wrong: pa.ChunkedArray, due: str) -> None:
    """Raise for the first row that is `wrong` (n,); what is absent is not."""
    rows = np.flatnonzero(pc.fill_null(wrong, False).to_numpy())
    if not len(rows):
        return
    value = table[column][int(rows[0])].as_py()
    stands = "" if value is None or isinstance(value, list) else f"is {value!s:.40} and "
    _raise(table, name, column, int(rows[0]), stands + due)


def _raise(table: pa.Table, name: str, column: str, row: int, fault: str) -> None:
    parts = [table[key][row].as_py() for key in ("model", "precision", "device")]
    called = " ".join(str(part)[:40] for part in parts if part is not None)
    raise ReportError(f"{name}, row {row + 1}{f' ({called})' if called else ''}: {column} {fault}")
