"""The store as one SQLite file: how it is opened, copied and kept small. Only SQLite understands this."""

from __future__ import annotations

import shutil
import sqlite3
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.errors import Refused, StorageUnavailable

BACKUPS_KEPT = 3
#: Above this the start checks pages and rows only, and not each index against its table.
QUICK_ABOVE_BYTES = 256 << 20
_FINDINGS = 3
_BUSY_S = 30
_RECLAIM_PAGES = 2048
#: The writer's cache holds the pages that are given back at a time, which would be written out otherwise.
_CACHE_PAGES = 2 * _RECLAIM_PAGES
_READER_CACHE_KIB = -2000
#: The write-ahead log is cut back to this after a burst.
_LOG_KEPT_BYTES = 16 << 20
_LOG_LEAST_BYTES = 64 << 10

#: What SQLite says when the system refuses, and what we say.
_REFUSALS = (
    ("disk is full", "disk is full; free some space under its home"),
    ("readonly database", "database is read-only, or its file system is; see to the disk"),
    ("disk i/o error", "disk reports an input or output error; see to the disk"),
    ("unable to open database file", "database cannot be opened; see to the disk"),
)


def open_engine(path: Path, *, writes: bool) -> sa.Engine:
    """An engine over the database file `path`; a commit is on the disk when it returns.

    Transactions are begun explicitly, for only then do savepoints work in Python's driver; one that `writes`
    takes its lock at once, so that it cannot fail half-way.
    """
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"timeout": _BUSY_S, "check_same_thread": False},
    )

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            "auto_vacuum=INCREMENTAL",
            "journal_mode=WAL",
            "synchronous=FULL",
            f"journal_size_limit={_LOG_KEPT_BYTES}",
            # Some builds write zeros over what was deleted: as much again as the samples themselves.
            "secure_delete=OFF",
            f"cache_size={_CACHE_PAGES if writes else _READER_CACHE_KIB}",
            "foreign_keys=ON",
            f"query_only={'OFF' if writes else 'ON'}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def back_up(path: Path, revision: str) -> None:
    """Copies the database file `path`, of schema `revision`, into `backups` beside it.

    Through SQLite, which also sees what is still in the write-ahead log. The newest copies are kept.
    """
    folder = path.parent / "backups"
    folder.mkdir(exist_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    copy = folder / f"{stamp}-schema-{revision}.sqlite3"
    source, target = sqlite3.connect(path), sqlite3.connect(copy)
    try:
        source.backup(target)
    finally:
        target.close()
        source.close()
    for old in sorted(folder.glob("*.sqlite3"))[:-BACKUPS_KEPT]:
        old.unlink()


def damage_of(path: Path, *, quick: bool | None = None) -> str:
    """What is wrong with the pages of the database file `path`, in one clause; empty where nothing is.

    `quick` leaves out whether indexes agree with their tables; None does so above QUICK_ABOVE_BYTES.
    """
    quick = path.stat().st_size > QUICK_ABOVE_BYTES if quick is None else quick
    connection = sqlite3.connect(path, timeout=_BUSY_S)
    try:
        check = "quick_check" if quick else "integrity_check"
        lines = [str(row[0]) for row in connection.execute(f"PRAGMA {check}({_FINDINGS})")]
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise  # locked or out of reach, which says nothing of the pages
        return str(error)
    finally:
        connection.close()
    return "" if lines == ["ok"] else "; ".join(" ".join(line.split()) for line in lines)


def check_pages(path: Path) -> None:
    """Raises Refused where pages of the database file `path`, which may be missing, are damaged."""
    if not path.exists() or not path.stat().st_size:
        return
    damage = damage_of(path)
    if damage:
        raise Refused(
            f"{path} cannot be used as the collector's database: it is damaged ({damage}). Bring a backup "
            f"back with `paretofleet collector restore DIR --replace --home {path.parent}`, or save what can "
            f"still be read with `paretofleet collector doctor --salvage --home {path.parent}`."
        )


def snapshot(path: Path, target: Path) -> None:
    """Copies the database file `path` to `target` as it is at one moment; a collector may write it."""
    source, copy = sqlite3.connect(path, timeout=_BUSY_S), sqlite3.connect(target)
    try:
        source.backup(copy)
    finally:
        copy.close()
        source.close()


def without_log(path: Path) -> None:
    """Makes the database file `path`, which nobody uses, whole by itself: no log can be lost."""
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA journal_mode=DELETE")
    finally:
        connection.close()


def is_full(error: BaseException) -> bool:
    """True for an `error` that means that the disk has no room."""
    return "disk is full" in str(getattr(error, "orig", error)).lower()


def failure_of(error: sa.exc.DBAPIError) -> Exception:
    """What an `error` of the file is to whoever waits: StorageUnavailable, or the error itself."""
    text = str(error.orig).lower()
    for sign, clause in _REFUSALS:
        if sign in text:
            return StorageUnavailable(f"The collector's {clause}, nothing was stored.")
    return error


def start_failure(error: sa.exc.DBAPIError, path: Path) -> Exception:
    """Why the collector cannot start with the database file `path`, by the `error` of opening it."""
    # Without room for its log SQLite speaks of an input or output error.
    if is_full(error) or shutil.disk_usage(path.parent).free < _LOG_LEAST_BYTES:
        return StorageUnavailable(f"There is no room on the disk for the database {path}.")
    return Refused(f"{path} cannot be used as the collector's database: {error.orig}.")


def reclaim(connection: sa.Connection) -> bool:
    """Gives some of the pages of deleted chunks back to the file system, through `connection`.

    Call it outside a transaction. Returns whether there are more.
    """
    raw = connection.connection.driver_connection
    if raw is None:
        return False
    # `execute` would step the statement once and so free a single page.
    raw.executescript(f"PRAGMA incremental_vacuum({_RECLAIM_PAGES})")
    return bool(raw.execute("PRAGMA freelist_count").fetchone()[0])
