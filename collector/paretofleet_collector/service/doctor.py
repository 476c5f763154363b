"""Looks at all that a collector keeps and says what is wrong; the collector may run meanwhile."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from paretofleet_collector.config import SQLITE, Config
from paretofleet_collector.errors import CollectorError, Refused, StorageUnavailable
from paretofleet_collector.jobs.seal import damage_in
from paretofleet_collector.lake.address import address_of, open_lake
from paretofleet_collector.lake.files import Lake, inputs_file, model_file
from paretofleet_collector.service import machine
from paretofleet_collector.service.home import RESTORING, hold_home
from paretofleet_collector.service.lake_age import unlisted_files
from paretofleet_collector.service.machine import Finding
from paretofleet_collector.service.restoring import set_database_aside
from paretofleet_collector.store import Store, chunks, clock, input_files, models, runs, sealed
from paretofleet_collector.store.engine import FILE_NAME, check_current, reading
from paretofleet_collector.store.salvage import salvage
from paretofleet_collector.store.sqlite import damage_of

_SHOWN = 5


def examine(config: Config) -> Iterator[Finding]:
    """What is found in the home that `config` names, the most harmful first."""
    home = config.home
    if (home / RESTORING).exists():
        yield Finding("restore", False, "a restore broke off; run the same `collector restore` again")
    if config.store == SQLITE:
        finding = _pages(home / FILE_NAME)
        yield finding
        if not finding.is_well:
            return
    latest = 0.0
    address = home / FILE_NAME if config.store == SQLITE else config.store
    try:
        with reading(address) as connection:
            check_current(connection, address)
            latest = clock.latest(connection)
            yield from _store(connection)
            yield from _lake_of(config, connection)
    except (Refused, StorageUnavailable) as error:
        yield Finding("store", False, str(error).rstrip("."))
    except sa.exc.SQLAlchemyError as error:
        yield Finding(
            "store", False, f"it cannot be read by this version ({error}); start the collector once"
        )
    yield from _folder(config)
    yield from machine.findings(config, latest)


def _pages(path: Path) -> Finding:
    if not path.is_file():
        return Finding("database", False, f"{path} is missing; name the collector's folder with --home")
    try:
        damage = damage_of(path, quick=False)
    except sqlite3.OperationalError as error:
        damage = f"it cannot be opened: {error}"
    fix = "bring a backup back with `collector restore DIR --replace`, or run `collector doctor --salvage`"
    return Finding("database", not damage, f"{damage}; {fix}" if damage else "pages and indexes are whole")


def _store(connection: sa.Connection) -> Iterator[Finding]:
    count, damaged = 0, []
    for key in chunks.attempts_staged(connection):
        staged = list(chunks.staged(connection, key))
        count += len(staged)
        damage = damage_in(staged, chunks.marks(connection, key))
        if damage:
            damaged.append(f"run {key.run_id}, attempt {key.attempt}: {damage}")
    yield Finding(
        "staged chunks", not damaged, _first(damaged) if damaged else f"{count} are as they were acknowledged"
    )
    without = runs.reasons(connection)
    lacking = [
        f"{number} runs are {'sealed without a summary' if reason == runs.NOT_SUMMARISED else 'damaged'}"
        for reason, number in sorted(without.items())
    ]
    yield Finding("runs", not lacking, "; ".join(lacking) or "every sealed run has its summary")


def _lake_of(config: Config, connection: sa.Connection) -> Iterator[Finding]:
    """What is found in the lake that `config` names; that it is out of reach, too."""
    try:
        lake = open_lake(address_of(config.home, config.lake))
        lake.look()
        yield from _lake(connection, lake)
    except StorageUnavailable as error:
        yield Finding("lake", False, str(error).rstrip("."))


def _lake(connection: sa.Connection, lake: Lake) -> Iterator[Finding]:
    listed = {file.path: file.sha256 for file in sealed.files(connection)}
    listed |= {model_file(variant.sha256): variant.sha256 for variant in models.listing(connection)}
    listed |= {inputs_file(file.sha256): file.sha256 for file in input_files.listing(connection)}
    wrong = []
    for path, sha256 in sorted(listed.items()):
        try:
            lake.check(path, sha256)
        except CollectorError as error:
            wrong.append(str(error))
    yield Finding("files", not wrong, _first(wrong) if wrong else f"{len(listed)} are what is listed")
    unlisted, orphans = unlisted_files(connection, lake), lake.orphans()
    fix = "`collector doctor --adopt` lists again what can be verified"
    yield Finding(
        "unlisted files",
        not unlisted,
        f"{len(unlisted)} are in the lake ({_first(unlisted)}); {fix}" if unlisted else "there are none",
    )
    if orphans:
        yield Finding(
            "orphans", False, f"{len(orphans)} are in {lake.shown + '/orphans'}; {fix}, or delete them"
        )


def _folder(config: Config) -> Iterator[Finding]:
    free = shutil.disk_usage(config.home).free
    yield Finding("disk", free >= config.disk_low_bytes, f"{free / 1e6:.0f} MB are free")
    if not os.access(config.home, os.W_OK) or os.statvfs(config.home).f_flag & os.ST_RDONLY:
        yield Finding("disk", False, f"{config.home} cannot be written")


def _first(sentences: list[str]) -> str:
    more = len(sentences) - _SHOWN
    return "; ".join(sentences[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")


def forget_clock(config: Config) -> None:
    """Forgets the latest time that the collector of `config` saw, by which certificates have expired.

    Raises Refused while a collector holds the home, StorageUnavailable.
    """
    with hold_home(config.home):
        store = Store.at(config.home, address=config.store)
        try:
            store.submit(clock.forget).result()
        finally:
            store.close()


def save_readable(config: Config) -> Counter[str]:
    """Makes a new database of what can be read of a damaged one, in the home that `config` names.

    The damaged one is set aside in `backups`. Returns by table how many rows are lost. Raises Refused while a
    collector holds the home, StorageUnavailable.
    """
    with hold_home(config.home):
        path, new = config.home / FILE_NAME, config.home / "salvaged.sqlite3"
        if not path.is_file():
            raise Refused(f"There is no database {path}; the ones that were replaced are in its `backups`.")
        for each in config.home.glob(f"{new.name}*"):
            each.unlink()
        Store(new).close()
        lost = Counter({each.table: each.lost for each in salvage(path, new)})
        set_database_aside(config.home)
        os.replace(new, path)
    return +lost
