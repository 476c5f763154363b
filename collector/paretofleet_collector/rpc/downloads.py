"""Receives files piece by piece: a file appears under its name whole and checked, or not at all."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from paretofleet_collector.errors import CollectorError
from paretofleet_collector.model.views import FilePart


def receive_files(parts: Iterable[FilePart], place: Callable[[str], Path]) -> list[Path]:
    """Writes every file that comes in `parts` to where `place` puts its path; returns the paths written.

    Raises CollectorError when the stream breaks off, a file arrives damaged or cannot be written; the
    broken one is removed.
    """
    written: list[Path] = []
    incoming: _Incoming | None = None
    try:
        for part in parts:
            if incoming is None:
                incoming = _Incoming(place(part.path))
            incoming.write(part.data)
            if part.is_last:
                incoming.finish(part.sha256)
                written.append(incoming.target)
                incoming = None
        if incoming is not None:
            raise CollectorError(f"{incoming.target.name} broke off on the way; ask for it again.")
    except OSError as error:
        where = incoming.target if incoming is not None else error.filename
        raise CollectorError(f"{where} cannot be written: {error.strerror}; nothing of it is left.") from None
    finally:
        if incoming is not None:
            incoming.discard()
    return written


def place_below(folder: Path) -> Callable[[str], Path]:
    """Puts relative paths below `folder`; a path that leaves it raises CollectorError."""

    def place(path: str) -> Path:
        relative = PurePosixPath(path)
        unsafe = relative.is_absolute() or ".." in relative.parts or not relative.name or "\\" in path
        if unsafe or ":" in path:
            raise CollectorError(
                f"The collector sent the path {path!r}, which is not a relative one; nothing was written."
            )
        target = folder.joinpath(*relative.parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    return place


class _Incoming:
    """A file under way, in a temporary one beside its place."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self._temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
        self._hash = hashlib.sha256()
        self._file: BinaryIO = self._temporary.open("xb")

    def write(self, data: bytes) -> None:
        self._hash.update(data)
        self._file.write(data)

    def finish(self, sha256: str) -> None:
        if sha256 != self._hash.hexdigest():
            raise CollectorError(
                f"{self.target.name} arrived damaged (its SHA-256 differs); ask for it again."
            )
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._temporary.replace(self.target)

    def discard(self) -> None:
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)
