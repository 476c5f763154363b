"""What a backup consists of: files that are copied whole or not at all, and the list that makes it one."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from paretofleet_collector.config import LOCAL, SQLITE, Config
from paretofleet_collector.errors import CollectorError, Refused
from paretofleet_collector.lake.files import sha256_of
from paretofleet_collector.service.home import write_atomically
from paretofleet_collector.store.engine import shown

#: The list of a backup's files, which is written last: without it the backup is half-written.
CONTENTS = "backup.json"
_FORMAT = 2
_READ = frozenset({1, _FORMAT})
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Copied:
    """What a backup or a restore did: files in all, those that were copied, and what could not be."""

    files: int
    copied: int
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contents:
    """The files of a backup by their paths in it, with their SHA-256, and where its collector kept all."""

    files: dict[str, str]
    store: str = SQLITE
    lake: str = LOCAL


def write_contents(folder: Path, config: Config, files: dict[str, str]) -> None:
    """Makes `folder`, which holds `files` by path with their SHA-256, a backup of the collector of `config`.

    Raises StorageUnavailable.
    """
    document = {
        "format": _FORMAT,
        "made_unix_s": time.time(),
        "store": shown(config.store),
        "lake": config.lake,
        "files": files,
    }
    write_atomically(folder / CONTENTS, json.dumps(document, indent=1, sort_keys=True) + "\n")


def read_contents(folder: Path) -> Contents:
    """What the backup in `folder` holds; raises Refused where it is none, half-written or damaged."""
    try:
        document = json.loads((folder / CONTENTS).read_text(encoding="utf-8"))
        files = {str(path): str(sha256) for path, sha256 in document["files"].items()}
        places = str(document.get("store", SQLITE)), str(document.get("lake", LOCAL))
    except FileNotFoundError:
        raise Refused(
            f"{folder} is no finished backup ({CONTENTS} is missing); run `paretofleet collector backup` "
            "again, it goes on where it broke off."
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(f"{folder / CONTENTS} cannot be read: {error}.") from None
    strange = [path for path in files if Path(path).is_absolute() or ".." in Path(path).parts]
    if strange or document.get("format") not in _READ:
        raise Refused(
            f"{folder / CONTENTS} is not of this version or leaves its folder; nothing was restored."
        )
    return Contents(files, *places)


def is_there(path: Path, sha256: str) -> bool:
    """Whether `path` is a file with that `sha256` (64 hex digits)."""
    return path.is_file() and sha256_of(path) == sha256


def copy(source: Path, target: Path, sha256: str) -> bool:
    """Copies a file, which must have that `sha256`, whole or not at all; False where it is there already.

    A good copy at `target` counts whatever has become of `source`. Raises CollectorError for a file that is
    damaged, OSError.
    """
    if is_there(target, sha256):
        return False
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    copy_bytes(source, part)
    facts = source.stat()
    os.utime(part, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    if sha256_of(part) != sha256:
        part.unlink()
        raise CollectorError(
            f"{source} is damaged: its SHA-256 is not the one that is listed; it was left out."
        )
    sync(part)
    os.replace(part, target)
    return True


def copy_bytes(source: Path, target: Path) -> None:
    """Copies the bytes of `source` to the new file `target`, which is for its user alone; raises OSError."""
    # Keys are among them, and the folder may be one that others can look into.
    with source.open("rb") as file, open(target, "xb", opener=_private) as made:
        shutil.copyfileobj(file, made, _BLOCK_BYTES)


def sync(path: Path) -> None:
    """Has the system write the file `path` to its disk; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
