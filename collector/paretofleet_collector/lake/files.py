"""The lake: sealed samples and model files under one root, by relative paths.

A file appears whole or not at all: it is written under `tmp/`, synced, renamed, and its folder synced.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
from collections.abc import Callable, Collection
from pathlib import Path, PurePosixPath

from pyarrow import fs

FOLDER = "lake"
_TEMPORARY, _SAMPLES, _MODELS = "tmp", "samples", "models"
_log = logging.getLogger(__name__)


def samples_file(sweep_id: str, run_id: str, attempt: int) -> str:
    """Where in the lake the samples of attempt number `attempt` of run `run_id` in sweep `sweep_id` stand."""
    return f"{_SAMPLES}/{sweep_id}/{run_id}-{attempt}.parquet"


def model_file(sha256: str) -> str:
    """Where in the lake the model file with that `sha256` (64 hex digits) stands."""
    return f"{_MODELS}/{sha256}.onnx"


class Lake:
    """A lake in a local folder. Paths that are `str` are relative to `root`, with forward slashes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in (_TEMPORARY, _SAMPLES, _MODELS):
            (root / name).mkdir(parents=True, exist_ok=True)
        self.files: fs.FileSystem = fs.SubTreeFileSystem(str(root), fs.LocalFileSystem())

    def model_path(self, sha256: str) -> Path:
        """Where the file of a model lies on this machine."""
        return self.root / model_file(sha256)

    def temporary(self, suffix: str = "") -> Path:
        """A new path under `tmp/`, which is emptied at every start."""
        return self.root / _TEMPORARY / f"{secrets.token_hex(8)}{suffix}"

    def put(self, relative: str, write: Callable[[Path], None]) -> Path:
        """Has `write` fill a temporary file and puts it in its place; nothing is left when that fails."""
        path = self.temporary()
        try:
            write(path)
            return self.commit(path, relative)
        finally:
            path.unlink(missing_ok=True)

    def commit(self, temporary: Path, relative: str) -> Path:
        """Syncs a file under `tmp/` and renames it to its place."""
        target = self.root / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        _sync(temporary)
        os.replace(temporary, target)
        _sync(target.parent)
        return target

    def remove(self, relative: str) -> None:
        """Deletes a file if it is there, and its folder if that is empty then."""
        path = self.root / relative
        path.unlink(missing_ok=True)
        if PurePosixPath(relative).parts[0] == _SAMPLES:
            try:
                path.parent.rmdir()
            except OSError:
                return

    def clean(self, listed: Collection[str], models: Collection[str]) -> int:
        """Deletes temporary files and whatever the manifest does not list; returns how many files."""
        unlisted = [path for path in (self.root / _TEMPORARY).iterdir() if path.is_file()]
        unlisted += [
            path
            for path in (self.root / _SAMPLES).rglob("*")
            if path.is_file() and path.relative_to(self.root).as_posix() not in listed
        ]
        unlisted += [
            path for path in (self.root / _MODELS).iterdir() if path.is_file() and path.stem not in models
        ]
        for path in unlisted:
            _log.info("removing %s, which nothing lists", path)
            self.remove(path.relative_to(self.root).as_posix())
        return len(unlisted)


def sha256_of(path: Path) -> str:
    """The SHA-256 of the file at `path`, as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
