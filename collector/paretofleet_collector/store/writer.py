"""The one thread that writes. What waits in its queue is committed together: one sync for all of it."""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import sqlalchemy as sa

from paretofleet_collector.errors import CollectorError, StorageFull
from paretofleet_collector.store.engine import is_full, reclaim

GROUP_MAX = 256
#: After this long without work the freed pages are given back.
IDLE_S = 1.0
T = TypeVar("T")
Work = Callable[[sa.Connection], Any]
_log = logging.getLogger(__name__)


class Writer:
    """Runs closures over the writing connection, in order; each is a savepoint of the group's transaction.

    A closure that raises undoes only itself. `after_commit` is called in the writer's thread.
    """

    def __init__(self, engine: sa.Engine, after_commit: Callable[[], None] = lambda: None) -> None:
        self._engine = engine
        self._after_commit = after_commit
        self._queue: queue.SimpleQueue[tuple[Work, Future[Any]] | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._loop, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[sa.Connection], T]) -> Future[T]:
        """Queues a closure; the future has its result only after the commit.

        It raises what the closure raised, or StorageFull when the group could not be written.
        """
        if self._closed:
            raise CollectorError("The collector is shutting down; try again when it runs.")
        future: Future[T] = Future()
        self._queue.put((work, future))
        return future

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
            if group:
                self._write(group)
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

    def _write(self, group: list[tuple[Work, Future[Any]]]) -> None:
        outcomes: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            with self._engine.begin() as connection:
                for work, future in group:
                    try:
                        with connection.begin_nested():
                            outcomes.append((future, work(connection), None))
                    except sa.exc.OperationalError:
                        raise
                    except Exception as error:  # noqa: BLE001 - belongs to whoever waits for it
                        outcomes.append((future, None, error))
        except Exception as error:  # noqa: BLE001 - nothing of the group was written
            failure = _failure(error)
            for _, future in group:
                future.set_exception(failure)
            return
        self._after_commit()
        for future, result, problem in outcomes:
            if problem is None:
                future.set_result(result)
            else:
                future.set_exception(problem)

    def _reclaim(self) -> bool:
        """Gives freed pages back; returns whether there are more."""
        try:
            with self._engine.connect() as connection:
                return reclaim(connection)
        except (sa.exc.DatabaseError, sqlite3.Error) as error:
            _log.warning("freed pages could not be given back: %s", error)
            return False


def _failure(error: Exception) -> Exception:
    if is_full(error):
        return StorageFull(
            "The collector's disk is full; free some space under its home, nothing was stored."
        )
    _log.error("a group of writes failed", exc_info=error)
    return error
