"""A lake in an object store: S3, or what speaks its protocol.

An object appears whole or not at all, and is read back before anybody lists it. A folder on this machine
holds what is being written, the models, and the samples that were used last.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qsl, urlsplit

from pyarrow import fs

from paretofleet_collector.errors import NotFound, Refused, StorageUnavailable
from paretofleet_collector.lake.files import (
    ORPHANS,
    SAMPLES,
    Lake,
    OrphanFile,
    check_sum,
    is_merged,
    sha256_of,
)
from paretofleet_collector.lake.object_errors import no_bucket, unavailable
from paretofleet_collector.suggest import did_you_mean

SCHEME = "s3://"
#: So much of the samples is kept on this machine, the longest unused goes first.
CACHE_MAX_BYTES = 4 << 30
#: While all goes well the store is asked this often whether it answers.
PROBE_S = 30.0
_OPTIONS = ("endpoint_override", "region", "scheme", "tls_ca_file_path")
_CONNECT_S = 5.0
_PART_BYTES = 1 << 20
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ObjectUrl:
    """Where objects are: the bucket with the prefix in it, and how the store is spoken to."""

    place: str
    options: dict[str, str]

    @property
    def shown(self) -> str:
        """The place as people write it."""
        return SCHEME + self.place

    @property
    def bucket(self) -> str:
        """The bucket alone."""
        return self.place.partition("/")[0]


def parse_url(text: str) -> ObjectUrl:
    """What `s3://BUCKET/PREFIX?endpoint_override=HOST:PORT&scheme=http` says; raises Refused.

    `text` holds no credentials: those come from the environment or from `~/.aws/credentials`.
    """
    try:
        parts = urlsplit(text)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise Refused("The address of the lake cannot be read; write s3://BUCKET/PREFIX.") from None
    if "@" in parts.netloc or {"access_key", "secret_key"} & options.keys():
        raise Refused(
            "The address of the lake must not hold credentials; set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or write them into ~/.aws/credentials."
        )
    for name in options:
        if name not in _OPTIONS:
            raise Refused(
                f"The address of the lake has an unknown option '{name}'; {did_you_mean(name, _OPTIONS)}"
            )
    prefix = parts.path.strip("/")
    if not parts.netloc or any(part in ("", ".", "..") for part in prefix.split("/") if prefix):
        raise Refused(f"'{text}' names no place in a bucket; write s3://BUCKET/PREFIX.")
    return ObjectUrl(f"{parts.netloc}/{prefix}".rstrip("/"), options)


class ObjectLake(Lake):
    """A lake whose files are objects; each has its path below the prefix."""

    def __init__(self, address: str, folder: Path) -> None:
        """Opens the lake at `address` (s3://...); `folder` is this machine's. Raises Refused.

        No store is spoken to before the first file.
        """
        super().__init__(folder)
        self._url = parse_url(address)
        self._written = address
        self._store = fs.S3FileSystem(
            connect_timeout=_CONNECT_S,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=3),
            **self._url.options,
        )
        self._asked_s = float("-inf")

    @property
    def address(self) -> str:
        """What `open_lake` takes to open this lake in another process."""
        return f"{self._written}#{self.root}"

    @property
    def shown(self) -> str:
        """Where the lake is, for people."""
        return self._url.shown

    def local_path(self, relative: str) -> Path:
        """Where `relative`, called by its SHA-256, lies here, fetched if need be; it may be missing."""
        path = super().local_path(relative)
        if not path.exists():
            try:
                return self.verified(relative, path.stem)
            except NotFound:
                return path
        return path

    def commit(self, temporary: Path, relative: str) -> Path:
        """Puts a file under `tmp/` into the store and reads it back; raises StorageUnavailable.

        Returns where a copy stays on this machine.
        """
        sha256 = sha256_of(temporary)
        with self._speaking():
            if self._sum(relative) != sha256:
                self._put(temporary, relative)
                if self._sum(relative) != sha256:
                    raise StorageUnavailable(
                        f"The lake {self.shown} gave back other bytes than it took for {relative}; nothing "
                        "was listed, the file is put again."
                    )
        path = super().commit(temporary, relative)
        self._trim()
        return path

    def probe(self) -> None:
        """Sees that a file can be written on this machine and that the store answers.

        Raises StorageUnavailable. While all goes well the store is asked every PROBE_S seconds.
        """
        super().probe()
        if time.monotonic() - self._asked_s < PROBE_S:
            return
        with self._speaking():
            self.look()
            relative = f"probe/{secrets.token_hex(8)}"
            with self._store.open_output_stream(self._key(relative)) as stream:
                stream.write(b"paretofleet")
            self._store.delete_file(self._key(relative))
        self._asked_s = time.monotonic()

    def look(self) -> None:
        """Sees that the store answers, takes the keys and has the bucket; raises StorageUnavailable."""
        with self._speaking():
            if self._store.get_file_info(self._url.bucket).type is fs.FileType.NotFound:
                self._asked_s = float("-inf")
                raise no_bucket(self._url.bucket)

    def remove(self, relative: str) -> None:
        """Deletes an object if it is there, and its copy; raises StorageUnavailable."""
        with self._speaking():
            if self.has(relative):
                self._store.delete_file(self._key(relative))
            else:
                self.look()
        super().remove(relative)

    def has(self, relative: str) -> bool:
        """Whether there is an object `relative`; raises StorageUnavailable."""
        with self._speaking():
            return bool(self._store.get_file_info(self._key(relative)).type is fs.FileType.File)

    def size_bytes(self, relative: str) -> int:
        """The size of the object `relative`, 0 where there is none; raises StorageUnavailable."""
        with self._speaking():
            return int(self._store.get_file_info(self._key(relative)).size or 0)

    def checksum(self, relative: str) -> str:
        """The SHA-256 of the object `relative` as the store has it now; empty without one.

        Raises StorageUnavailable.
        """
        return self._present(self._sum(relative))

    def verified(self, relative: str, sha256: str) -> Path:
        """Where a copy of `relative` lies on this machine, whose content must have that `sha256`.

        It is fetched if need be. Raises NotFound when it is missing, CollectorError when it is not what was
        listed, StorageUnavailable when the store is out of reach.
        """
        path = self.root / relative
        if path.exists() and sha256_of(path) == sha256:
            os.utime(path)
            return path
        temporary = self.temporary()
        try:
            actual = self._present(self._fetch(relative, temporary))
            check_sum(self.shown, relative, actual, sha256)
            return super().commit(temporary, relative)
        finally:
            temporary.unlink(missing_ok=True)
            self._trim()

    @contextmanager
    def copy_of(self, relative: str) -> Iterator[Path]:
        """A path on this machine with the bytes of the object `relative`, whatever they are, for a while.

        Raises NotFound when it is missing, StorageUnavailable.
        """
        temporary = self.temporary(Path(relative).suffix)
        try:
            if not self._present(self._fetch(relative, temporary)):
                check_sum(self.shown, relative, "", "")
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    def unlisted(self, listed: Collection[str], models: Collection[str]) -> list[str]:
        """The objects of samples that are not `listed` and of models whose SHA-256 is not among `models`.

        Raises StorageUnavailable.
        """
        samples = [each for each in self._below(SAMPLES) if each not in listed]
        return sorted(samples + [each for each in self._below("models") if Path(each).stem not in models])

    def files_below(self, folder: str) -> list[str]:
        """The paths of all objects below the `folder` of the lake; raises StorageUnavailable."""
        return sorted(self._below(folder))

    def merged_files(self, sweep_id: str) -> list[str]:
        """The objects that hold several runs of the sweep `sweep_id`, listed or not.

        Raises StorageUnavailable.
        """
        return sorted(filter(is_merged, self._below(f"{SAMPLES}/{sweep_id}")))

    def set_aside(self, unlisted: Collection[str]) -> None:
        """Moves the objects `unlisted` to `orphans/`, below their old path; raises StorageUnavailable."""
        for relative in unlisted:
            target = f"{ORPHANS}/{relative}"
            if self.has(target):
                path = PurePosixPath(target)
                target = str(path.with_name(f"{path.stem}.{secrets.token_hex(4)}{path.suffix}"))
            self._move(relative, target)
            _log.warning("nothing lists %s: it was moved to %s/%s", relative, self.shown, target)

    def take_back(self, orphan: str, relative: str) -> None:
        """Moves the object `orphan` to its place `relative`; raises StorageUnavailable."""
        self._move(orphan, relative)

    def orphan_files(self) -> list[OrphanFile]:
        """The objects that nothing listed, with their sizes and since when they are orphans.

        Raises StorageUnavailable.
        """
        return [
            OrphanFile(self._relative_key(info), info.size, info.mtime.timestamp())
            for info in self._infos(ORPHANS)
        ]

    def _key(self, relative: str) -> str:
        return f"{self._url.place}/{relative}"

    def _infos(self, folder: str) -> list[fs.FileInfo]:
        with self._speaking():
            selector = fs.FileSelector(self._key(folder), recursive=True, allow_not_found=True)
            infos = [info for info in self._store.get_file_info(selector) if info.type is fs.FileType.File]
            if not infos:
                self.look()
            return infos

    def _relative_key(self, info: fs.FileInfo) -> str:
        return str(info.path[len(self._url.place) + 1 :])

    def _below(self, folder: str) -> list[str]:
        return [self._relative_key(info) for info in self._infos(folder)]

    def _move(self, relative: str, target: str) -> None:
        """Copies an object within the store, and deletes it once the copy has its bytes."""
        with self._speaking():
            self._copy(relative, target)
            if self.checksum(target) != self.checksum(relative):
                raise StorageUnavailable(
                    f"The lake {self.shown} made a copy of {relative} that differs; nothing was deleted."
                )
            self._store.delete_file(self._key(relative))
        (self.root / relative).unlink(missing_ok=True)

    def _copy(self, relative: str, target: str) -> None:
        """Copies an object within the store."""
        self._store.copy_file(self._key(relative), self._key(target))

    def _put(self, path: Path, relative: str) -> None:
        """Writes an object. What breaks off in the middle may leave a part: nobody lists it unread."""
        with path.open("rb") as source, self._store.open_output_stream(self._key(relative)) as stream:
            while part := source.read(_PART_BYTES):
                stream.write(part)

    def _sum(self, relative: str) -> str:
        """The SHA-256 of an object as the store has it now, empty without one."""
        return self._fetch(relative, Path(os.devnull))

    def _present(self, sha256: str) -> str:
        """The `sha256` that an object has, empty without one.

        Raises StorageUnavailable where it is not there because the whole bucket is not.
        """
        if not sha256:
            self.look()
        return sha256

    def _fetch(self, relative: str, target: Path) -> str:
        """Writes an object to `target`, a new file or the null device; its SHA-256, empty without one."""
        with self._speaking():
            if not self.has(relative):
                return ""
            digest = hashlib.sha256()
            with self._store.open_input_stream(self._key(relative)) as stream, target.open("wb") as copy:
                while part := stream.read(_PART_BYTES):
                    digest.update(part)
                    copy.write(part)
        return digest.hexdigest()

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """What the store or the way to it refuses is a StorageUnavailable that says so."""
        try:
            yield
        except OSError as error:
            self._asked_s = float("-inf")
            raise unavailable(error, self.shown, self._url.bucket) from error

    def _trim(self) -> None:
        """Removes the copies of samples that were not used for longest, beyond CACHE_MAX_BYTES."""
        copies = [path for path in (self.root / SAMPLES).rglob("*") if path.is_file()]
        facts = sorted(
            ((path.stat(), path) for path in copies), key=lambda each: each[0].st_mtime, reverse=True
        )
        kept = 0
        for stat, path in facts:
            kept += stat.st_size
            if kept > CACHE_MAX_BYTES:
                path.unlink(missing_ok=True)
