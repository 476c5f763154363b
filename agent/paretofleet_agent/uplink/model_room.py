"""How much room model files take on a device, and which of them leave first."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Iterator, NamedTuple, Sequence

from paretofleet_agent.errors import AttemptFailed
from paretofleet_agent.files import free_bytes
from paretofleet_agent.model import Artifact

#: Below the agent's home.
FOLDER = "models"
#: Left free on the disk for the spool.
MARGIN_BYTES = 64 << 20


class Stored(NamedTuple):
    """How many files there are, and their bytes."""

    files: int
    size_bytes: int


def stored(home: Path) -> Stored:
    """What the model files of an agent's `home` take, private ones and parts of files included.

    A file that a collector on this machine has too takes nothing.
    """
    sizes = [facts.st_size for _, facts in _files(home / FOLDER, private=True)]
    return Stored(len(sizes), sum(sizes))


def note_use(path: Path) -> None:
    """Notes that the file at `path` is used now, also where the file system keeps no times of reading."""
    with contextlib.suppress(OSError):
        os.utime(str(path), ns=(time.time_ns(), path.stat().st_mtime_ns))


def make(
    folder: Path, artifact: Artifact, part: Path, needed: Sequence[Artifact], limit_bytes: int | None
) -> None:
    """Throws away the files of `folder` unused for longest until the rest of `artifact` fits.

    `part` is what is there of it. What is `needed` stays. `limit_bytes`: what all files may take, None for
    any. Raises AttemptFailed, with nothing thrown away, where there can be no room.
    """
    there = part.stat().st_size if part.exists() else 0
    missing = max(0, artifact.size_bytes - there)
    kept = {each.sha256 for each in (artifact, *needed)}
    leaving = [(path, facts) for path, facts in _files(folder) if path.name[:64] not in kept]
    leaving.sort(key=lambda each: each[1].st_atime_ns)
    leaving_bytes = sum(facts.st_size for _, facts in leaving)
    stays = missing + stored(folder.parent).size_bytes - leaving_bytes
    size = f"{artifact.name} has {artifact.size_bytes} bytes"
    if limit_bytes is not None and stays > limit_bytes:
        raise AttemptFailed(
            "model_unavailable",
            f"{size}, {stays} with what else its run needs, and models may have {limit_bytes} here: raise "
            "models_max_mb in agent.ini.",
        )
    free = free_bytes(folder)
    if free is not None and missing + MARGIN_BYTES > free + leaving_bytes:
        raise AttemptFailed(
            "model_unavailable",
            f"{size} and the disk of {folder} has {free} free, {MARGIN_BYTES} of them kept for samples: free "
            "some space.",
        )
    excess = max(
        0 if limit_bytes is None else stays + leaving_bytes - limit_bytes,
        0 if free is None else missing + MARGIN_BYTES - free,
    )
    for path, facts in leaving:
        if excess <= 0:
            return
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        excess -= facts.st_size


def _files(folder: Path, *, private: bool = False) -> Iterator[tuple[Path, os.stat_result]]:
    """The files of `folder` that take room of their own."""
    for path in folder.glob("**/*" if private else "*"):
        with contextlib.suppress(OSError):
            facts = path.stat()
            if path.is_file() and facts.st_nlink == 1:
                yield path, facts
