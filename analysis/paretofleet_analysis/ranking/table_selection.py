"""Which rows of a very large report are ranked: the selection of `selection`, a column at a time.

What decides about a row has few values, such as its state, mode and device: rows that are alike in all of
these share one dict. Values of runs are looked at as columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from paretofleet_analysis.objectives import OBJECTIVES
from paretofleet_analysis.ranking import exclusion_reasons as reasons
from paretofleet_analysis.ranking.row_table import RowTable, flat_samples
from paretofleet_analysis.ranking.selection import Exclusion, Selection
from paretofleet_analysis.report.access import label

#: Columns by which rows are told apart before their runs are looked at.
_KINDS = (
    *("status", "reason", "runs", "flags", "device", "simulated", "batch_size", "timing_scope", "mode"),
    *("items_s", "power_scope", "training_device", "training_compute_source"),
)


class Labels(Sequence[str]):
    """What sentences call the rows of a `table` numbered in `at`, made when somebody reads them."""

    def __init__(self, table: RowTable, at: np.ndarray) -> None:
        self._table, self._at = table, at

    def __len__(self) -> int:
        return len(self._at)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[str]: ...
    def __getitem__(self, at: int | slice) -> str | Sequence[str]:
        if isinstance(at, slice):
            return list(Labels(self._table, self._at[at]))
        return label(self._table[int(self._at[at])])

    def __iter__(self) -> Iterator[str]:
        for part in np.array_split(self._at, len(self._at) // 10_000 + 1):
            yield from map(label, self._table.dicts(part) if len(part) else ())

    def __deepcopy__(self, memo: dict[int, Any]) -> list[str]:
        return list(self)


@dataclass(frozen=True)
class TableSelection(Selection):
    """A selection of rows of a `table`, those numbered in `at` (N,): its `rows` are dicts of what decides,
    one for all that are alike. `left`: each reason, and the numbers of the rows that have it.
    """

    table: RowTable = field(default_factory=lambda: RowTable(pa.table({})))
    at: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    left: tuple[tuple[str, np.ndarray], ...] = ()

    @classmethod
    def of(cls, table: RowTable) -> TableSelection:
        """All rows of `table`, as far as a selection tells them apart."""
        values = [name for name in OBJECTIVES if name in table.table.column_names]
        is_there = [
            np.asarray(table.array(name).is_valid().to_numpy(zero_copy_only=False)) for name in values
        ]
        code = table.numbers(_KINDS)
        for column in is_there:
            code = code * 2 + column
            code = np.unique(code, return_inverse=True)[1]
        first = np.unique(code, return_index=True)[1]
        kinds = table.table.select([*_KINDS, *values]).take(pa.array(first)).to_pylist()
        return cls(
            rows=tuple(kinds[k] for k in code.tolist()), table=table, at=np.arange(len(table)), left=()
        )

    def exclude(self, reasons: Sequence[str | None]) -> TableSelection:
        """The same without the rows that have one of the `reasons`, which are those of its rows in order."""
        stays = np.array([not reason for reason in reasons], dtype=bool)
        if stays.all():
            return self
        numbers: dict[str, list[int]] = {}
        for i in np.flatnonzero(~stays).tolist():
            numbers.setdefault(str(reasons[i]), []).append(i)
        left = tuple((reason, self.at[members]) for reason, members in numbers.items())
        rows = tuple(compress(self.rows, stays.tolist()))
        return replace(self, rows=rows, at=self.at[stays], left=(*self.left, *left))

    @property
    def excluded_count(self) -> int:
        """How many rows were left out."""
        return sum(len(numbers) for _, numbers in self.left)

    def exclusions(self) -> tuple[Exclusion, ...]:
        """The excluded rows by reason, the commonest first."""
        by_reason: dict[str, list[np.ndarray]] = {}
        for reason, numbers in self.left:
            by_reason.setdefault(reason, []).append(numbers)
        of_reason = {reason: np.concatenate(parts) for reason, parts in by_reason.items()}
        ordered = sorted(of_reason.items(), key=lambda item: (-len(item[1]), item[0]))
        return tuple(Exclusion(reason, Labels(self.table, numbers)) for reason, numbers in ordered)

    def labels(self, chosen: Sequence[bool]) -> list[str]:
        """What the `chosen` rows (N,) are called."""
        return list(Labels(self.table, self.at[np.asarray(chosen, dtype=bool)]))

    def repeat_reasons(self) -> list[str | None]:
        """As `exclusion_reasons.repeat_reasons`; rows of one configuration and environment are compared."""
        table = self.table.take(self.at)
        number = table.numbers(["configuration_id", "environment_id"])
        alike = np.flatnonzero(np.bincount(number)[number] > 1)
        repeated: list[str | None] = [None] * len(number)
        if len(alike):
            columns = table.table.select(["configuration_id", "environment_id", "run_ids"])
            rows = columns.take(pa.array(alike)).to_pylist()
            for i, reason in zip(alike.tolist(), reasons.repeat_reasons(rows), strict=True):
                repeated[i] = reason
        return repeated

    def limit_reasons(self, name: str, limit: float) -> list[str | None]:
        """As `exclusion_reasons.limit_reason` of each row."""
        column = pc.take(self.table.array(name), pa.array(self.at))
        keeps = pc.fill_null(pc.less_equal(column, limit), False).to_numpy(zero_copy_only=False)
        return self._reasons_where(~keeps, lambda row: reasons.limit_reason(row, name, limit))

    def value_reasons(self, names: Sequence[str]) -> list[str | None]:
        """As `exclusion_reasons.value_reason` of each row."""
        table = self.table.take(self.at)
        runs = flat_samples(table, names).runs
        fine = runs.counts > 0
        wrong = ~(np.isfinite(runs.values) & (runs.values > 0)).all(axis=1)
        fine[np.unique(runs.owner[wrong])] = False
        for name in names:
            fine &= table.array(name).is_valid().to_numpy(zero_copy_only=False)
        return self._reasons_where(~fine, lambda row: reasons.value_reason(row, names))

    def ranked(self) -> RowTable:
        """The table of the rows that are left."""
        return self.table.take(self.at)

    def _reasons_where(self, doubtful: np.ndarray, reason: Any) -> list[str | None]:
        """(N,) the `reason` that a function gives for those rows that are `doubtful` (N,), None of others."""
        out: list[str | None] = [None] * len(self.at)
        numbers = np.flatnonzero(doubtful)
        for part in np.array_split(numbers, len(numbers) // 10_000 + 1):
            for i, row in zip(part.tolist(), self.table.dicts(self.at[part]), strict=True):
                out[i] = reason(row)
        return out
