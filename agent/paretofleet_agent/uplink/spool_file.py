"""The spool's file: its tables, how it is opened and checked, and what becomes of a damaged one."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from pathlib import Path

from paretofleet_agent.errors import HomeError
from paretofleet_agent.files import sync_folder
from paretofleet_agent.uplink import aside

log = logging.getLogger(__name__)

FILE = "spool.db"
#: Before the id of a collector: the folder of what waits for it while another is served.
ASIDE = "spool-for-"
#: Instead of an id, where nobody wrote down which collector it was.
UNKNOWN = "unknown"
VERSION = 3
#: What the write-ahead log may hold before it is copied: an attempt that is sent at once is written once.
LOG_BYTES = 32 << 20
#: Pages that are given back at a time: few enough for the cache, which would write them out otherwise.
VACUUM_PAGES = 256
TABLES = f"""
CREATE TABLE attempts (
  position INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL, attempt INTEGER NOT NULL,
  ended INTEGER NOT NULL DEFAULT 0, chunks_json TEXT, ok INTEGER, reason TEXT, message TEXT, facts_json TEXT,
  interrupted INTEGER, crc32 INTEGER,
  UNIQUE (run_id, attempt), CHECK (typeof(run_id) = 'text' AND typeof(attempt) = 'integer')
);
CREATE TABLE chunks (
  run_id TEXT NOT NULL, attempt INTEGER NOT NULL, stream TEXT NOT NULL, seq INTEGER NOT NULL,
  schema TEXT NOT NULL, n INTEGER NOT NULL, columns BLOB NOT NULL, crc32 INTEGER NOT NULL,
  PRIMARY KEY (run_id, attempt, stream, seq),
  CHECK (typeof(run_id) || typeof(stream) || typeof(schema) || typeof(columns) = 'texttexttextblob'),
  CHECK (typeof(attempt) || typeof(seq) || typeof(n) || typeof(crc32) = 'integerintegerintegerinteger')
);
CREATE TABLE aside (
  run_id TEXT, attempt INTEGER, stream TEXT, seq INTEGER,
  schema TEXT, n INTEGER, columns BLOB, crc32 INTEGER, why TEXT NOT NULL
);
CREATE TABLE belongs_to (collector_id TEXT NOT NULL);
{aside.TABLE}
"""
#: From each version to the next.
UPGRADES = {
    1: "ALTER TABLE attempts ADD COLUMN interrupted INTEGER; ALTER TABLE attempts ADD COLUMN crc32 INTEGER; "
    "CREATE TABLE belongs_to (collector_id TEXT NOT NULL);",
    2: aside.TABLE,
}
TEXTS = (
    "SELECT run_id, chunks_json, reason, message, facts_json FROM attempts",
    "SELECT run_id, stream, schema FROM chunks",
)


def open_database(path: Path) -> sqlite3.Connection:
    """Opens the spool at `path`; makes its tables in a new one and checks all that an older one holds.

    Raises HomeError for a spool of a newer agent, DatabaseError or UnicodeDecodeError for a damaged one.
    """
    database = sqlite3.connect(str(path), isolation_level=None, timeout=10)
    try:
        database.execute("PRAGMA auto_vacuum = INCREMENTAL")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        # Some builds write zeros over what was deleted: as much again as the samples themselves.
        database.execute("PRAGMA secure_delete = OFF")
        database.execute(f"PRAGMA wal_autocheckpoint = {LOG_BYTES // _page_bytes(database)}")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version == 0:
            database.executescript(f"BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
        elif version <= VERSION:
            _verify(database)
            steps = "".join(UPGRADES[each] for each in range(version, VERSION))
            if steps:
                database.executescript(f"BEGIN; {steps} PRAGMA user_version = {VERSION}; COMMIT;")
        else:
            raise HomeError(f"{path} is of a newer agent: upgrade this one, or choose another --home DIR.")
    except BaseException:
        database.close()
        raise
    return database


def shrink(database: sqlite3.Connection) -> None:
    """Gives the room of what has left `database` back to the disk. Raises sqlite3.Error.

    The pages' last contents are not written anywhere on the way.
    """
    database.execute("PRAGMA synchronous = NORMAL")  # the checkpoint syncs all of it
    try:
        free, before = _free_pages(database), -1
        while free and free != before:
            # As a script: the module steps a statement without columns only once, which frees one page.
            database.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES});")
            free, before = _free_pages(database), free
        database.executescript("PRAGMA wal_checkpoint(TRUNCATE);")
    finally:
        database.execute("PRAGMA synchronous = FULL")


def _free_pages(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA freelist_count").fetchone()[0])


def _page_bytes(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA page_size").fetchone()[0])


def _verify(database: sqlite3.Connection) -> None:
    """Raises DatabaseError or UnicodeDecodeError when what is stored cannot all be read again."""
    (damage,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    if damage != "ok":
        raise sqlite3.DatabaseError(str(damage))
    # It does not look into texts; they are read as bytes, since sqlite3's own complaint is no DatabaseError.
    database.text_factory = bytes
    try:
        for query in TEXTS:
            for row in database.execute(query):
                b"".join(text or b"" for text in row).decode()
    except sqlite3.OperationalError as error:
        if "no such" in str(error):
            raise sqlite3.DatabaseError(str(error)) from error
        raise
    database.text_factory = str


def put_aside(path: Path, collector_id: str) -> Path:
    """Moves the closed spool at `path` into the folder of the collector `collector_id`, which it returns.

    One that was left there, since a crash came before it was brought back, keeps its samples under another
    name. Raises HomeError where it cannot be moved; then nothing has changed.
    """
    folder = path.parent / f"{ASIDE}{collector_id}"
    try:
        folder.mkdir(exist_ok=True, mode=0o700)
        with contextlib.suppress(FileNotFoundError):
            # Where another program reads the spool, an empty log stays behind.
            if os.stat(f"{path}-wal").st_size:
                raise HomeError(f"{path} cannot be set aside, another program uses it: the agent waits.")
        for suffix in ("-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{path}{suffix}")
        if (folder / FILE).exists():
            _keep_other(folder)
        os.replace(path, folder / FILE)
        sync_folder(folder)
        sync_folder(path.parent)
    except OSError as error:
        raise HomeError(f"{path} cannot be moved to {folder} ({error.strerror}): the agent waits.") from error
    return folder


def _keep_other(folder: Path) -> None:
    """Renames the spool in `folder`, with its log, to a name that nothing has. Raises OSError."""
    number = 1
    while (folder / f"{FILE}.{number}").exists():
        number += 1
    log.error(
        "a spool was left in %s and is kept as %s.%d: put it, as %s, into a folder of its own with a copy of "
        "identity.json and bring its samples by `paretofleet-agent push`",
        folder,
        FILE,
        number,
        FILE,
    )
    for suffix in ("-wal", ""):
        with contextlib.suppress(FileNotFoundError):
            os.replace(str(folder / FILE) + suffix, str(folder / f"{FILE}.{number}") + suffix)


def bring_back(path: Path, collector_id: str) -> None:
    """Moves the spool that was set aside for the collector `collector_id`, if there is one, to `path` again.

    Raises HomeError where it cannot be moved.
    """
    aside = path.parent / f"{ASIDE}{collector_id}" / FILE
    try:
        # What stands beside it holds the newest commits, where a crash came in between: it goes first.
        for suffix in ("-wal", ""):
            if Path(f"{aside}{suffix}").exists():
                os.replace(f"{aside}{suffix}", f"{path}{suffix}")
        sync_folder(path.parent)
    except OSError as error:
        raise HomeError(f"{aside} cannot be moved to {path} ({error.strerror}): the agent waits.") from error


def remove_empty(path: Path) -> None:
    """Deletes the closed spool at `path`, in which nothing waits, with its log. Raises HomeError."""
    try:
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{path}{suffix}")
    except OSError as error:
        raise HomeError(f"{path} cannot be removed ({error.strerror}): the agent waits.") from error


def spools_aside(home: Path) -> dict[str, Path]:
    """The folders in `home` with what waits for other collectors, by the collector's id."""
    folders = sorted(folder for folder in home.glob(f"{ASIDE}*") if (folder / FILE).exists())
    return {folder.name[len(ASIDE) :]: folder for folder in folders}


