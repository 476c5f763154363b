"""The one thread that writes. What waits in its queue is committed together: one sync for all of it."""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any, TypeVar

import sqlalchemy as sa

from paretofleet_collector.errors import CollectorError
from paretofleet_collector.store.engine import failure_of, is_passing, reclaim, touch

GROUP_MAX = 256
#: A group that has worked for so long is committed, so that nobody waits for more than a slice.
SLICE_S = 0.025
#: After this long without work the freed pages are given back.
IDLE_S = 1.0
#: So often a group is tried whose transaction met another's, and so long is waited before the next time.
TRIES = 5
TRY_AGAIN_S = 0.05
#: So many items are written by one call.
TOGETHER_MAX = 32
S = TypeVar("S")
T = TypeVar("T")
Work = Callable[[sa.Connection], Any]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Writes:
    """What a writer has done since its start: transactions, writes in them, seconds; and how much waits."""

    commits: int = 0
    writes: int = 0
    busy_s: float = 0.0
    waiting: int = 0


@dataclass(frozen=True)
class _Part:
    """A closure that is run together with its neighbours of the same `batch`."""

    batch: Callable[[sa.Connection, Sequence[Any]], Sequence[Any]]
    item: Any

    def __call__(self, connection: sa.Connection) -> Any:
        (outcome,) = self.run(connection, [self])
        return outcome[0]

    def run(self, connection: sa.Connection, works: Sequence[Any]) -> list[tuple[Any, Exception | None]]:
        """The outcomes of all `works`, by one call."""
        results = self.batch(connection, [work.item for work in works])
        return [(None, each) if isinstance(each, Exception) else (each, None) for each in results]


def _together(works: list[Work]) -> list[Work]:
    """The first closure, with those behind it that can be run by the same call."""
    first = works[0]
    if not isinstance(first, _Part):
        return works[:1]
    return list(takewhile(lambda work: isinstance(work, _Part) and work.batch is first.batch, works))


class Writer:
    """Runs closures over the writing connection, in order; each is a savepoint of the group's transaction.

    A closure that raises undoes only itself. `after_commit` is called in the writer's thread.
    """

    def __init__(self, engine: sa.Engine, after_commit: Callable[[], None] = lambda: None) -> None:
        self._engine = engine
        self._after_commit = after_commit
        self._queue: queue.SimpleQueue[tuple[Work, Future[Any]] | None] = queue.SimpleQueue()
        self._closed = False
        #: False from a group that could not be written until one that was.
        self.is_writable = True
        self._writes = Writes()
        self._thread = threading.Thread(target=self._loop, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[sa.Connection], T]) -> Future[T]:
        """Queues a closure; the future has its result only after the commit.

        It raises what the closure raised, or StorageUnavailable when the group could not be written: then
        nothing of it was, or, where a connection broke during the commit, it is not known.
        """
        if self._closed:
            raise CollectorError("The collector is shutting down; try again when it runs.")
        future: Future[T] = Future()
        self._queue.put((work, future))
        return future

    def submit_together(
        self, batch: Callable[[sa.Connection, Sequence[S]], Sequence[T | Exception]], item: S
    ) -> Future[T]:
        """Queues an `item` that one call of `batch` writes with its neighbours that have the same `batch`.

        That returns for each item its result, or the exception that the future raises. Where it raises
        itself, each item is written alone.
        """
        return self.submit(_Part(batch, item))

    def close(self) -> None:
        """Writes what is queued, then ends the thread."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _loop(self) -> None:
        dirty = False
        while True:
            try:
                first = self._queue.get(timeout=IDLE_S if dirty else None)
            except queue.Empty:
                dirty = self._reclaim()
                continue
            group, last = self._group(first)
            while group:
                group = self._write(group)
                dirty = True
            if last:
                return

    def _group(self, first: tuple[Work, Future[Any]] | None) -> tuple[list[tuple[Work, Future[Any]]], bool]:
        """All that waits, at most GROUP_MAX, and whether the end was among it."""
        group: list[tuple[Work, Future[Any]]] = []
        item = first
        while item is not None:
            if item[1].set_running_or_notify_cancel():
                group.append(item)
            if len(group) == GROUP_MAX:
                return group, False
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return group, False
        return group, True

    def _write(self, group: list[tuple[Work, Future[Any]]]) -> list[tuple[Work, Future[Any]]]:
        """Commits of a group what a slice holds and answers those who wait for it; returns the rest.

        Nobody is told before the commit.
        """
        began_s = time.monotonic()
        for left in reversed(range(TRIES)):
            try:
                outcomes = self._commit(group)
                break
            except Exception as error:  # noqa: BLE001 - nothing of the group was written
                if left and is_passing(error):
                    time.sleep(TRY_AGAIN_S)
                    continue
                self._refuse(group, error)
                return []
        self.is_writable = True
        self._writes = Writes(
            self._writes.commits + 1,
            self._writes.writes + len(outcomes),
            self._writes.busy_s + time.monotonic() - began_s,
        )
        self._after_commit()
        for (_, future), (result, problem) in zip(group, outcomes, strict=False):
            if problem is None:
                future.set_result(result)
            else:
                future.set_exception(problem)
        return group[len(outcomes) :]

    def _commit(self, group: list[tuple[Work, Future[Any]]]) -> list[tuple[Any, Exception | None]]:
        """Runs what a slice holds of a group in one transaction: each closure's result, or what it raised."""
        outcomes: list[tuple[Any, Exception | None]] = []
        until = time.monotonic() + SLICE_S
        with self._engine.begin() as connection:
            while len(outcomes) < len(group) and not (outcomes and time.monotonic() > until):
                works = _together([work for work, _ in group[len(outcomes) : len(outcomes) + TOGETHER_MAX]])
                outcomes += self._outcomes(connection, works)
        return outcomes

    def _outcomes(self, connection: sa.Connection, works: list[Work]) -> list[tuple[Any, Exception | None]]:
        """Runs closures in one savepoint; what raises undoes it, and then each is run alone."""
        try:
            with connection.begin_nested():
                if isinstance(works[0], _Part):
                    return works[0].run(connection, works)
                return [(works[0](connection), None)]
        except sa.exc.OperationalError:
            raise
        except Exception as error:
            if connection.invalidated:
                raise
            if len(works) > 1:
                return [outcome for work in works for outcome in self._outcomes(connection, [work])]
            return [(None, failure_of(error))]

    def _refuse(self, group: list[tuple[Work, Future[Any]]], error: Exception) -> None:
        failure = failure_of(error)
        if not isinstance(failure, CollectorError):
            _log.error("a group of writes failed", exc_info=error)
        elif self.is_writable:
            _log.warning("the store cannot be written: %s", failure)
        self.is_writable = False
        for _, future in group:
            future.set_exception(failure)

    @property
    def writes(self) -> Writes:
        """What was done so far, and how much waits."""
        return replace(self._writes, waiting=self._queue.qsize())

    def probe(self) -> None:
        """Queues a write that changes nothing, so that `is_writable` says whether the store works again."""
        if not self._closed:
            self.submit(touch)

    def _reclaim(self) -> bool:
        """Gives freed pages back; returns whether there are more."""
        try:
            with self._engine.connect() as connection:
                return reclaim(connection)
        except (sa.exc.DatabaseError, sqlite3.Error) as error:
            _log.warning("freed pages could not be given back: %s", error)
            return False
