"""Merges small sealed files in the background, and deletes files that nothing needs any more."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

import sqlalchemy as sa

from paretofleet_collector.errors import CollectorError, NotFound
from paretofleet_collector.jobs.worker import Worker
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import discarded, sealed, sweeps
from paretofleet_collector.store.sealed import SealedFile

#: About 64 MiB at 6 bytes a sample; a file with at least half of it stays as it is.
FULL_SAMPLES = 10_000_000
#: So many files are merged at once, for each is a statement of one transaction.
FILES_MAX = 500
#: Whoever knew an old file has read it by then, or looks for the new one.
GRACE_S = 60.0
LOOK_S = 30.0
_log = logging.getLogger(__name__)


class Merger:
    """Merges in `context` by the `worker` that also seals."""

    def __init__(self, context: Context, worker: Worker) -> None:
        self._context = context
        self._worker = worker
        #: Files that are not what was listed; said once and left alone.
        self._damaged: set[str] = set()

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.merge_due()
                await delete_discarded(self._context)
            except Exception as error:  # noqa: BLE001 - it only saves space, and must not end the collector
                _log.warning("merging waits: %s", error, exc_info=not isinstance(error, CollectorError))

    async def merge_due(self) -> int:
        """Merges until nothing is left to merge; returns how many files went into others."""
        count = 0
        async with self._context.neighbours.claimed("merge") as is_own:
            while is_own and (group := await self._context.store.read(self._next_group)):
                count += await self._merge(group)
        return count

    def _next_group(self, connection: sa.Connection) -> list[SealedFile]:
        """Runs of small files of one sweep that go into one file, empty where there are none."""
        by_sweep: dict[str, dict[str, list[SealedFile]]] = defaultdict(lambda: defaultdict(list))
        for sweep_id, file in sealed.small(connection, FULL_SAMPLES // 2):
            if file.path not in self._damaged:
                by_sweep[sweep_id][file.path].append(file)
        for sweep_id, files in by_sweep.items():
            group = _first_group([runs for runs in files.values() if _is_whole(runs)])
            is_full = sum(run.samples for run in group) >= FULL_SAMPLES // 2
            if len({run.path for run in group}) > 1 and (is_full or sweeps.is_over(connection, sweep_id)):
                return group
        return []

    async def _merge(self, group: Sequence[SealedFile]) -> int:
        context = self._context
        sweep_id = group[0].path.split("/")[1]
        parts = [(run.path, run.sha256, run.first_row, run.samples) for run in group]
        result = await self._worker.run("merge", lake=context.lake.address, sweep_id=sweep_id, parts=parts)
        if "damaged" in result:
            self._damaged |= set(result["damaged"])
            _log.error(
                "not merged, since they are missing, damaged or hold runs that are not listed: %s",
                ", ".join(result["damaged"]),
            )
            return 0
        new = [
            replace(
                run,
                path=result["path"],
                sha256=result["sha256"],
                size_bytes=result["size_bytes"],
                first_row=first_row,
            )
            for run, first_row in zip(group, result["first_rows"], strict=True)
        ]
        try:
            await context.store.write(lambda connection: _list_anew(connection, group, new, context.now()))
        except NotFound:  # a sweep was deleted meanwhile; what is left of it is looked at again
            await asyncio.to_thread(context.lake.remove, result["path"])
        return len({run.path for run in group})


def _is_whole(runs: Sequence[SealedFile]) -> bool:
    """Whether these are all runs of their file; a sweep that is being deleted leaves gaps."""
    ends = accumulate((run.samples for run in runs), initial=0)
    return all(run.first_row == end for run, end in zip(runs, ends, strict=False))


def _first_group(files: Sequence[Sequence[SealedFile]]) -> list[SealedFile]:
    """The runs of the first of these files, as many as make a full one."""
    group: list[SealedFile] = []
    for runs in files[:FILES_MAX]:
        if group and sum(run.samples for run in (*group, *runs)) > FULL_SAMPLES:
            break
        group += runs
    return group


def _list_anew(
    connection: sa.Connection, old: Sequence[SealedFile], new: Sequence[SealedFile], now: float
) -> None:
    """Lists the runs in their new file, all or none; the old ones are deleted later."""
    for before, after in _moves(old, new):
        if sealed.move_file(connection, before[0], after[0]) != len(before):
            raise NotFound(f"{before[0].path} is not listed any more.")
    discarded.add(connection, sorted({run.path for run in old}), now)


def _moves(
    old: Sequence[SealedFile], new: Sequence[SealedFile]
) -> Iterator[tuple[list[SealedFile], list[SealedFile]]]:
    """The runs of each old file, with what they become."""
    by_path: dict[str, list[tuple[SealedFile, SealedFile]]] = defaultdict(list)
    for before, after in zip(old, new, strict=True):
        by_path[before.path].append((before, after))
    for pairs in by_path.values():
        yield [before for before, _ in pairs], [after for _, after in pairs]


async def delete_discarded(context: Context) -> None:
    """Deletes the files in `context` that were discarded long enough ago and that nothing lists."""
    until = context.now() - GRACE_S
    paths = await context.store.read(lambda connection: discarded.before(connection, until))
    for start in range(0, len(paths), FILES_MAX):
        batch = paths[start : start + FILES_MAX]

        def listed(connection: sa.Connection, batch: Sequence[str] = batch) -> set[str]:
            return sealed.listed_paths(connection, batch)

        def forget(connection: sa.Connection, batch: Sequence[str] = batch) -> None:
            discarded.forget(connection, batch)

        kept = await context.store.read(listed)
        for path in batch:
            if path not in kept:
                await asyncio.to_thread(context.lake.remove, path)
        await context.store.write(forget)
