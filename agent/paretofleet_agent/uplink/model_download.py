"""One file on its way from the collector: what came before a cut is kept, and everything is hashed."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, Callable, Iterator

from paretofleet_agent.errors import Stopped
from paretofleet_agent.model import Artifact

PIECE_BYTES = 1 << 20
#: The disk begins to write when so many have come, not at the end.
SYNC_BYTES = 16 << 20
OWNER_ONLY = 0o600


def download(
    part: Path, artifact: Artifact, fetch: Callable[[str, int], Iterator[bytes]], stopped: Callable[[], bool]
) -> str:
    """Completes the file `part` of `artifact` by `fetch(sha256, offset)`; returns the SHA-256 of all of it.

    What `part` holds already is not asked for again. The file is on the disk afterwards, so that nothing of
    it is written during a measurement. Raises Stopped when `stopped()`, OSError, and what `fetch` raises;
    what came so far is kept.
    """
    with open(part, "a+b") as file:
        if artifact.is_private:
            os.fchmod(file.fileno(), OWNER_ONLY)
        if os.fstat(file.fileno()).st_size > artifact.size_bytes:
            file.truncate(0)
        file.seek(0)
        digest = hashlib.sha256()
        size = 0
        for piece in pieces_of(file):
            digest.update(piece)
            size += len(piece)
        if size < artifact.size_bytes:
            _append(file, digest, fetch(artifact.sha256, size), artifact.size_bytes - size, stopped)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def sha256_of(path: Path) -> str:
    """The SHA-256 of the file `path`. Raises OSError."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for piece in pieces_of(file):
            digest.update(piece)
    return digest.hexdigest()


def pieces_of(file: BinaryIO) -> Iterator[bytes]:
    """The rest of an open `file`, in pieces."""
    return iter(lambda: file.read(PIECE_BYTES), b"")


def _append(
    file: BinaryIO, digest: Any, pieces: Iterator[bytes], missing_bytes: int, stopped: Callable[[], bool]
) -> None:
    """Writes and hashes each piece while the next one comes; what is more than is missing is left."""

    def keep(data: bytes) -> None:
        file.write(data)
        digest.update(data)

    keeping: Future[None] | None = None
    syncing: Future[None] | None = None
    unsynced = 0
    with ThreadPoolExecutor(2) as helpers:
        for data in pieces:
            if keeping is not None:
                keeping.result()
            if stopped():
                raise Stopped("The attempt was told to end while its model was on the way.")
            missing_bytes -= len(data)
            if missing_bytes < 0:
                break
            keeping = helpers.submit(keep, data)
            unsynced += len(data)
            if unsynced >= SYNC_BYTES and (syncing is None or syncing.done()):
                if syncing is not None:
                    syncing.result()
                syncing, unsynced = helpers.submit(os.fdatasync, file.fileno()), 0
        for each in (keeping, syncing):
            if each is not None:
                each.result()
