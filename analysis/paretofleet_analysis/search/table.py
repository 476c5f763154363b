"""Published tables of architectures: every member's true costs, to try methods without devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from paretofleet_analysis.errors import SearchError

from .fronts import FrontScale, front_scale
from .members import numbers_of
from .space import Codes, Flags, Floats, Space, space_of

#: What a published value is assumed to scatter by when it is measured: points of accuracy, shares of a time
#: and of an energy.
ACCURACY_POINTS, TIME_SHARE, ENERGY_SHARE = 0.4, 0.01, 0.02
_SHOWN = 12
#: The value of a parameter whose cell is empty.
NO_VALUE = "absent"


@dataclass(frozen=True)
class Join:
    """Another table's columns, as `name`.column: its row whose column `theirs` is the first table's `ours`.
    `where`: only its rows with these texts in these columns.
    """

    name: str
    path: Path
    ours: str
    theirs: str
    where: Mapping[str, str]


@dataclass(frozen=True)
class ColumnMap:
    """Which columns are what. `parameters` are columns, each a parameter; `letters` a column of texts, each
    letter of which is one. `accuracy` is in percent, empty for none; `devices` have a column of times and
    perhaps one of energies. `graph` is alike where architectures are the same; `failed` is not empty, 0 or
    false where a member fails.
    """

    accuracy: str
    devices: Mapping[str, tuple[str, ...]]
    parameters: tuple[str, ...] = ()
    letters: str = ""
    graph: str = ""
    failed: str = ""


@dataclass(frozen=True)
class PublishedTable:
    """N members of a `space` with `graphs` (N,), true `costs` (N, k) (error in percent, log10 of times and
    energies) and `noise` (k,), the standard error of measuring each; `has_failed` (N,). `rows` (space.size,)
    says which member is where, -1 for one that the table lacks. `devices`: each one's columns of the costs.
    """

    space: Space
    graphs: Codes
    costs: Floats
    noise: Floats
    has_failed: Flags
    rows: Codes
    devices: Mapping[str, tuple[int, ...]]
    worst_error: float | None

    def row_of(self, codes: Codes) -> int:
        """Where the member `codes` (p,) is, -1 where the table lacks it."""
        return int(self.rows[numbers_of(self.space, codes)[0]])

    def scale(self, device: str) -> FrontScale:
        """By which a search is scored on a `device`: the true front of all that work."""
        columns = self.devices[device]
        reference = [self.worst_error, *[None] * (len(columns) - 1)]
        return front_scale(self.costs[~self.has_failed][:, columns], reference)


def read_table(
    path: Path, columns: ColumnMap, joins: Sequence[Join] = (), *, worst_error: float | None = None
) -> PublishedTable:
    """The table at `path` (.parquet, .csv or .csv.gz) with its `joins`, its `columns` taken as they say;
    `worst_error`: of the reference point, in percent.

    Members without an accuracy or a time are left out. Raises SearchError for a file that cannot be read, a
    column that is missing or no number, one that leaves no member, accuracies that are no percentages, and
    for two members with the same parameters.
    """
    texts = {columns.letters} if columns.letters else set()
    table = _read(path, texts)
    for join in joins:
        table = _joined(table, join)
    chosen = [_column(table, name) for name in columns.parameters]
    names = list(columns.parameters)
    if columns.letters:
        texts_of = [str(value) for value in _column(table, columns.letters)]
        width = len(texts_of[0]) if texts_of else 0
        if any(len(each) != width for each in texts_of):
            raise SearchError(f"{columns.letters} has texts of unlike lengths: name parameters instead")
        chosen += [[each[i] for each in texts_of] for i in range(width)]
        names += [f"{columns.letters}{i}" for i in range(width)]
    costs, noise, devices = _costs(table, columns)
    kept = np.flatnonzero(np.isfinite(costs).all(axis=1) | _is_failed(table, columns.failed))
    if not len(kept):
        raise SearchError(f"{path} has no row with an accuracy and a time above 0: name other columns")
    _refuse_shares(costs[kept, 0], columns.accuracy)
    space, codes = _space(names, [[column[i] for i in kept] for column in chosen])
    rows = np.full(space.size, -1, dtype=np.int64)
    numbers = numbers_of(space, codes)
    rows[numbers] = np.arange(len(numbers))
    if len(np.unique(numbers)) < len(numbers):
        raise SearchError(f"{path} has two rows of one member: name all columns that tell members apart")
    graphs = _numbered_values(_column(table, columns.graph)) if columns.graph else np.arange(len(costs))
    failed = _is_failed(table, columns.failed)[kept]
    return PublishedTable(space, graphs[kept], costs[kept], noise, failed, rows, devices, worst_error)


def _read(path: Path, texts: set[str]) -> pa.Table:
    try:
        if path.suffix == ".parquet":
            return parquet.read_table(path)
        options = csv.ConvertOptions(column_types=dict.fromkeys(texts, pa.string()))
        return csv.read_csv(path, convert_options=options)
    except (OSError, pa.ArrowException) as error:
        sentence = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SearchError(f"cannot read {path}: {sentence}; give a Parquet or CSV file") from error


def _column(table: pa.Table, name: str) -> list[Any]:
    if name not in table.column_names:
        has = ", ".join(table.column_names[:_SHOWN]) + (" ..." if table.num_columns > _SHOWN else "")
        raise SearchError(f"the table has no column {name}: it has {has}")
    values: list[Any] = table[name].to_pylist()
    return values


def _joined(table: pa.Table, join: Join) -> pa.Table:
    """The `table` with the other's columns; empty where the other has no row."""
    other = _read(join.path, {join.theirs})
    kept = np.ones(other.num_rows, dtype=np.bool_)
    for name, text in join.where.items():
        kept &= np.array([str(value) == text for value in _column(other, name)])
    other = other.filter(pa.array(kept))
    places: dict[str, int] = {}
    for i, value in enumerate(map(str, _column(other, join.theirs))):
        if value in places:
            raise SearchError(f"{join.path} has {join.theirs} = {value} twice: say which rows by a condition")
        places[value] = i
    at = pa.array([places.get(str(value)) for value in _column(table, join.ours)], type=pa.int64())
    for name in other.column_names:
        table = table.append_column(f"{join.name}.{name}", other[name].take(at))
    return table