def damaged_spools(home: Path) -> list[str]:
    """The names of the damaged spools that were set aside in `home`."""
    return sorted(path.name for path in home.glob(f"{FILE}.damaged-*[0-9]"))


def quarantine(path: Path, error: Exception) -> None:
    """Renames the spool at `path` to `spool.db.damaged-N` and reports `error`, which tells the damage."""
    number = 1
    while path.with_name(f"{FILE}.damaged-{number}").exists():
        number += 1
    kept = path.with_name(f"{FILE}.damaged-{number}")
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.replace(f"{path}{suffix}", f"{kept}{suffix}")
    sync_folder(path.parent)
    log.error("the spool was damaged (%s) and is kept as %s; its attempts will be run again", error, kept)


def as_home_error(path: Path, error: sqlite3.Error) -> HomeError:
    """What `error` means for the user, who has the spool at `path`."""
    text = str(error)
    if "full" in text or "disk I/O" in text:
        return HomeError(
            f"The disk of {path} is full or failing ({text}): free some space, or mend the disk."
        )
    if "readonly" in text or "unable to open" in text:
        return HomeError(f"{path} cannot be written ({text}): mend its rights or choose another --home DIR.")
    if "locked" in text:
        return HomeError(f"{path} is locked by another program ({text}): end that one.")
    return HomeError(
        f"{path} cannot be used ({text}): start the agent again, it keeps a damaged spool aside."
    )
