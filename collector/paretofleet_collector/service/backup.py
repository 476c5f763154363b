"""A copy of all that a collector keeps, wherever it keeps it. It can be broken off and run again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from paretofleet_collector.config import SQLITE, Config
from paretofleet_collector.errors import CollectorError, NotFound, Refused, StorageUnavailable
from paretofleet_collector.lake.address import CACHE, address_of, open_lake
from paretofleet_collector.lake.files import FOLDER, Lake, inputs_file, model_file, sha256_of
from paretofleet_collector.service.copies import CONTENTS, Copied, copy, is_there, sync, write_contents
from paretofleet_collector.service.home import ENDPOINT, ID, JOIN_ENDPOINT, RESTORING
from paretofleet_collector.store import input_files, models, sealed
from paretofleet_collector.store.engine import FILE_NAME, check_current, reading
from paretofleet_collector.store.sqlite import snapshot, without_log
from paretofleet_collector.store.transfer import copy_rows

#: While files go (a sweep is deleted, small files are merged) the store is copied again, so often at most.
_PASSES = 3
_NOT_KEPT = frozenset({FOLDER, CACHE, "backups", "lock", ENDPOINT, JOIN_ENDPOINT, RESTORING})


@dataclass
class _Kept:
    """Files by their paths in the backup, with their SHA-256, and what is missing or damaged."""

    files: dict[str, str] = field(default_factory=dict)
    copied: int = 0
    faults: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def back_up(config: Config, target: Path) -> Copied:
    """Copies what the collector of `config` keeps to the folder `target`, also while it works.

    The store becomes a SQLite file, whichever it is. What is there already and the same is not copied again.
    A file that is damaged is left out and named. Raises Refused where there is no collector or `target` is in
    its home, StorageUnavailable.
    """
    home = config.home
    if config.store == SQLITE and not (home / FILE_NAME).is_file():
        raise Refused(f"There is no collector's database in {home}; name its folder with --home.")
    if not home.is_dir():
        raise Refused(f"There is no folder {home}; name the collector's with --home.")
    if target.resolve().is_relative_to(home.resolve()):
        raise Refused(f"{target} is inside {home}; choose a folder on another disk.")
    if (target / FILE_NAME).exists() and _id_in(target) != _id_in(home):
        raise Refused(f"{target} holds the backup of another collector; choose another folder.")
    lake = open_lake(address_of(home, config.lake))
    # Before the last backup in the folder ceases to be one.
    lake.look()
    if config.store != SQLITE:
        with reading(config.store) as connection:
            check_current(connection, config.store)
    try:
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        (target / CONTENTS).unlink(missing_ok=True)
        copied = 0
        for _ in range(_PASSES):
            kept = _copy_all(config, lake, target)
            copied += kept.copied
            if not kept.missing:
                break
    except OSError as error:
        raise StorageUnavailable(f"{target} cannot be written: {error.strerror}; run it again.") from None
    write_contents(target, config, kept.files)
    faults = (*kept.faults, *(f"{path} is missing in the lake" for path in kept.missing))
    return Copied(len(kept.files), copied, faults)


def _id_in(folder: Path) -> str:
    path = folder / ID
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def _copy_all(config: Config, lake: Lake, target: Path) -> _Kept:
    kept = _Kept()
    listed = _copy_store(config, target)
    kept.files[FILE_NAME] = sha256_of(target / FILE_NAME)
    for path, sha256 in sorted(listed.items()):
        _copy_listed(lake, path, target, sha256, kept)
    for other in _others(config.home):
        relative = other.relative_to(config.home).as_posix()
        kept.files[relative] = sha256 = sha256_of(other)
        kept.copied += copy(other, target / relative, sha256)
    return kept


def _copy_store(config: Config, target: Path) -> dict[str, str]:
    """Puts the store as it is now into the backup, as one SQLite file without a log beside it.

    Returns the files of the lake that it lists, with their SHA-256.
    """
    new = target / f"{FILE_NAME}.new"
    _remove(target, new.name)
    new.touch(mode=0o600)
    try:
        if config.store == SQLITE:
            snapshot(config.home / FILE_NAME, new)
        else:
            copy_rows(config.store, new)
        with reading(new) as connection:
            listed = {file.path: file.sha256 for file in sealed.files(connection)}
            listed |= {model_file(variant.sha256): variant.sha256 for variant in models.listing(connection)}
            listed |= {inputs_file(file.sha256): file.sha256 for file in input_files.listing(connection)}
        without_log(new)
        sync(new)
        os.replace(new, target / FILE_NAME)
    except BaseException:
        _remove(target, new.name)
        raise
    return listed


def _remove(folder: Path, name: str) -> None:
    """Removes the half-made database `name` from the `folder`, with what stands beside it."""
    for left in folder.glob(f"{name}*"):
        left.unlink()


def _copy_listed(lake: Lake, path: str, target: Path, sha256: str, kept: _Kept) -> None:
    relative = f"{FOLDER}/{path}"
    try:
        if not is_there(target / relative, sha256):
            with lake.copy_of(path) as source:
                kept.copied += copy(source, target / relative, sha256)
    except (NotFound, FileNotFoundError):
        kept.missing.append(relative)
    except StorageUnavailable:
        raise
    except CollectorError:
        kept.faults.append(
            f"{path} is damaged in the lake {lake.shown}: its SHA-256 is not the one that is listed; it was "
            "left out."
        )
    else:
        kept.files[relative] = sha256


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
