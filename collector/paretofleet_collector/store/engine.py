"""The database file: how it is opened, brought up to date and kept small.

Everything that only SQLite understands is in this module.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from paretofleet_collector.errors import Refused, StorageFull

FILE_NAME = "collector.sqlite3"
BACKUPS_KEPT = 3
_BUSY_S = 30
_RECLAIM_PAGES = 2048
#: The write-ahead log is cut back to this after a burst.
_LOG_KEPT_BYTES = 16 << 20
_LOG_LEAST_BYTES = 64 << 10
_log = logging.getLogger(__name__)


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
            "foreign_keys=ON",
            f"query_only={'OFF' if writes else 'ON'}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


@contextmanager
def reading(path: Path) -> Iterator[sa.Connection]:
    """A connection that only reads the database file `path`, in one consistent state; for other processes."""
    engine = open_engine(path, writes=False)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def migrate(path: Path) -> None:
    """Brings the database file `path` to this version's schema, after a copy of it was kept in `backups`.

    Raises Refused for a file that a newer collector wrote or that is not a database, StorageFull when there
    is no room for the copy.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    head = scripts.get_current_head()
    engine = open_engine(path, writes=True)
    try:
        with engine.connect() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
        if current == head:
            return
        if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
            raise Refused(
                f"{path} was written by a newer collector (schema {current}, this one knows {head}); "
                "install that version again or start with another --home."
            )
        if current is not None:
            _back_up(path, current)
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        _log.info("database %s is at schema %s", path, head)
    except sa.exc.DatabaseError as error:
        # Without room for its log SQLite speaks of an input or output error.
        if is_full(error) or shutil.disk_usage(path.parent).free < _LOG_LEAST_BYTES:
            raise StorageFull(f"There is no room on the disk for the database {path}.") from None
        raise Refused(f"{path} cannot be used as the collector's database: {error.orig}.") from None
    finally:
        engine.dispose()


def _back_up(path: Path, revision: str) -> None:
    """Copies the database through SQLite, which also sees what is still in the write-ahead log."""
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


def is_full(error: BaseException) -> bool:
    """True for an error that means that the disk has no room."""
    return "disk is full" in str(getattr(error, "orig", error)).lower()


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
