"""What can still be read of a damaged SQLite file, row by row into a new one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paretofleet_collector.store.base import METADATA

#: Rows that are read at once, and one by one where that fails.
_ROWS = 1_000
_ROWID_MAX = 2**40
#: Columns that only people read: there a sign that cannot be read harms nothing. In any other it would be an
#: id, a name or a number that nobody measured, so that its row is lost.
_FOR_PEOPLE = ("message", "why")


class _Mended(str):
    """A text of which some bytes could not be read; marks stand in their places."""

    __slots__ = ()


@dataclass(frozen=True)
class Salvaged:
    """How many rows of a table were saved, and how many could not be read or belong to one that could not.

    A row is not read in part: a text in it that is no UTF-8 any more loses it, but for messages.
    """

    table: str
    rows: int
    lost: int


def salvage(damaged: Path, target: Path) -> list[Salvaged]:
    """Copies the rows of the database file `damaged` that can be read into `target`, a file of our schema.

    `target` must be new and empty of rows. Returns what became of each table that has any.
    """
    source, copy = sqlite3.connect(damaged), sqlite3.connect(target)
    source.text_factory = _text
    try:
        copy.execute("PRAGMA foreign_keys=OFF")
        counts = {table.name: _copy_table(source, copy, table.name) for table in METADATA.sorted_tables}
        orphans = _drop_orphans(copy)
        copy.commit()
    finally:
        copy.close()
        source.close()
    return [
        Salvaged(name, rows - orphans.get(name, 0), lost + orphans.get(name, 0))
        for name, (rows, lost) in counts.items()
        if rows or lost
    ]


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return _Mended(data.decode(errors="replace"))


def _copy_table(source: sqlite3.Connection, copy: sqlite3.Connection, table: str) -> tuple[int, int]:
    """How many rows were copied, and how many could not be read."""
    saved = lost = 0
    columns = [row[1] for row in copy.execute(f"PRAGMA table_info({table})")]
    try:
        present = {row[1] for row in source.execute(f"PRAGMA table_info({table})")}
    except sqlite3.DatabaseError:
        return 0, 1
    columns = [name for name in columns if name in present]
    if not columns:
        return 0, 0
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    strict = [place for place, name in enumerate(columns) if name not in _FOR_PEOPLE]
    for row in _readable(source, table, names):
        if row is None or any(isinstance(row[place], _Mended) for place in strict):
            lost += 1
            continue
        inserted = copy.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", row)  # noqa: S608 - names of our own tables
        saved += inserted.rowcount
        lost += 1 - inserted.rowcount
    return saved, lost


def _readable(source: sqlite3.Connection, table: str, names: str) -> Iterator[tuple[Any, ...] | None]:
    """The rows of a table in the order of their rowids; None where one, or a stretch of them, is damaged."""
    after, skip = -1, 1
    while after < _ROWID_MAX:
        query = f"SELECT rowid, {names} FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT {_ROWS}"  # noqa: S608
        try:
            count = 0
            for row in source.execute(query, (after,)):
                after, skip, count = row[0], 1, count + 1
                yield row[1:]
            if count < _ROWS:
                return
        except sqlite3.DatabaseError:
            yield None
            after, skip = after + skip, skip * 2


def _drop_orphans(copy: sqlite3.Connection) -> dict[str, int]:
    """Deletes rows whose parent was not saved; returns how many of each table."""
    dropped: dict[str, int] = {}
    while True:
        orphans = {(row[0], row[1]) for row in copy.execute("PRAGMA foreign_key_check")}
        if not orphans:
            return dropped
        for table, rowid in orphans:
            copy.execute(f"DELETE FROM {table} WHERE rowid = ?", (rowid,))  # noqa: S608
            dropped[table] = dropped.get(table, 0) + 1
