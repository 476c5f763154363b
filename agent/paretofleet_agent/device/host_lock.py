"""One run at a time per host: two runs side by side would measure each other.

Every agent of a host, whoever runs it, locks one file. Simulated devices do not take it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from pathlib import Path
from typing import Callable, Iterator

from paretofleet_agent.errors import HomeError
from paretofleet_agent.files import try_lock

log = logging.getLogger(__name__)

FOLDERS = (Path("/run/lock"), Path("/var/lock"), Path("/tmp"))  # noqa: S108 the host's own, shared on purpose
FILE = "paretofleet.lock"
POLL_S = 0.2


def default_folder() -> Path:
    """The first of the usual places for lock files that this host has."""
    return next((folder for folder in FOLDERS if folder.is_dir()), FOLDERS[-1])


def _open(folder: Path) -> int:
    path = folder / FILE
    try:
        # Reading is enough to lock, and works on a file that another user made.
        return os.open(str(path), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise _unusable(folder, error) from error
    try:
        return os.open(str(path), os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise _unusable(folder, error) from error


def _unusable(folder: Path, error: OSError) -> HomeError:
    return HomeError(
        f"The host lock {folder / FILE} cannot be used ({error.strerror}): make the folder writable, "
        "or set lock_dir under [host] in agent.ini to one that every agent of this host can write."
    )


@contextlib.contextmanager
def host_lock(folder: Path | None = None, stopped: Callable[[], bool] = lambda: False) -> Iterator[bool]:
    """Waits until no other agent of this host measures; yields False when `stopped()` ended the wait.

    The lock is a file in `folder`, or in the usual one.
    Raises HomeError when the lock file cannot be opened.
    """
    descriptor = _open(folder or default_folder())
    try:
        waited = False
        while not try_lock(descriptor):
            if stopped():
                yield False
                return
            if not waited:
                log.info("another agent on this host is measuring; waiting for it")
                waited = True
            time.sleep(POLL_S)
        yield True
    finally:
        os.close(descriptor)
