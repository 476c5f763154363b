"""Lists again what sealed files tell of and the store does not: after a lost, an older or a broken store."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow.parquet as pq
import sqlalchemy as sa

from paretofleet_collector.config import Config
from paretofleet_collector.errors import CollectorError, StorageUnavailable
from paretofleet_collector.jobs.rebuild import summarize_again
from paretofleet_collector.lake import merged, samples
from paretofleet_collector.lake.address import address_of, open_lake
from paretofleet_collector.lake.files import Lake, sha256_of
from paretofleet_collector.lifecycle import rebuilding
from paretofleet_collector.model.entities import AttemptKey, Configuration
from paretofleet_collector.service.home import hold_home
from paretofleet_collector.service.lake_age import check_log, unlisted_files
from paretofleet_collector.store import Store, adopted, chunks, sealed
from paretofleet_collector.store.adopted import SealedRun
from paretofleet_collector.store.sealed import SealedFile


@dataclass(frozen=True)
class _Rows:
    """A run as a sealed file tells of it, with the place of its rows there."""

    run: SealedRun
    first_row: int
    count: int


def adopt(config: Config) -> Iterator[str]:
    """Moves what the store does not list to the orphans, and lists again what of them can be verified.

    `config` names the home, which no collector may hold. Yields a sentence for each file. Raises Refused and
    StorageUnavailable.
    """
    check_log(config)
    with hold_home(config.home):
        lake = open_lake(address_of(config.home, config.lake))
        store = Store.at(config.home, address=config.store)
        try:
            lake.set_aside(store.read_now(lambda connection: unlisted_files(connection, lake)))
            for path in lake.orphans():
                if path.endswith(".parquet"):
                    yield _adopt(store, lake, path)
        finally:
            store.close()


def _adopt(store: Store, lake: Lake, path: str) -> str:
    """Lists the runs of one orphan that can be; a sentence that says what became of it."""
    try:
        with lake.copy_of(path) as copy:
            parts, sha256, size = _read(copy), sha256_of(copy), copy.stat().st_size
            why_not = {part.run.key.run_id: _why_not(store, lake, copy, part) for part in parts}
    except StorageUnavailable:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, CollectorError) as error:
        return f"{path} stays: it cannot be verified ({error})"
    missing = [part for part in parts if not why_not[part.run.key.run_id]]
    if not missing:
        return f"{path} stays: {'; '.join(sorted(set(why_not.values())))[:500]}"
    place = str(PurePosixPath(*PurePosixPath(path).parts[1:]))
    if lake.has(place):
        return f"{path} stays: another file is in its place, {place}"
    lake.take_back(path, place)
    files = [
        SealedFile(place, part.run.key.run_id, part.run.key.attempt, sha256, size, part.count, part.first_row)
        for part in missing
    ]
    summaries = _list(store, lake, [part.run for part in missing], files)
    lacking = f", {summaries[False]} runs of it without a summary" if summaries[False] else ""
    return f"{place} is listed again ({len(missing)} of {len(parts)} runs){lacking}"


def _why_not(store: Store, lake: Lake, copy: Path, part: _Rows) -> str:
    """Why a run of the file of which `copy` is one is not listed again, empty if it may be.

    One that is listed in a file that is gone may be; one of which other samples are staged may not.
    """

    def work(connection: sa.Connection) -> str:
        listed = sealed.files_of_run(connection, part.run.key.run_id)
        if listed and not lake.has(listed[0].path) and listed[0].attempt == part.run.key.attempt:
            return ""
        return adopted.why_not(connection, part.run) or _differs(connection, copy, part)

    return store.read_now(work)


def _differs(connection: sa.Connection, path: Path, part: _Rows) -> str:
    """Which staged chunks of the attempt are not in its file, in one clause; empty where all are.

    The same number may have been granted again since, after an older backup was restored. Listing the file
    deletes what is staged.
    """
    key = part.run.key
    try:
        staged = samples.decode(chunks.staged(connection, key))
    except ValueError as error:
        return f"what is staged of run {key.run_id} cannot be read ({error})"
    whole = samples.read_parquet(path, part.first_row, part.count) if staged else {}
    others = [name for name, stream in staged.items() if not samples.begins_with(whole.get(name), stream)]
    if not others:
        return ""
    return (
        f"run {key.run_id} has other samples of attempt {key.attempt} in the store "
        f"({', '.join(sorted(others)[:3])})"
    )


def _list(
    store: Store, lake: Lake, adoptees: Sequence[SealedRun], files: Sequence[SealedFile]
) -> Counter[bool]:
    """Lists runs in their files, all or none of them; how many have a summary then, and how many have not.

    Of a file that is listed for some of its runs only, nobody would look for the others again.
    """

    def list_all(connection: sa.Connection) -> None:
        for run, file in zip(adoptees, files, strict=True):
            adopted.adopt(connection, run, file, time.time())

    store.submit(list_all).result()
    results = summarize_again(store.address, lake.address, [run.key.run_id for run in adoptees])

    def store_all(connection: sa.Connection) -> None:
        for run_id, result in results.items():
            rebuilding.store_summary(connection, run_id, result)

    store.submit(store_all).result()
    return Counter(result.get("summary") is not None for result in results.values())


def _read(path: Path) -> list[_Rows]:
    """The runs of a sealed file as it tells of them, every page read, so that a damaged one is seen."""
    listed = merged.read_abouts(path)
    if listed:
        for each in listed:
            samples.read_rows(path, each["first_row"], each["rows"])
        return [
            _Rows(
                _run(AttemptKey(each["run_id"], each["attempt"]), each["about"]),
                each["first_row"],
                each["rows"],
            )
            for each in listed
        ]
    streams = samples.read_parquet(path)
    first = pq.read_table(path, columns=["run_id", "attempt"]).slice(0, 1).to_pylist()
    if not first:
        raise CollectorError("it holds no samples")
    run = _run(AttemptKey(first[0]["run_id"], first[0]["attempt"]), samples.read_about(path))
    return [_Rows(run, 0, sum(stream.first.size for stream in streams.values()))]


def _run(key: AttemptKey, about: Mapping[str, Any]) -> SealedRun:
    json.loads(about["facts"])
    return SealedRun(
        key,
        about["sweep_id"],
        Configuration.from_json(about["configuration"]),
        int(about["block"]),
        about["facts"],
        json.loads(about.get("names", "{}")),
    )
