"""Sealing, the part in the collector: which run is next, and the transaction that makes it sealed.

Whatever goes wrong, the samples stay staged until a file that holds them is listed, and the next try comes:
later after each failure, for ever. What the collector cannot do is no fault of the run.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.errors import CollectorError, NotFound, StorageUnavailable
from paretofleet_collector.jobs.worker import Worker
from paretofleet_collector.lifecycle import transitions
from paretofleet_collector.model.entities import AttemptKey, Run
from paretofleet_collector.service import backoff, blocks
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import chunks, runs, sealed, sweeps
from paretofleet_collector.store.sealed import SealedFile

#: After so many failures that were not the disk's, a run is sealed without its summary.
SUMMARY_TRIES = 2
#: So often chunks are read again before a run counts as damaged.
READ_TRIES = 3
IDLE_S = 30.0
#: What another collector seals is looked at again after so long.
OTHERS_S = 1.0
_log = logging.getLogger(__name__)


class Sealer:
    """Seals uploaded runs, one at a time, the longest waiting first. The queue is the store's."""

    def __init__(self, context: Context, worker: Worker) -> None:
        self._context = context
        self._worker = worker
        self._loop = asyncio.get_running_loop()
        self._awake = asyncio.Event()
        #: By run: how often it failed in a row, and when it is tried again (the loop's clock).
        self._failures: Counter[str] = Counter()
        self._due_s: dict[str, float] = {}
        #: Of all runs: the disk refused in a row so often, or the store could not be read.
        self._refusals = 0
        #: What was logged last of a run, or of all ("").
        self._logged: dict[str, str] = {}

    def wake(self) -> None:
        """Says that a run was uploaded; may come from any thread."""
        with suppress(RuntimeError):  # the loop is closed: the next start looks for itself
            self._loop.call_soon_threadsafe(self._awake.set)

    async def run(self) -> None:
        """Seals until cancelled."""
        while True:
            self._awake.clear()
            try:
                waiting = await self._context.store.read(_uploaded)
                await self._seal_due(waiting)
            except Exception as error:  # noqa: BLE001 - sealing goes on whatever the store does
                self._refusals += 1
                self._log_once("", "sealing waits", error)
                await asyncio.sleep(backoff.delay_s(self._refusals))
                continue
            self._refusals = 0
            self._logged.pop("", None)
            await _wait(self._awake, self._idle_s(waiting))

    async def _seal_due(self, waiting: Sequence[Run]) -> None:
        """Seals each run whose time has come; raises when the disk refuses, for it would refuse all."""
        kept = {run.run_id for run in waiting}
        for run_id in [each for each in self._failures if each not in kept]:
            del self._failures[run_id]
            self._due_s.pop(run_id, None)
            self._logged.pop(run_id, None)
        for run in waiting:
            if self._due_s.get(run.run_id, 0.0) <= self._loop.time():
                await self._seal_or_wait(run)

    def _idle_s(self, waiting: Sequence[Run]) -> float:
        """Seconds until something is due."""
        now = self._loop.time()
        due = [self._due_s.get(run.run_id, now) - now for run in waiting]
        return max(min([*due, IDLE_S]), 0.0)

    async def _seal_or_wait(self, run: Run) -> None:
        """Seals a run, or leaves it for another try, or to another collector that is at it."""
        if not await self._context.neighbours.take(_work_of(run)):
            self._due_s[run.run_id] = self._loop.time() + OTHERS_S
            return
        try:
            await self._seal(run)
        except StorageUnavailable as error:
            self._context.lake_fault = str(error)
            raise
        except Exception as error:  # noqa: BLE001 - one run must not end the sealing of all
            self._failures[run.run_id] += 1
            self._due_s[run.run_id] = self._loop.time() + backoff.delay_s(self._failures[run.run_id])
            self._log_once(run.run_id, f"run {run.run_id} is not sealed yet and is tried again", error)

    def _log_once(self, key: str, waiting: str, error: Exception) -> None:
        """Logs why something waits, unless that was the last said of it."""
        sentence = str(error) or type(error).__name__
        if self._logged.get(key) != sentence:
            level = logging.INFO if isinstance(error, NotFound) else logging.WARNING
            _log.log(level, "%s: %s", waiting, sentence, exc_info=not isinstance(error, CollectorError))
        self._logged[key] = sentence

    async def _seal(self, run: Run) -> None:
        context = self._context
        failures = self._failures[run.run_id]
        result = await self._worker.run(
            "seal",
            database=context.store.address,
            lake=context.lake.address,
            run_id=run.run_id,
            attempt=run.attempt,
            summarise=failures < SUMMARY_TRIES,
        )
        if "damaged" in result:
            if failures + 1 < READ_TRIES:
                raise CollectorError(f"{result['damaged']} in the store")
            await context.store.write(lambda connection: self._give_up(connection, run, result["damaged"]))
            context.notices.announce((run.device_id,))
            return
        is_listed = await context.store.write(lambda connection: self._commit(connection, run, result))
        if not is_listed and await context.store.read(lambda connection: _is_left(connection, run, result)):
            await asyncio.to_thread(context.lake.remove, result["path"])
            return
        self._failures.pop(run.run_id, None)
        await blocks.settle_if_due(context, run.sweep_id, run.device_id)
        context.notices.announce((run.device_id,))

    def _commit(self, connection: sa.Connection, run: Run, result: dict[str, Any]) -> bool:
        """Lists the file, stores the summary, marks the run sealed and deletes its chunks.

        False, and nothing done, when the run is not uploaded any more.
        """
        self._context.neighbours.release(connection, _work_of(run))
        values = _without_summary(connection, run, result["why_not"]) if result["summary"] is None else None
        if not runs.transition(
            connection, run.run_id, "sealed", come_from=("uploaded",), attempt=run.attempt, values=values
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
        sealed.insert(connection, file, result["summary"], result["environment_id"], self._context.now())
        chunks.drop(connection, AttemptKey(run.run_id, run.attempt))
        self._go_on(connection, run)
        return True

    def _give_up(self, connection: sa.Connection, run: Run, damage: str) -> None:
        """Has a run measured again whose chunks the store did not keep whole; they stay for an operator.

        That is no try of the run. In a sweep that is over the run fails.
        """
        self._context.neighbours.release(connection, _work_of(run))
        message = f"The collector's disk damaged what was acknowledged: {damage}; see to the disk."
        values = {"reason": runs.DAMAGED, "message": message, "lease_until_unix_s": None}
        state = "failed" if sweeps.is_over(connection, run.sweep_id) else "pending"
        if runs.transition(
            connection, run.run_id, state, come_from=("uploaded",), attempt=run.attempt, values=values
        ):
            _log.error("run %s is %s: %s", run.run_id, state, message)
            self._go_on(connection, run)

    def _go_on(self, connection: sa.Connection, run: Run) -> None:
        if not runs.has_open(connection, run.sweep_id, run.device_id):
            transitions.apply_schedule(connection, run.sweep_id, run.device_id, self._context.now())


def _without_summary(connection: sa.Connection, run: Run, why_not: str) -> dict[str, str]:
    """What a run says whose samples are sealed and have no summary."""
    name = sweeps.name_of(connection, run.sweep_id)
    message = (
        f"The samples are sealed, but cannot be summarised ({why_not}); `paretofleet report rebuild {name}` "
        "tries again."
    )
    _log.error("run %s: %s", run.run_id, message)
    return {"reason": runs.NOT_SUMMARISED, "message": message}


def _work_of(run: Run) -> str:
    return f"seal {run.run_id}"


def _is_left(connection: sa.Connection, run: Run, result: dict[str, Any]) -> bool:
    """Whether nobody needs the unlisted file of a run: that is gone, or sealed in another file."""
    now = runs.get(connection, run.run_id)
    is_sealed = now is not None and now.state == "sealed"
    return now is None or (is_sealed and not sealed.listed_paths(connection, [result["path"]]))


def _uploaded(connection: sa.Connection) -> list[Run]:
    return runs.in_state(connection, "uploaded")


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
