"""Model files and files of samples, fetched once and kept by their SHA-256 under the agent's home."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
from pathlib import Path
from typing import Callable, Iterator, Sequence

from paretofleet_agent.errors import AttemptFailed
from paretofleet_agent.files import sync_folder
from paretofleet_agent.model import Artifact
from paretofleet_agent.uplink import model_room
from paretofleet_agent.uplink.model_download import download, sha256_of

log = logging.getLogger(__name__)

HEX = frozenset("0123456789abcdef")


class ModelCache:
    """The folder of model files. `fetch(sha256, offset)` is the client's; it may raise Unreachable.

    `beside`: the folder of a collector's files on this machine, of which hard links are made where the file
    system allows, so that no model lies on the disk twice. `limit_bytes`: what all files may take, None
    where only the disk bounds them.
    """

    def __init__(
        self,
        home: Path,
        fetch: Callable[[str, int], Iterator[bytes]],
        beside: Path | None = None,
        limit_bytes: int | None = None,
    ) -> None:
        self._folder = home / model_room.FOLDER
        # By their folder private files are known after a crash, too.
        self._private = self._folder / "private"
        self._limit_bytes = limit_bytes
        self._sweep: str | None = None
        self._fetch = fetch
        self._beside = beside
        # What was read whole and found right, as (size, mtime_ns, inode): it is not read again at each run.
        self._checked: dict[str, tuple[int, int, int]] = {}

    def get(self, artifact: Artifact, stopped: Callable[[], bool], needed: Sequence[Artifact] = ()) -> Path:
        """The file of `artifact`, from the folder or from the collector.

        What else is `needed` at the same time is not thrown away to make room for it.
        Raises AttemptFailed (`model_unavailable`) when it cannot be had, Unreachable with what came so far
        kept for the next try, Stopped when `stopped()`.
        """
        if len(artifact.sha256) != 64 or not HEX.issuperset(artifact.sha256):
            raise AttemptFailed("model_unavailable", f"{artifact.sha256!r} is not the SHA-256 of a file.")
        path = (self._private if artifact.is_private else self._folder) / artifact.sha256
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if self._is_right(path, artifact) or self._link(path, artifact):
                model_room.note_use(path)
                return path
            for _ in range(2):
                model_room.make(self._folder, artifact, _part_of(path), needed, self._limit_bytes)
                if self._download(path, artifact, stopped):
                    return path
                log.warning("%s came damaged; it is thrown away", artifact.name)
        except OSError as error:
            with contextlib.suppress(OSError):
                _part_of(path).unlink()  # on a full disk the samples need the room
            raise AttemptFailed(
                "model_unavailable", f"{artifact.name} cannot be stored in {self._folder} ({error.strerror})."
            ) from error
        raise AttemptFailed(
            "model_unavailable", f"{artifact.name} came twice with a content that is not {artifact.sha256}."
        )

    def begin_sweep(self, sweep: str) -> None:
        """Removes the private files of another than this `sweep`, whose name is empty where none has work."""
        if sweep == self._sweep:
            return
        self._sweep = sweep
        try:
            shutil.rmtree(str(self._private))
        except FileNotFoundError:
            return
        except OSError as error:
            log.warning("private model files could not be removed from %s: %s", self._private, error.strerror)
            self._sweep = None  # tried again
            return
        log.info("the private model files of the last sweep are removed")

    def _link(self, path: Path, artifact: Artifact) -> bool:
        """Takes the collector's own file where it lies on the same file system and is whole."""
        if self._beside is None or artifact.is_private or path.exists():
            return False
        for file in self._beside.glob(artifact.sha256 + ".*"):
            with contextlib.suppress(OSError):
                os.link(str(file), str(path))
                if self._is_right(path, artifact):
                    _part_of(path).unlink(missing_ok=True)
                    return True
                path.unlink()
        return False

    def _is_right(self, path: Path, artifact: Artifact) -> bool:
        try:
            facts = path.stat()
        except FileNotFoundError:
            return False
        mark = _mark(facts)
        if self._checked.get(artifact.sha256) == mark:
            return True
        if sha256_of(path) != artifact.sha256:
            return False
        self._checked[artifact.sha256] = mark
        return True

    def _download(self, path: Path, artifact: Artifact, stopped: Callable[[], bool]) -> bool:
        """Whether the file came whole and right; it has its name only then."""
        part = _part_of(path)
        if download(part, artifact, self._fetch, stopped) != artifact.sha256:
            part.unlink()
            return False
        os.replace(part, path)
        sync_folder(path.parent)
        self._checked[artifact.sha256] = _mark(path.stat())
        return True


def _part_of(path: Path) -> Path:
    """Where a file lies until it is whole and right."""
    return path.with_name(path.name + ".part")


def _mark(facts: os.stat_result) -> tuple[int, int, int]:
    """What changes with the content of a file."""
    return facts.st_size, facts.st_mtime_ns, facts.st_ino
