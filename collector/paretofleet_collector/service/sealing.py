"""Sealing, the part in the collector: which run is next, and the transaction that makes it sealed."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.errors import CollectorError, NotFound, Refused, StorageUnavailable
from paretofleet_collector.jobs.worker import Worker
from paretofleet_collector.lifecycle import transitions
from paretofleet_collector.model.entities import Run
from paretofleet_collector.service import blocks
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import chunks, runs, sealed
from paretofleet_collector.store.sealed import SealedFile

#: A run whose sealing kills the worker so often is failed.
DEATHS_MAX = 3
FULL_WAIT_S = 5.0
IDLE_S = 30.0
_log = logging.getLogger(__name__)


class Sealer:
    """Seals uploaded runs, one at a time, the longest waiting first. The queue is the store's."""

    def __init__(self, context: Context, worker: Worker) -> None:
        self._context = context
        self._worker = worker
        self._loop = asyncio.get_running_loop()
        self._awake = asyncio.Event()
        self._deaths: Counter[str] = Counter()

    def wake(self) -> None:
        """Says that a run was uploaded; may come from any thread."""
        with suppress(RuntimeError):  # the loop is closed: the next start looks for itself
            self._loop.call_soon_threadsafe(self._awake.set)

    async def run(self) -> None:
        """Seals until cancelled."""
        while True:
            self._awake.clear()
            waiting = await self._context.store.read(_uploaded)
            for run in waiting:
                try:
                    await self._seal_or_wait(run)
                except CollectorError as error:  # not even the failure could be stored: it stays uploaded
                    _log.warning("run %s is neither sealed nor failed yet: %s", run.run_id, error)
                    await asyncio.sleep(FULL_WAIT_S)
            if not waiting:
                await _wait(self._awake, IDLE_S)

    async def _seal_or_wait(self, run: Run) -> None:
        """Seals a run; what goes wrong fails the run or leaves it for another try."""
        try:
            await self._seal(run)
        except NotFound:
            _log.info("run %s was deleted before it was sealed", run.run_id)
        except StorageUnavailable as error:
            _log.warning("run %s is not sealed yet: %s", run.run_id, error)
            await asyncio.sleep(FULL_WAIT_S)
        except Refused as error:
            await self._fail(run, str(error))
        except Exception as error:  # noqa: BLE001 - one run must not end the sealing of all
            self._deaths[run.run_id] += 1
            _log.warning(
                "run %s is not sealed yet: %s",
                run.run_id,
                error,
                exc_info=not isinstance(error, CollectorError),
            )
            if self._deaths[run.run_id] >= DEATHS_MAX:
                await self._fail(run, f"Sealing failed {DEATHS_MAX} times: {error}")

    async def _seal(self, run: Run) -> None:
        context = self._context
        result = await self._worker.run(
            "seal",
            database=context.store.address,
            lake=str(context.lake.root),
            run_id=run.run_id,
            attempt=run.attempt,
        )
        if not await context.store.write(lambda connection: self._commit(connection, run, result)):
            context.lake.remove(result["path"])
            return
        await blocks.settle_if_due(context, run.sweep_id, run.device_id)

    def _commit(self, connection: sa.Connection, run: Run, result: dict[str, Any]) -> bool:
        """Lists the file, stores the summary, marks the run sealed and deletes its chunks.

        False, and nothing done, when the run is not uploaded any more.
        """
        now = self._context.now()
        if not runs.transition(
            connection, run.run_id, "sealed", come_from=("uploaded",), attempt=run.attempt
        ):
            return False
        file = SealedFile(
            result["path"],
            run.run_id,
            run.attempt,
            result["sha256"],
            result["size_bytes"],
            result["samples"],
        )
        sealed.insert(connection, file, result["summary"], result["environment_id"], now)
        chunks.drop(connection, run.run_id)
        if not runs.has_open(connection, run.sweep_id, run.device_id):
            transitions.apply_schedule(connection, run.sweep_id, run.device_id, now)
        return True

    async def _fail(self, run: Run, message: str) -> None:
        _log.error("run %s failed: %s", run.run_id, message)

        def work(connection: sa.Connection) -> None:
            now = self._context.now()
            values = {"reason": "crashed", "message": message, "ended_unix_s": now}
            if runs.transition(connection, run.run_id, "failed", come_from=("uploaded",), values=values):
                chunks.drop(connection, run.run_id)
                transitions.skip_resembling(connection, run.run_id, now)
                transitions.apply_schedule(connection, run.sweep_id, run.device_id, now)

        await self._context.store.write(work)


def _uploaded(connection: sa.Connection) -> list[Run]:
    return runs.in_state(connection, "uploaded")


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
