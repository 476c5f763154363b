"""What names a row in the text of a ranking: columns that tell the rows apart."""

from __future__ import annotations

from collections.abc import Sequence

from paretofleet_analysis.ranking.result import RankedRow

#: Columns that name a row; those that are the same in every row stand in one line above the table instead.
NAMES = ("model", "runtime", "precision", "device", "target", "batch_size", "threads")
_HEADS = {"batch_size": "batch"}
_NUMBERS = ("batch_size", "threads")


def head(name: str) -> str:
    """What heads the column `name` of a table."""
    return _HEADS.get(name, name)


def cell(row: RankedRow, name: str) -> str:
    """The value of the naming column `name` of a `row`."""
    value = row.identity[name]
    return "default" if value is None else str(value)


def common_names(rows: Sequence[RankedRow]) -> list[str]:
    """Naming columns other than the model that have one value in all `rows`."""
    return [name for name in NAMES[1:] if len({row.identity[name] for row in rows}) == 1]


def short_name(row: RankedRow, names: Sequence[str]) -> str:
    """The model of a `row` with its columns `names`, of which numbers are named."""
    parts = [f"{head(name)} " * (name in _NUMBERS) + cell(row, name) for name in names]
    return " ".join([row.identity["model"], *parts])
