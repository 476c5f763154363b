"""The way back from a backup, to whichever store and lake. It can be broken off and run again."""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import replace as with_
from pathlib import Path, PurePosixPath

from paretofleet_collector import config as configuration
from paretofleet_collector.config import SQLITE, Config
from paretofleet_collector.errors import CollectorError, Refused, StorageUnavailable
from paretofleet_collector.lake.address import address_of, open_lake
from paretofleet_collector.lake.files import FOLDER, Lake
from paretofleet_collector.service.copies import Contents, Copied, copy, copy_bytes, is_there, read_contents
from paretofleet_collector.service.home import RESTORING, hold_home, write_atomically
from paretofleet_collector.store.engine import FILE_NAME, open_writing, shown
from paretofleet_collector.store.transfer import copy_rows, is_empty


def restore(
    source: Path, home: Path, *, replace: bool = False, store: str | None = None, lake: str | None = None
) -> Copied:
    """Brings the backup in the folder `source` back to `home`, which no collector may hold.

    `store` and `lake` are addresses as in `collector.toml`, by default those in the backup's; a database that
    is not in the home must be empty. `replace` sets a database in the home aside, in `backups`. No file is
    overwritten: samples that differ from those of the backup become orphans, whatever else does goes to
    `backups`. What is there already and the same is not copied again. Raises Refused for a backup that is
    half-written or damaged, or a store that holds something, StorageUnavailable.
    """
    contents = read_contents(source)
    config = with_(configuration.load(source, store=store, lake=lake), home=home)
    _check_same("store", contents.store, shown(config.store), is_chosen=store is not None)
    _check_same("lake", contents.lake, config.lake, is_chosen=lake is not None)
    with hold_home(home):
        marker = home / RESTORING
        if not marker.exists():
            _check_free(config, replace=replace)
        open_lake(address_of(home, config.lake)).probe()
        write_atomically(marker, f"{source.absolute()}\n")
        try:
            copied = _bring_back(source, config, contents)
        except OSError as error:
            raise StorageUnavailable(
                f"{home} cannot be written, or {source} not read: {error}; run it again."
            ) from None
        marker.unlink()
    return Copied(len(contents.files), copied)


def _check_same(key: str, before: str, now: str, *, is_chosen: bool) -> None:
    """Raises Refused where a backup would go elsewhere than it came from, and nobody said so."""
    if before != now and not is_chosen:
        raise Refused(
            f"The collector of this backup had its {key} at '{before}', and by its configuration it would "
            f"go to '{now}'; say which with --{key} ADDRESS."
        )


def _check_free(config: Config, *, replace: bool) -> None:
    if config.store != SQLITE:
        if not is_empty(config.store):
            raise Refused(
                f"{shown(config.store)} holds a collector's state already; name an empty one with --store."
            )
    elif (config.home / FILE_NAME).exists() and not replace:
        raise Refused(
            f"{config.home} holds a collector's database already; name another folder with --home, or set "
            "it aside with --replace."
        )


def _bring_back(source: Path, config: Config, contents: Contents) -> int:
    """Copies all files, the store last; returns how many were not there already."""
    lake, copied = open_lake(address_of(config.home, config.lake)), 0
    for relative, sha256 in sorted(contents.files.items()):
        top, *rest = PurePosixPath(relative).parts
        if top == FOLDER:
            copied += _into_lake(lake, str(PurePosixPath(*rest)), source / relative, sha256)
        elif relative != FILE_NAME:
            _make_room(config.home, relative, sha256)
            copied += copy(source / relative, config.home / relative, sha256)
    if FILE_NAME in contents.files:
        copied += _into_store(config, source / FILE_NAME, contents.files[FILE_NAME])
    return copied


def _into_lake(lake: Lake, relative: str, source: Path, sha256: str) -> bool:
    """Puts a file of the backup in its place in the lake; False where it is there already."""
    actual = lake.checksum(relative)
    if actual == sha256:
        return False
    if not is_there(source, sha256):
        source.stat()
        raise CollectorError(f"{source} is damaged; bring back another backup.")
    if actual:
        lake.set_aside([relative])
    lake.put(relative, lambda path: copy_bytes(source, path))
    return True


def _into_store(config: Config, source: Path, sha256: str) -> bool:
    home = config.home
    if config.store == SQLITE:
        # A log that was left beside another database would be played into this one.
        if (home / FILE_NAME).exists() or any(home.glob(f"{FILE_NAME}-*")):
            set_database_aside(home)
        return copy(source, home / FILE_NAME, sha256)
    # A copy, for it may be of an older version, whose schema changes on the way.
    brought = home / "restored.sqlite3"
    for left in home.glob(f"{brought.name}*"):
        left.unlink()
    copy(source, brought, sha256)
    open_writing(brought).dispose()
    copy_rows(brought, config.store)
    for left in home.glob(f"{brought.name}*"):
        left.unlink()
    return True


def _make_room(home: Path, relative: str, sha256: str) -> None:
    """Sets aside what stands in the place of a file of the backup and is another one."""
    path = home / relative
    if path.exists() and not is_there(path, sha256):
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
