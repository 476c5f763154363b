"""The lake: sealed samples and model files under one root, by relative paths.

A file appears whole or not at all: it is written under `tmp/`, synced, renamed, and its folder synced. What
nothing lists goes to `orphans/`, never away: the list may be the one that is wrong.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from paretofleet_collector.errors import CollectorError, NotFound, StorageUnavailable

FOLDER = "lake"
ORPHANS = "orphans"
SAMPLES = "samples"
MANIFESTS = "manifest"
_TEMPORARY, _MODELS = "tmp", "models"
_MERGED = "merged-"
_log = logging.getLogger(__name__)


def samples_file(sweep_id: str, run_id: str, attempt: int) -> str:
    """Where in the lake the samples of attempt number `attempt` of run `run_id` in sweep `sweep_id` stand."""
    return f"{SAMPLES}/{sweep_id}/{run_id}-{attempt}.parquet"


def merged_file(sweep_id: str) -> str:
    """A new place in the lake for a file with the samples of several runs of the sweep `sweep_id`."""
    return f"{SAMPLES}/{sweep_id}/{_MERGED}{secrets.token_hex(8)}.parquet"


def is_merged(relative: str) -> bool:
    """Whether the file `relative` holds several runs."""
    return PurePosixPath(relative).name.startswith(_MERGED)


def manifest_file(sweep_id: str) -> str:
    """Where in the lake the manifest of the sweep `sweep_id` stands."""
    return f"{MANIFESTS}/{sweep_id}.parquet"


def model_file(sha256: str) -> str:
    """Where in the lake the model file with that `sha256` (64 hex digits) stands, a tflite file too.

    Files are found by the hash alone, and stores hold their names: its content says which format it has.
    """
    return f"{_MODELS}/{sha256}.onnx"


def inputs_file(sha256: str) -> str:
    """Where in the lake the file of samples with that `sha256` (64 hex digits) stands: beside the models."""
    return f"{_MODELS}/{sha256}.npz"


@dataclass(frozen=True)
class OrphanFile:
    """A file that nothing listed: its path in the lake, its size, and since when it stands there."""

    path: str
    size_bytes: int
    since_unix_s: float


class Lake:
    """A lake in a local folder. Paths that are `str` are relative to `root`, with forward slashes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        with _writing(root):
            for name in (_TEMPORARY, SAMPLES, _MODELS):
                (root / name).mkdir(parents=True, exist_ok=True)

    @property
    def address(self) -> str:
        """What `open_lake` takes to open this lake in another process."""
        return str(self.root)

    @property
    def shown(self) -> str:
        """Where the lake is, for people."""
        return str(self.root)

    def model_path(self, sha256: str) -> Path:
        """Where the file of a model lies on this machine."""
        return self.local_path(model_file(sha256))

    def local_path(self, relative: str) -> Path:
        """Where the file `relative`, which is called by its SHA-256, lies on this machine."""
        return self.root / relative

    def temporary(self, suffix: str = "") -> Path:
        """A new path under `tmp/`, which is emptied at every start."""
        return self.root / _TEMPORARY / f"{secrets.token_hex(8)}{suffix}"

    def put(self, relative: str, write: Callable[[Path], None]) -> Path:
        """Has `write` fill a temporary file and puts it in its place; nothing is left when that fails.

        Raises StorageUnavailable where the system does not let it, and what `write` raises beside that.
        """
        path = self.temporary()
        try:
            with _writing(self.root):
                write(path)
            return self.commit(path, relative)
        finally:
            with _writing(self.root):
                path.unlink(missing_ok=True)

    def commit(self, temporary: Path, relative: str) -> Path:
        """Syncs a file under `tmp/` and renames it to its place; raises StorageUnavailable."""
        target = self.root / relative
        with _writing(self.root):
            if not target.parent.is_dir():
                target.parent.mkdir(parents=True, exist_ok=True)
                _sync(target.parent.parent)
            _sync(temporary)
            os.replace(temporary, target)
            _sync(target.parent)
        return target

    def probe(self) -> None:
        """Writes and syncs a small file, and removes it; raises StorageUnavailable where that fails."""
        path = self.temporary()
        try:
            with _writing(self.root):
                path.write_bytes(b"paretofleet")
                _sync(path)
        finally:
            with _writing(self.root):
                path.unlink(missing_ok=True)

    def look(self) -> None:
        """Sees that the lake can be read at all: a folder was made when it was opened."""

    def remove(self, relative: str) -> None:
        """Deletes a file if it is there, and its folder if that is empty then."""
        path = self.root / relative
        path.unlink(missing_ok=True)
        self._remove_folder(path.parent)

    def has(self, relative: str) -> bool:
        """Whether there is a file `relative`."""
        return (self.root / relative).is_file()

    def size_bytes(self, relative: str) -> int:
        """The size of the file `relative`, 0 where there is none."""
        path = self.root / relative
        return path.stat().st_size if path.is_file() else 0

    def checksum(self, relative: str) -> str:
        """The SHA-256 of the file `relative` as the lake has it now, as 64 hex digits; empty without one.

        Raises CollectorError where it cannot be read.
        """
        path = self.root / relative
        try:
            return sha256_of(path)
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise CollectorError(f"{path} cannot be read: {error.strerror or error}.") from None

    def check(self, relative: str, sha256: str) -> None:
        """Raises NotFound where the lake lacks the file `relative`.

        Raises CollectorError where it has another `sha256` (64 hex digits) than was listed.
        """
        check_sum(self.shown, relative, self.checksum(relative), sha256)

    def verified(self, relative: str, sha256: str) -> Path:
        """Where the file `relative` lies, whose content must have that `sha256` (64 hex digits).

        Raises NotFound when it is missing and CollectorError when it is not what was listed.
        """
        self.check(relative, sha256)
        return self.root / relative

    @contextmanager
    def copy_of(self, relative: str) -> Iterator[Path]:
        """A path on this machine with the bytes of the file `relative`, whatever they are, for a while.

        Raises NotFound when it is missing.
        """
        if not self.has(relative):
            check_sum(self.shown, relative, "", "")
        yield self.root / relative

    def unlisted(self, listed: Collection[str], models: Collection[str]) -> list[str]:
        """The files of samples that are not `listed` and beside them whose SHA-256 is not among `models`."""
        samples = [path for path in (self.root / SAMPLES).rglob("*") if path.is_file()]
        unlisted = [self._relative(path) for path in samples if self._relative(path) not in listed]
        unlisted += [
            self._relative(path)
            for path in (self.root / _MODELS).iterdir()
            if path.is_file() and path.stem not in models
        ]
        return sorted(unlisted)

    def files_below(self, folder: str) -> list[str]:
        """The paths of all files below the `folder` of the lake."""
        return sorted(self._relative(path) for path in (self.root / folder).rglob("*") if path.is_file())

    def merged_files(self, sweep_id: str) -> list[str]:
        """The files that hold several runs of the sweep `sweep_id`, listed or not."""
        return sorted(self._relative(path) for path in (self.root / SAMPLES / sweep_id).glob(f"{_MERGED}*"))

    def set_aside(self, unlisted: Collection[str]) -> None:
        """Moves the files `unlisted` to `orphans/`, below their old path; raises StorageUnavailable."""
        for relative in unlisted:
            target = self.root / ORPHANS / relative
            with _writing(self.root):
                target.parent.mkdir(parents=True, exist_ok=True)
                if target.exists():
                    target = target.with_name(f"{target.stem}.{secrets.token_hex(4)}{target.suffix}")
                os.replace(self.root / relative, target)
                _sync(target.parent)
            _log.info("nothing lists %s: it was moved to %s", relative, target)
            self._remove_folder((self.root / relative).parent)

    def take_back(self, orphan: str, relative: str) -> None:
        """Moves the file `orphan` to its place `relative`; raises StorageUnavailable."""
        target = self.root / relative
        with _writing(self.root):
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(self.root / orphan, target)
            _sync(target.parent)

    def orphans(self) -> list[str]:
        """The files that nothing listed, below `orphans/`."""
        return sorted(each.path for each in self.orphan_files())

    def orphan_files(self) -> list[OrphanFile]:
        """The files that nothing listed, with their sizes and since when they are orphans."""
        paths = [path for path in (self.root / ORPHANS).rglob("*") if path.is_file()]
        # A rename changes the time of the entry, not that of the content.
        return [OrphanFile(self._relative(path), path.stat().st_size, path.stat().st_ctime) for path in paths]

    def empty_temporary(self) -> None:
        """Deletes what a start before this one left under `tmp/`; raises StorageUnavailable."""
        with _writing(self.root):
            for path in (self.root / _TEMPORARY).iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
                elif path.is_file():
                    path.unlink()

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def _remove_folder(self, folder: Path) -> None:
        if PurePosixPath(self._relative(folder)).parts[0] == SAMPLES and folder != self.root / SAMPLES:
            try:
                folder.rmdir()
            except OSError:
                return


def check_sum(lake: str, relative: str, actual: str, sha256: str) -> None:
    """Raises NotFound where the file `relative` of a `lake`, as people call it, is missing.

    Its SHA-256 is `actual` then, the empty text; CollectorError where that is not the `sha256` listed.
    """
    if not actual:
        raise NotFound(f"{relative} is missing in the lake {lake}; put it back from a backup.")
    if actual != sha256:
        raise CollectorError(
            f"{relative} is damaged in the lake {lake}: its SHA-256 is not that of the file which was "
            "listed; put it back from a backup."
        )


def sha256_of(path: Path) -> str:
    """The SHA-256 of the file at `path`, as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _writing(root: Path) -> Iterator[None]:
    """What the system refuses while something is written is a StorageUnavailable that says so."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageUnavailable(
            f"The collector cannot write in {root}: {reason}; see to the disk, nothing is lost meanwhile."
        ) from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