def _costs(table: pa.Table, columns: ColumnMap) -> tuple[Floats, Floats, dict[str, tuple[int, ...]]]:
    """Costs (n, k), the noise (k,) of each, and each device's columns; column 0 is the error."""
    errors = 100.0 - _numbers(table, columns.accuracy) if columns.accuracy else np.zeros(table.num_rows)
    costs = [errors]
    noise = [ACCURACY_POINTS]
    devices = {}
    for device, names in columns.devices.items():
        shares = (TIME_SHARE, ENERGY_SHARE)
        if not 1 <= len(names) <= len(shares):
            raise SearchError(
                f"device {device} has {len(names)} columns: give its times, perhaps its energies"
            )
        devices[device] = (0, *range(len(costs), len(costs) + len(names)))
        for name, share in zip(names, shares, strict=False):
            values = _numbers(table, name)
            costs.append(np.log10(np.where(values > 0.0, values, np.nan)))
            noise.append(float(np.log10(1.0 + share)))
    return np.stack(costs, axis=1), np.array(noise), devices


def _refuse_shares(errors: Floats, name: str) -> None:
    """Raises SearchError where the accuracies behind the `errors` (n,) are no percentages."""
    accuracies = 100.0 - errors[np.isfinite(errors)]
    if not accuracies.size:
        return
    if accuracies.min() < 0.0 or accuracies.max() > 100.0:
        outside = accuracies[(accuracies < 0.0) | (accuracies > 100.0)][0]
        raise SearchError(f"the column {name} has {outside:g}, which is no percentage: name another")
    if 0.0 < accuracies.max() <= 1.0:
        raise SearchError(
            f"the column {name} is at most {accuracies.max():g}: give accuracies in percent, not as shares"
        )


def _numbers(table: pa.Table, name: str) -> Floats:
    """(n,) a column of numbers; NaN where it is empty."""
    column = _column(table, name)
    try:
        return np.array([np.nan if value is None else float(value) for value in column])
    except (TypeError, ValueError) as error:
        raise SearchError(f"the column {name} has something that is no number: name another") from error


def _is_failed(table: pa.Table, name: str) -> Flags:
    if not name:
        return np.zeros(table.num_rows, dtype=np.bool_)
    good = {"", "0", "0.0", "false", "none", "nan"}
    return np.array([str(value).strip().lower() not in good for value in _column(table, name)])


def _space(names: Sequence[str], chosen: Sequence[Sequence[Any]]) -> tuple[Space, Codes]:
    """The space of all values that occur, and the rows as its members; an empty cell is a value, too."""
    columns = [[NO_VALUE if value is None else value for value in column] for column in chosen]
    values = [sorted(set(column), key=lambda value: (isinstance(value, str), value)) for column in columns]
    space = space_of(dict(zip(names, values, strict=True)))
    codes = [_numbered_values(column, each) for column, each in zip(columns, values, strict=True)]
    return space, np.stack(codes, axis=1)


def _numbered_values(column: Sequence[Any], values: Sequence[Any] = ()) -> Codes:
    """(n,) the place of each value of the `column` among the `values`, or among its own."""
    places = {value: i for i, value in enumerate(values or dict.fromkeys(column))}
    return np.array([places[value] for value in column], dtype=np.int64)
