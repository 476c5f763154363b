"""The process that drives a search: where it keeps its files, how it is started, whether it is there."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from paretofleet_collector.config import default_home
from paretofleet_collector.errors import Refused
from paretofleet_collector.searches.kept import WAITS

#: The variable by which agents and searches agree on another folder for the lock of this host.
LOCK_FOLDER = "PARETOFLEET_HOST_LOCK_DIR"
LOG, _LOCK, _ORIGIN = "driver.log", "driver.lock", "origin.json"
#: Whoever looks whether a search is driven holds its lock for a moment: waits until it is taken, in seconds.
_LOOKED_AT_S = (0.01, 0.05, 0.1, 0.0)
#: Bytes of the end of a log that hold its last line.
_TAIL = 1000


def search_folder(search_id: str) -> Path:
    """Where the driver of the search `search_id` keeps its files on this machine, for this user."""
    return default_home("searches") / search_id


def keep_origin(folder: Path, file: Path) -> None:
    """Writes into the `folder` of a search from which specification `file` it came."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _ORIGIN).write_text(json.dumps({"file": str(file.resolve())}), encoding="utf-8")


def origin(folder: Path) -> Path | None:
    """The file that `keep_origin` wrote into a `folder`; None where this machine does not know it."""
    try:
        return Path(json.loads((folder / _ORIGIN).read_text(encoding="utf-8"))["file"])
    except (OSError, ValueError, KeyError):
        return None


@contextmanager
def driving(folder: Path, held: int | None = None) -> Iterator[int]:
    """Holds a search, by its `folder`, so that no second process drives it; gives the lock's descriptor.

    `held`: that of the process that started this one, which it took. Raises Refused where another drives.
    """
    if held is None:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    else:
        descriptor = held
        os.set_inheritable(descriptor, False)
    try:
        if not _take(descriptor, _LOOKED_AT_S):
            raise Refused("This search is driven already, by another process of this machine.")
        yield descriptor
    finally:
        os.close(descriptor)


def _take(descriptor: int, waits_s: Sequence[float]) -> bool:
    """Takes the lock of a `descriptor`, waiting `waits_s` after each try; False where somebody keeps it."""
    for wait_s in waits_s:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(wait_s)
        else:
            return True
    return False


def is_driven(folder: Path) -> bool:
    """Whether a process of this machine drives the search with that `folder`."""
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _take(descriptor, (0.0,))
    finally:
        os.close(descriptor)


def waits(folder: Path) -> str:
    """For what the driver of a search waits, by the last line of the log in its `folder`; else empty."""
    try:
        with (folder / LOG).open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL))
            last = log.read().decode(errors="replace").rstrip()
    except OSError:
        return ""
    return WAITS if last.endswith(WAITS) else ""


def start(address: str, search_id: str) -> int:
    """Starts the process that drives the search `search_id` of the collector at `address`; returns its id.

    It goes on when this one ends, and holds the search before it has begun, however long that takes; what it
    says goes to a file of the search's folder. Raises Refused where the search is driven.
    """
    folder = search_folder(search_id)
    with driving(folder) as held, (folder / LOG).open("ab") as log:
        command = ["-P", "-m", "paretofleet_collector.searches", address, search_id, str(held)]
        process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=(held,),
        )
    return process.pid
