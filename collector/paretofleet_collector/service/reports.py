"""What the command asks for about results: the report of a sweep, its samples, its summaries again."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from paretofleet_analysis.runs.summary import RULE_VERSION

from paretofleet_collector.errors import CollectorError, NotFound, StorageUnavailable
from paretofleet_collector.lake.files import is_merged
from paretofleet_collector.lifecycle import rebuilding
from paretofleet_collector.model.run_faults import together
from paretofleet_collector.model.views import Rebuilt
from paretofleet_collector.service import engines
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import retired, sealed, sweeps
from paretofleet_collector.store.retired import Retirement
from paretofleet_collector.store.sealed import SealedFile

#: So many summaries are stored at once, for others write, too.
REBUILD_BATCH = 200
#: So many faults are spelled out in one error, whose length the wire limits.
FAULTS_SHOWN = 5


async def report_file(context: Context, name: str) -> tuple[str, Path]:
    """The report of the sweep in `context` with a `name` or an id, as it stands; raises NotFound.

    Returns the report's name and a temporary file, which the caller deletes.
    """
    sweep = await context.store.read(lambda connection: sweeps.find(connection, name))
    path = await context.worker.run(
        "report", database=context.store.address, lake=context.lake.address, sweep_id=sweep.sweep_id
    )
    return f"{sweep.name}.parquet", Path(path)


async def sample_files(context: Context, name: str) -> AsyncIterator[tuple[str, Path]]:
    """The sealed files of the sweep in `context` with a `name` or an id: path to show, and where each lies.

    Each is checked before. What is damaged or was removed for its age is left out and, after all others,
    raised as CollectorError.
    Raises NotFound, also where there are none yet, and StorageUnavailable where the lake is out of reach.
    """

    def work(connection: sa.Connection) -> tuple[str, list[SealedFile], Retirement | None]:
        sweep = sweeps.find(connection, name)
        files = sealed.files(connection, sweep.sweep_id)
        return sweep.name, files, retired.of_sweep(connection, sweep.sweep_id)

    sweep_name, files, retirement = await context.store.read(work)
    if not files and retirement is not None:
        raise NotFound(f"Sweep '{sweep_name}' has no samples: {_sentence(retirement)}")
    if not files:
        raise NotFound(
            f"Sweep '{sweep_name}' has no sealed samples yet; see `paretofleet sweep watch {sweep_name}`."
        )
    faults = []
    verified: dict[tuple[str, str], Path] = {}
    for file in files:
        try:
            path, is_temporary = await _file_of_run(context, file, verified)
        except StorageUnavailable:
            raise
        except CollectorError as error:
            faults.append(f"run {file.run_id}: {error}")
            continue
        try:
            yield f"{sweep_name}/{file.run_id}-{file.attempt}.parquet", path
        finally:
            if is_temporary:
                path.unlink(missing_ok=True)
    removed = retirement.runs if retirement is not None else 0
    if faults or removed:
        reasons = together(faults)
        more = f" And {len(reasons) - FAULTS_SHOWN} more." if len(reasons) > FAULTS_SHOWN else ""
        said = [*([_sentence(retirement)] if retirement is not None else []), *reasons[:FAULTS_SHOWN]]
        raise CollectorError(
            f"{len(faults) + removed} of {len(files) + removed} files were left out: {' '.join(said)}{more}"
        )


async def run_file(context: Context, run_id: str) -> tuple[Path, bool]:
    """A file with the samples of the run `run_id` of `context` alone, and whether it is a copy to be deleted.

    Raises NotFound where there are none yet, and CollectorError where they are damaged.
    """
    files = await context.store.read(lambda connection: sealed.files_of_run(connection, run_id))
    if not files:
        removed_s = await context.store.read(lambda connection: retired.since(connection, run_id))
        if removed_s is not None:
            raise NotFound(f"The samples of run '{run_id}' were removed on {_day(removed_s)} for their age.")
        raise NotFound(f"Run '{run_id}' has no sealed samples yet.")
    return await _file_of_run(context, files[-1], {})


async def _file_of_run(
    context: Context, file: SealedFile, verified: dict[tuple[str, str], Path]
) -> tuple[Path, bool]:
    """A file with the samples of one run alone, and whether it is a copy to be deleted.

    Files in `verified` were checked before. One that was merged meanwhile is looked for where it is now.
    """
    try:
        path = await _verified(context, file, verified)
    except NotFound:
        listed = await context.store.read(lambda connection: sealed.files_of_run(connection, file.run_id))
        file = next((each for each in listed if each.attempt == file.attempt), file)
        path = await _verified(context, file, verified)
    if not is_merged(file.path):
        return path, False
    extracted = await context.worker.run(
        "extract",
        lake=context.lake.address,
        path=str(path),
        first_row=file.first_row,
        count=file.samples,
    )
    return Path(extracted), True


async def _verified(context: Context, file: SealedFile, verified: dict[tuple[str, str], Path]) -> Path:
    key = file.path, file.sha256
    if key not in verified or not verified[key].exists():
        verified[key] = await asyncio.to_thread(context.lake.verified, *key)
    return verified[key]


async def rebuild(context: Context, name: str, engine: str = engines.LOCAL) -> Rebuilt:
    """Computes every summary of a sweep again from its sealed samples and stores what comes out.

    The sweep in `context` with a `name` or an id; the `engine` is one of ENGINES, by default the collector's
    own process. Nothing is stored before all was computed. A run whose samples cannot be read or summarised
    keeps what it has and is named in the answer. Raises NotFound, Refused for an engine that is not here,
    CollectorError where it fails, StorageUnavailable where the disk is full or the lake out of reach.
    """

    def sealed_runs(connection: sa.Connection) -> tuple[str, list[str], Retirement | None]:
        sweep_id = sweeps.find(connection, name).sweep_id
        run_ids = [file.run_id for file in sealed.files(connection, sweep_id)]
        return sweep_id, run_ids, retired.of_sweep(connection, sweep_id)

    sweep_id, run_ids, retirement = await context.store.read(sealed_runs)
    computed = context.lake.temporary(".jsonl")
    try:
        async with engines.summarizer(context, engine) as summaries:
            faults = await _compute(summaries, run_ids, computed)
        changed = await _store(context, computed)
    except OSError as error:
        raise StorageUnavailable(
            f"{computed} cannot be written: {error.strerror or error}; see to the disk, nothing was changed."
        ) from error
    finally:
        computed.unlink(missing_ok=True)
    if changed:
        now = context.now()
        await context.store.write(lambda connection: rebuilding.settle_sweep(connection, sweep_id, now))
    kept = _sentence(retirement) if retirement is not None else ""
    return Rebuilt(len(run_ids), changed, RULE_VERSION, tuple(faults), kept)


async def _compute(summaries: engines.Summarizer, run_ids: Sequence[str], computed: Path) -> list[str]:
    """Writes what becomes of the runs `run_ids` to `computed`, a run a line; a sentence for each fault."""
    faults = []
    with computed.open("w", encoding="utf-8") as file:
        for start in range(0, len(run_ids), summaries.batch):
            results = await summaries.of(list(run_ids[start : start + summaries.batch]))
            unreadable = [run_id for run_id, result in results.items() if "unreadable" in result]
            if unreadable:  # their files may have been merged meanwhile
                results |= await summaries.of(unreadable)
            faults += [sentence for each in results.items() if (sentence := _fault(*each))]
            for each in results.items():
                file.write(json.dumps(each) + "\n")
    return faults


async def _store(context: Context, computed: Path) -> int:
    """Stores the results in the file `computed`, a batch in each transaction; how many changed anything."""
    changed = 0
    with computed.open(encoding="utf-8") as file:
        while lines := list(islice(file, REBUILD_BATCH)):

            def store(connection: sa.Connection, lines: list[str] = lines) -> int:
                return sum(rebuilding.store_summary(connection, *json.loads(line)) for line in lines)

            changed += await context.store.write(store)
    return changed


def _sentence(retirement: Retirement) -> str:
    """What is left of runs whose samples were removed."""
    rules = " and ".join(retirement.rule_versions)
    noun = "run" if retirement.runs == 1 else "runs"
    return (
        f"The samples of {retirement.runs} {noun} were removed for their age, last on "
        f"{_day(retirement.last_unix_s)}; their summaries by rule {rules} stay."
    )


def _day(unix_s: float) -> str:
    return f"{dt.datetime.fromtimestamp(unix_s, dt.UTC):%Y-%m-%d}"


def _fault(run_id: str, result: Mapping[str, Any]) -> str:
    """What kept a run from being computed again, in one sentence; empty where nothing did."""
    if "unreadable" in result:
        return f"run {run_id}: {result['unreadable']}"
    if result["summary"] is None:
        return f"run {run_id} cannot be summarised ({result['why_not']})"
    return ""
