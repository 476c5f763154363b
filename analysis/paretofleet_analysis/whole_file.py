"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from paretofleet_analysis.errors import ReportError


@contextlib.contextmanager
def written_whole(path: Path, kind: str = "a file") -> Iterator[IO[bytes]]:
    """A file that stands at `path` once the block has ended: synced and renamed, never half-written.

    Raises ReportError, which names its `kind`, where it cannot be written.
    """
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    except OSError as error:
        raise ReportError(
            f"cannot write {kind} to {path}: {error.strerror}; choose another folder"
        ) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise ReportError(
            f"cannot write {path}: {error.strerror or error}; make room or choose another"
        ) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _sync_folder(folder: Path) -> None:
    """Make the rename durable where a folder can be synced (not on Windows)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
