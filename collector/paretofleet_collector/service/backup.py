"""A copy of all that a collector keeps, and the way back from it. Both can be broken off and run again."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from paretofleet_collector.config import LOCAL, SQLITE, Config
from paretofleet_collector.errors import CollectorError, Refused, StorageUnavailable
from paretofleet_collector.lake.files import FOLDER, Lake, inputs_file, model_file, sha256_of
from paretofleet_collector.service.home import (
    ENDPOINT,
    ID,
    JOIN_ENDPOINT,
    RESTORING,
    hold_home,
    write_atomically,
)
from paretofleet_collector.store import input_files, models, sealed
from paretofleet_collector.store.engine import FILE_NAME, reading
from paretofleet_collector.store.sqlite import snapshot, without_log

#: The list of a backup's files, which is written last: without it the backup is half-written.
CONTENTS = "backup.json"
_FORMAT = 1
#: While files go (a sweep is deleted, small files are merged) the store is copied again, so often at most.
_PASSES = 3
_BLOCK_BYTES = 1 << 20
_NOT_KEPT = frozenset({FOLDER, "backups", "lock", ENDPOINT, JOIN_ENDPOINT, RESTORING})


@dataclass(frozen=True)
class Copied:
    """What a backup or a restore did: files in all, those that were copied, and what could not be."""

    files: int
    copied: int
    faults: tuple[str, ...] = ()


@dataclass
class _Contents:
    """Files by their paths below the home, with their SHA-256, and what is missing or damaged."""

    files: dict[str, str] = field(default_factory=dict)
    copied: int = 0
    faults: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def back_up(config: Config, target: Path) -> Copied:
    """Copies the home that `config` names to the folder `target`, also while its collector works.

    What is there already and the same is not copied again. A file that is damaged is left out and named.
    Raises Refused for a store that is no file or a `target` in the home, StorageUnavailable.
    """
    home = config.home
    if config.store != SQLITE:
        raise Refused(
            "The store is a PostgreSQL database; back it up with pg_dump, and copy the lake beside it."
        )
    if config.lake != LOCAL:
        raise Refused(
            "The lake is an object store; copy its bucket, and the database by `pg_dump` or SQLite."
        )
    if not (home / FILE_NAME).is_file():
        raise Refused(f"There is no collector's database in {home}; name its folder with --home.")
    if target.resolve().is_relative_to(home.resolve()):
        raise Refused(f"{target} is inside {home}; choose a folder on another disk.")
    if (target / FILE_NAME).exists() and _id_in(target) != _id_in(home):
        raise Refused(f"{target} holds the backup of another collector; choose another folder.")
    try:
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        (target / CONTENTS).unlink(missing_ok=True)
        copied = 0
        for _ in range(_PASSES):
            contents = _copy_all(home, target)
            copied += contents.copied
            if not contents.missing:
                break
    except OSError as error:
        raise StorageUnavailable(f"{target} cannot be written: {error.strerror}; run it again.") from None
    document = {"format": _FORMAT, "made_unix_s": time.time(), "files": contents.files}
    write_atomically(target / CONTENTS, json.dumps(document, indent=1, sort_keys=True) + "\n")
    faults = (*contents.faults, *(f"{path} is missing in the lake" for path in contents.missing))
    return Copied(len(contents.files), copied, faults)


def _id_in(folder: Path) -> str:
    path = folder / ID
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def _copy_all(home: Path, target: Path) -> _Contents:
    contents = _Contents()
    new = target / f"{FILE_NAME}.new"
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    snapshot(home / FILE_NAME, new)
    with reading(new) as connection:
        listed = {file.path: file.sha256 for file in sealed.files(connection)}
        listed |= {model_file(variant.sha256): variant.sha256 for variant in models.listing(connection)}
        listed |= {inputs_file(file.sha256): file.sha256 for file in input_files.listing(connection)}
    without_log(new)
    _sync(new)
    os.replace(new, target / FILE_NAME)
    contents.files[FILE_NAME] = sha256_of(target / FILE_NAME)
    for path, sha256 in sorted(listed.items()):
        _copy_listed(home, target, f"{FOLDER}/{path}", sha256, contents)
    for other in _others(home):
        relative = other.relative_to(home).as_posix()
        contents.files[relative] = sha256 = sha256_of(other)
        contents.copied += _copy(other, target / relative, sha256)
    return contents


def _copy_listed(home: Path, target: Path, relative: str, sha256: str, contents: _Contents) -> None:
    try:
        contents.copied += _copy(home / relative, target / relative, sha256)
    except FileNotFoundError:
        contents.missing.append(relative)
    except CollectorError as error:
        contents.faults.append(str(error))
    else:
        contents.files[relative] = sha256


def _others(home: Path) -> Iterator[Path]:
    """The configuration, the id, keys: every regular file that is neither the store's nor the lake's."""
    for path in sorted(home.rglob("*")):
        top = path.relative_to(home).parts[0]
        if (
            top not in _NOT_KEPT
            and not top.startswith(FILE_NAME)
            and path.is_file()
            and not path.is_symlink()
        ):
            yield path


def restore(source: Path, home: Path, *, replace: bool = False) -> Copied:
    """Brings the backup in the folder `source` back to `home`, which no collector may hold.

    `replace` sets a database that is there aside, in `backups`. No file is overwritten: samples that differ
    from those of the backup become orphans, whatever else does goes to `backups`. What is there already and
    the same is not copied again. Raises Refused for a backup that is half-written or damaged, or a home that
    holds a database, StorageUnavailable.
    """
    files = _contents_of(source)
    with hold_home(home):
        marker = home / RESTORING
        if (home / FILE_NAME).exists() and not marker.exists() and not replace:
            raise Refused(
                f"{home} holds a collector's database already; name another folder with --home, or set "
                "it aside with --replace."
            )
        write_atomically(marker, f"{source.absolute()}\n")
        copied = 0
        try:
            for relative in sorted(files, key=lambda path: (path == FILE_NAME, path)):
                _make_room(home, relative, files[relative])
                copied += _copy(source / relative, home / relative, files[relative])
        except OSError as error:
            raise StorageUnavailable(
                f"{home} cannot be written, or {source} not read: {error}; run it again."
            ) from None
        marker.unlink()
    return Copied(len(files), copied)


def _make_room(home: Path, relative: str, sha256: str) -> None:
    """Sets aside what stands in the place of a file of the backup and is another one."""
    path = home / relative
    if relative == FILE_NAME:
        # A log that was left beside another database would be played into this one.
        if path.exists() or any(home.glob(f"{FILE_NAME}-*")):
            set_database_aside(home)
    elif path.exists() and sha256_of(path) != sha256:
        if Path(relative).parts[0] == FOLDER:
            Lake(home / FOLDER).set_aside([str(Path(relative).relative_to(FOLDER))])
        else:
            target = _new_folder(home) / relative
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.replace(path, target)


def set_database_aside(home: Path) -> Path:
    """Moves the database of `home`, with the files beside it, to a new folder in `backups`; returns that."""
    folder = _new_folder(home)
    for path in sorted(home.glob(f"{FILE_NAME}*")):
        os.replace(path, folder / path.name)
    return folder


def _new_folder(home: Path) -> Path:
    """A folder in `backups` that nothing was set aside in yet, also within one second."""
    stamp = time.strftime("replaced-%Y%m%dT%H%M%S", time.gmtime())
    folder = home / "backups" / f"{stamp}-{secrets.token_hex(4)}"
    folder.mkdir(parents=True, mode=0o700)
    return folder


def _contents_of(source: Path) -> dict[str, str]:
    try:
        document = json.loads((source / CONTENTS).read_text(encoding="utf-8"))
        files = {str(path): str(sha256) for path, sha256 in document["files"].items()}
    except FileNotFoundError:
        raise Refused(
            f"{source} is no finished backup ({CONTENTS} is missing); run `paretofleet collector backup` "
            "again, it goes on where it broke off."
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(f"{source / CONTENTS} cannot be read: {error}.") from None
    strange = [path for path in files if Path(path).is_absolute() or ".." in Path(path).parts]
    if strange or document.get("format") != _FORMAT:
        raise Refused(
            f"{source / CONTENTS} is not of this version or leaves its folder; nothing was restored."
        )
    return files


def _copy(source: Path, target: Path, sha256: str) -> bool:
    """Copies a file, which must have that SHA-256, whole or not at all; False where it is there already.

    A good copy counts whatever has become of the source. Raises CollectorError for a file that is damaged,
    OSError.
    """
    if target.is_file() and sha256_of(target) == sha256:
        return False
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    # Keys are among them, and the folder may be one that others can look into.
    with source.open("rb") as file, open(part, "xb", opener=_private) as copy:
        shutil.copyfileobj(file, copy, _BLOCK_BYTES)
    facts = source.stat()
    os.utime(part, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    if sha256_of(part) != sha256:
        part.unlink()
        raise CollectorError(
            f"{source} is damaged: its SHA-256 is not the one that is listed; it was left out."
        )
    _sync(part)
    os.replace(part, target)
    return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
