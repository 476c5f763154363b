"""Files that survive a power cut, and locks that end with their process."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Makes renames and removals in `folder` durable."""
    descriptor = os.open(str(folder), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def private_folder(folder: Path) -> None:
    """Makes `folder` if need be, and keeps other users of the machine out of it. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    facts = folder.stat()
    # A folder with a sticky bit, such as /tmp, is everybody's.
    if facts.st_mode & 0o077 and not facts.st_mode & stat.S_ISVTX and facts.st_uid == os.geteuid():
        folder.chmod(0o700)


def write_atomically(path: Path, text: str) -> None:
    """Replaces `path` by `text`: after a power cut it holds the old text or the new one, whole.

    Nobody but its user may read it.
    """
    part = path.with_name(path.name + ".part")
    descriptor = os.open(str(part), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
    sync_folder(path.parent)


def try_lock(descriptor: int) -> bool:
    """True when this process now holds the exclusive lock of an open file; it ends with the descriptor."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True


def free_bytes(folder: Path) -> int | None:
    """Bytes that this user may still write where `folder` lies; None where nobody can tell."""
    try:
        facts = os.statvfs(str(folder))
    except OSError:
        return None
    return facts.f_bavail * facts.f_frsize
