"""The store: control state and staged chunks in one database, a SQLite file or PostgreSQL.

One thread writes, in groups (`writer.py`); everybody else reads. A noun has a module with its tables and the
functions over them, which take a connection first.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from paretofleet_collector.config import SQLITE
from paretofleet_collector.store import (
    assignments,
    attempts,
    certificates,
    choices,
    chunks,
    clock,
    configurations,
    devices,
    discarded,
    enrolments,
    history,
    input_files,
    leases,
    models,
    neighbours,
    postgres,
    postgres_notices,
    progress,
    reboots,
    retired,
    runs,
    sealed,
    searches,
    sessions,
    sweeps,
    tokens,
)
from paretofleet_collector.store.engine import (
    FILE_NAME,
    Address,
    failure_of,
    open_engine,
    open_shared,
    open_writing,
)
from paretofleet_collector.store.writer import Writer, Writes

__all__ = [
    "Store",
    "assignments",
    "attempts",
    "certificates",
    "choices",
    "chunks",
    "clock",
    "configurations",
    "devices",
    "discarded",
    "enrolments",
    "history",
    "input_files",
    "leases",
    "models",
    "neighbours",
    "progress",
    "reboots",
    "retired",
    "runs",
    "sealed",
    "searches",
    "sessions",
    "sweeps",
    "tokens",
]
READERS = 4
S = TypeVar("S")
T = TypeVar("T")


class Store:
    """An opened database of this version's schema.

    `write` and `read` take a function of a connection; `write` returns only after the commit.
    """

    def __init__(
        self, address: Address, after_commit: Callable[[], None] = lambda: None, *, shared: bool = False
    ) -> None:
        """Opens the database at `address`, creating or migrating it; raises Refused or StorageUnavailable.

        `address` is the path of a SQLite file or a URL `postgresql://USER@HOST/DATABASE`. One that is
        `shared`, a URL, may be opened by several collectors: until `end_start` no other starts.
        """
        self.address = str(address)
        self.is_shared = shared
        self._start = postgres.hold_start(self.address) if shared else None
        #: Whether no other collector worked with it at the start.
        self.is_alone = True
        try:
            if shared:
                self._writing, self.is_alone = open_shared(self.address)
            else:
                self._writing = open_writing(address)
        except BaseException:
            self.end_start()
            raise
        self._reading = open_engine(address, writes=False)
        self._writer = Writer(self._writing, after_commit)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")

    @classmethod
    def at(
        cls,
        home: Path,
        after_commit: Callable[[], None] = lambda: None,
        address: str = SQLITE,
        *,
        shared: bool = False,
    ) -> Store:
        """The store of the collector with that `home`: a file in it, or the `address` of its configuration.

        `shared` with other collectors or not. Raises Refused or StorageUnavailable.
        """
        return cls(home / FILE_NAME if address == SQLITE else address, after_commit, shared=shared)

    def end_start(self) -> None:
        """Lets other collectors start over a shared store."""
        if self._start is not None:
            self._start.close()
            self._start = None

    def announce(self, sender: str, device_ids: Sequence[str]) -> None:
        """Tells every collector over a shared store, in the name of `sender`, that devices may have work."""
        self.submit(lambda connection: postgres_notices.announce(connection, sender, device_ids))

    async def heard(self) -> AsyncIterator[tuple[str, list[str]]]:
        """Yields who announced work over a shared store, and for which devices.

        The first time, once it listens, nobody and none. Raises StorageUnavailable when the connection is
        lost.
        """
        async for each in postgres_notices.heard(self.address):
            yield each

    def submit(self, work: Callable[[sa.Connection], T]) -> Future[T]:
        """Queues a write and returns at once; the future is done after the commit."""
        return self._writer.submit(work)

    def submit_together(
        self, batch: Callable[[sa.Connection, Sequence[S]], Sequence[T | Exception]], item: S
    ) -> Future[T]:
        """Queues an `item` that one call of `batch` writes with its neighbours; see Writer."""
        return self._writer.submit_together(batch, item)

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        """Runs a write and returns its result after the commit."""
        return await asyncio.wrap_future(self.submit(work))

    async def write_slices(self, work: Callable[[sa.Connection], bool]) -> None:
        """Runs a write again and again until it returns False; other writes come in between."""
        while await self.write(work):
            pass

    async def read(self, work: Callable[[sa.Connection], T]) -> T:
        """Runs a read in a thread over one consistent state."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_now, work)

    def read_now(self, work: Callable[[sa.Connection], T]) -> T:
        """Runs a read in this thread; raises StorageUnavailable where the database is out of reach."""
        try:
            with self._reading.begin() as connection:
                return work(connection)
        except (sa.exc.DBAPIError, UnicodeEncodeError, OverflowError) as error:
            raise failure_of(error) from error

    @property
    def is_writable(self) -> bool:
        """False from a write that failed for all until one that did not."""
        return self._writer.is_writable

    @property
    def writes(self) -> Writes:
        """What the writer has done since the start, and how much waits for it."""
        return self._writer.writes

    def probe(self) -> None:
        """Has the writer find out whether the store can be written again."""
        self._writer.probe()

    def close(self) -> None:
        """Writes what is queued and closes the database."""
        self.end_start()
        self._writer.close()
        self._readers.shutdown()
        self._reading.dispose()
        self._writing.dispose()
