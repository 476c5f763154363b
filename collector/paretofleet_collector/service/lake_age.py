"""Whether the store is as old as its lake: files that it should list and does not are another store's."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import sqlalchemy as sa

from paretofleet_collector.config import LOCAL, SQLITE, Config
from paretofleet_collector.errors import Refused
from paretofleet_collector.lake.address import address_of, open_lake
from paretofleet_collector.lake.files import FOLDER, Lake, is_merged, samples_file
from paretofleet_collector.store import discarded, input_files, models, runs, sealed, sweeps
from paretofleet_collector.store.engine import FILE_NAME

_SHOWN = 3
#: What a collector seals; a file of another name was put there by somebody else.
_SEALED = re.compile(r"samples/[0-9a-f]{16}/[^/]+\.parquet")


def check_not_lost(config: Config) -> None:
    """Raises Refused where the home that `config` names has a lake with samples and no database at all.

    So too where only its log is left. Else an empty one would be made, which stands in the way of the right
    one. Raises StorageUnavailable where the lake is out of reach.
    """
    check_log(config)
    path = config.home / FILE_NAME
    if config.store != SQLITE or path.exists():
        return
    if config.lake != LOCAL or (config.home / FOLDER).is_dir():
        lake = open_lake(address_of(config.home, config.lake))
        check_age(str(path), lake, lake.unlisted((), ()), ())


def check_log(config: Config) -> None:
    """Raises Refused where of the database in the home that `config` names only the log is there.

    SQLite deletes a log that stands beside an empty database.
    """
    path = config.home / FILE_NAME
    log = path.with_name(f"{FILE_NAME}-wal")
    if config.store == SQLITE and not path.exists() and log.exists() and log.stat().st_size:
        raise Refused(
            f"{path} is missing and its log {log.name} is there, with what was acknowledged last: put the "
            "database back beside it, or move the log away."
        )


def unlisted_files(connection: sa.Connection, lake: Lake) -> list[str]:
    """The files of the `lake` that `connection` does not list, by their paths in it."""
    listed = {file.path for file in sealed.files(connection)} | set(discarded.before(connection))
    beside = {variant.sha256 for variant in models.listing(connection)}
    beside |= {file.sha256 for file in input_files.listing(connection)}
    return lake.unlisted(listed, beside)


def being_sealed(connection: sa.Connection) -> set[str]:
    """The files that runs which `connection` shows uploaded get: a crash may have left one unlisted."""
    return {
        samples_file(run.sweep_id, run.run_id, run.attempt) for run in runs.in_state(connection, "uploaded")
    }


def left_by_merging(connection: sa.Connection, lake: Lake, unlisted: Sequence[str]) -> set[str]:
    """The merged files of the `lake` among `unlisted` all of whose runs `connection` shows listed elsewhere.

    A crash between such a file and the change of the list leaves it.
    """
    files = [path for path in unlisted if is_merged(path)]
    if not files:
        return set()
    from paretofleet_collector.lake import merged  # brings pyarrow, which no other start of a collector needs

    listed = {(file.run_id, file.attempt) for file in sealed.files(connection)}
    left = set()
    for path in files:
        try:
            with lake.copy_of(path) as copy:
                runs_in = {(each["run_id"], each["attempt"]) for each in merged.read_abouts(copy)}
        except (OSError, ValueError, KeyError):
            continue
        if runs_in and runs_in <= listed:
            left.add(path)
    return left


def being_deleted(connection: sa.Connection, unlisted: Sequence[str]) -> set[str]:
    """Those of the files `unlisted` whose sweep `connection` shows half deleted."""
    hidden = set(sweeps.hidden(connection))
    return {path for path in unlisted if path.split("/")[1] in hidden}


def check_age(store: str, lake: Lake, unlisted: Sequence[str], expected: Collection[str]) -> None:
    """Raises Refused where the `lake` holds files that its store, the database `store`, knows nothing of.

    `unlisted` are the files that it does not list; of them those in `expected` are there after a crash.
    """
    strange = [path for path in unlisted if path not in expected and _SEALED.fullmatch(path)]
    if not strange:
        return
    examples = ", ".join(strange[:_SHOWN]) + (", ..." if len(strange) > _SHOWN else "")
    raise Refused(
        f"{store} is empty or older than its lake: it does not list {len(strange)} files of samples in "
        f"{lake.shown} ({examples}). Put the right database back, with the files -wal and -shm beside it, or "
        f"list the samples again with `paretofleet collector doctor --adopt --home {lake.root.parent}`."
    )
