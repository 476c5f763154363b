"""What names a row in the text of a ranking: columns that tell the rows apart."""

from __future__ import annotations

from collections.abc import Sequence

from paretofleet_analysis.ranking.result import RankedRow

#: Columns that name a row; those that are the same in every row stand in one line above the table instead.
NAMES = ("model", "runtime", "precision", "device", "target", "batch_size", "threads")
SWEEP, VARIANT = "sweep", "variant"
_HEADS = {"batch_size": "batch"}
_NUMBERS = ("batch_size", "threads")
#: Before the name of an axis or an input for which something was asked for.
_FED = "fed:"


def naming_columns(rows: Sequence[RankedRow]) -> tuple[str, ...]:
    """The columns that may name one of `rows`: NAMES, the sweep where there are several, and what any of them
    was fed on request; the variant only where these do not tell the rows apart.
    """
    fed = dict.fromkeys(name for row in rows for name in row.fed)
    sweeps = {row.identity["sweep"] for row in rows}
    names = (*NAMES, *([SWEEP] if len(sweeps) > 1 else []), *(_FED + name for name in fed))
    if len({tuple(cell(row, name) for name in names) for row in rows}) < len(rows):
        return names[0], VARIANT, *names[1:]
    return names


def head(name: str) -> str:
    """What heads the column `name` of a table."""
    return _HEADS.get(name, name.removeprefix(_FED))


def cell(row: RankedRow, name: str) -> str:
    """The value of the naming column `name` of a `row`."""
    if name.startswith(_FED):
        return row.fed.get(name.removeprefix(_FED), "-")
    value = row.identity[name]
    if name == VARIANT:
        return str(value or "-")
    return "default" if value is None else str(value)


def common_names(rows: Sequence[RankedRow]) -> list[str]:
    """Naming columns other than the model that have one value in all `rows`."""
    return [name for name in naming_columns(rows)[1:] if len({cell(row, name) for row in rows}) == 1]


def short_name(row: RankedRow, names: Sequence[str]) -> str:
    """The model of a `row` with its columns `names`, of which numbers are named."""
    parts = [
        f"{head(name)} " * (name in _NUMBERS or name.startswith(_FED)) + cell(row, name) for name in names
    ]
    return " ".join([row.identity["model"], *parts])
