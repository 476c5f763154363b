"""What lies aside in an agent's home and is sent to nobody: listed, and deleted only by a word of its owner.

Attempts that the collector would not take, spools for other collectors, spools that were damaged. Nothing of
it goes by itself, however much it is.
"""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from paretofleet_agent.errors import HomeError
from paretofleet_agent.files import sync_folder
from paretofleet_agent.uplink.spool_file import (
    ASIDE,
    FILE,
    UNKNOWN,
    as_home_error,
    damaged_spools,
    open_database,
    shrink,
    spools_aside,
)

ATTEMPTS = (
    "SELECT run_id, attempt, count(*), sum(length(columns)), group_concat(DISTINCT why) FROM aside "
    "GROUP BY run_id, attempt ORDER BY min(rowid)"
)
DELETE = "DELETE FROM {} WHERE run_id = ? AND attempt = ?"


@dataclass(frozen=True)
class Leftover:
    """One thing that lies aside: its `name`, by which it is deleted, its size, and why it is there."""

    name: str
    bytes: int
    why: str


def leftovers(home: Path) -> tuple[Leftover, ...]:
    """All that lies aside in `home`, whether its agent runs or not."""
    return (*_attempts(home / FILE), *_folders(home), *_files(home))


def delete(home: Path, name: str) -> Leftover:
    """Deletes what has that `name` among the leftovers of `home`, whose agent does not run.

    Returns what it was. Raises HomeError where there is nothing of that name, or it cannot be deleted.
    """
    named = {each.name: each for each in leftovers(home)}
    if name not in named:
        listed = ", ".join(named) or "nothing"
        raise HomeError(f"Nothing that lies aside in {home} is called {name}; there is {listed}.")
    path = home / name
    try:
        if path.parent == home and path.is_dir():
            _remove_spool(path / FILE)
            with contextlib.suppress(OSError):  # something else is in it
                path.rmdir()
        elif path.is_file():
            _remove_spool(path)
        else:
            _delete_attempt(home / FILE, name)
        sync_folder(home)
    except OSError as error:
        raise HomeError(f"{path} cannot be deleted ({error.strerror}).") from error
    return named[name]


def _attempts(path: Path) -> Iterator[Leftover]:
    """The attempts that lie aside in the spool at `path`."""
    if not path.exists():
        return
    with contextlib.suppress(sqlite3.Error, HomeError):
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as database:
            rows = database.execute(ATTEMPTS).fetchall()
        for run_id, attempt, chunks, size, why in rows:
            yield Leftover(f"{run_id}/{attempt}", size, f"{chunks} chunks of an attempt: {why}")


def _folders(home: Path) -> Iterator[Leftover]:
    for collector_id, folder in spools_aside(home).items():
        whom = (
            "a collector that nobody wrote down" if collector_id == UNKNOWN else f"collector {collector_id}"
        )
        yield Leftover(folder.name, _size(folder / FILE), f"waits for {whom}, and is sent when that answers")


def _files(home: Path) -> Iterator[Leftover]:
    for name in damaged_spools(home):
        yield Leftover(name, _size(home / name), "a spool that was damaged; its attempts were run again")
    for path in sorted(home.glob(f"{ASIDE}*/{FILE}.*[0-9]")):
        yield Leftover(
            f"{path.parent.name}/{path.name}",
            _size(path),
            "a spool that stood in the way of a newer one; push it from a folder of its own",
        )


def _size(path: Path) -> int:
    """Bytes of a spool's file with its log."""
    return sum(each.stat().st_size for each in (path, Path(f"{path}-wal")) if each.exists())


def _remove_spool(path: Path) -> None:
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{suffix}").unlink()


def _delete_attempt(path: Path, name: str) -> None:
    run_id, _, attempt = name.rpartition("/")
    try:
        with contextlib.closing(open_database(path)) as database:
            database.execute("BEGIN IMMEDIATE")
            for table in ("aside", "attempts_aside"):
                database.execute(DELETE.format(table), (run_id, int(attempt)))
            database.execute("COMMIT")
            shrink(database)
    except sqlite3.Error as error:
        raise as_home_error(path, error) from error
