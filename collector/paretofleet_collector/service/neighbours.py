"""Several collectors of one fleet: each says that it lives, claims what it works at, and hears the others.

Without a shared store there is nobody else, and everything here costs nothing.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import sqlalchemy as sa

from paretofleet_collector.errors import CollectorError, Refused
from paretofleet_collector.store import Store, certificates, neighbours
from paretofleet_collector.store.neighbours import Neighbour

BEAT_S = 2.0
#: Who was not seen for so long has lost its claims to the others.
SILENT_S = 15.0
#: Who was not seen for so long has surely ended: its files in the lake are nobody's.
GONE_S = 60.0
#: A claim of another's is looked at again after so long.
AGAIN_S = 0.2
#: Clocks that differ by so much are worth a word.
SKEW_S = 1.0
_log = logging.getLogger(__name__)


class Neighbours:
    """This collector among those that serve over its `store`, with the `lake` and `authorities` they share.

    `authorities` are the SHA-256 of their certificates.
    """

    def __init__(self, store: Store, lake: str, authorities: Sequence[str]) -> None:
        self._store = store
        self._here = Neighbour(secrets.token_hex(8), socket.gethostname()[:256], lake, " ".join(authorities))
        self._offset_s = 0.0
        self._is_skewed = False
        self._certificates: object = None
        if store.is_shared:
            self._measure_clock()

    @property
    def are_possible(self) -> bool:
        """Whether other collectors may work over this store."""
        return self._store.is_shared

    def change_authorities(self, authorities: Sequence[str]) -> None:
        """Goes by other `authorities` from now on, the SHA-256 of their certificates."""
        self._here = replace(self._here, authorities=" ".join(authorities))

    def now(self) -> float:
        """The time in seconds since 1970 by the store's clock, where there are several collectors."""
        return time.time() + self._offset_s

    async def enter(self) -> bool:
        """Takes its place among the collectors; whether it is the only one.

        Raises Refused where it differs from the others in what all must share.
        """
        if not self._store.is_shared:
            return True

        def work(connection: sa.Connection) -> list[Neighbour]:
            others = neighbours.others(connection, self._here.process_id, self.now() - GONE_S)
            _check_alike(self._here, others)
            neighbours.beat(connection, self._here, self.now())
            return others

        return not await self._store.write(work) and self._store.is_alone

    async def leave(self) -> None:
        """Gives its place and its claims back; raises nothing where the store is away."""
        if self._store.is_shared:
            with suppress(CollectorError):
                await self._store.write(
                    lambda connection: neighbours.leave(connection, self._here.process_id)
                )

    async def others(self) -> list[Neighbour]:
        """The other collectors that live."""
        if not self._store.is_shared:
            return []
        since = self.now() - SILENT_S
        return await self._store.read(
            lambda connection: neighbours.others(connection, self._here.process_id, since)
        )

    async def beat(self) -> tuple[bool, bool]:
        """Says that it lives; whether another has fallen silent, and whether certificates have changed."""
        await asyncio.to_thread(self._measure_clock)

        def work(connection: sa.Connection) -> int:
            now = self.now()
            neighbours.beat(connection, self._here, now)
            return neighbours.drop_silent(connection, now - SILENT_S)

        silent = await self._store.write(work)
        if silent:
            _log.warning("collectors of this fleet that have fallen silent: %d; the others take over", silent)
        stamp = await self._store.read(certificates.stamp)
        has_changed, self._certificates = stamp != self._certificates, stamp
        return bool(silent), has_changed

    def claim(self, connection: sa.Connection, work: str) -> bool:
        """Whether this collector may do the piece of `work`, through `connection`: no other is at it."""
        return not self._store.is_shared or neighbours.claim(connection, work, self._here.process_id)

    def holds(self, connection: sa.Connection, work: str) -> bool:
        """Whether `connection` shows the piece of `work` that this collector claimed as still its own."""
        return not self._store.is_shared or neighbours.holder(connection, work) == self._here.process_id

    def is_anothers(self, connection: sa.Connection, work: str) -> bool:
        """Whether `connection` shows another collector at the piece of `work`."""
        others = (None, self._here.process_id)
        return self._store.is_shared and neighbours.holder(connection, work) not in others

    def release(self, connection: sa.Connection, work: str) -> None:
        """Lets the piece of `work` go, through `connection`."""
        if self._store.is_shared:
            neighbours.release(connection, work, self._here.process_id)

    @asynccontextmanager
    async def claimed(self, work: str, *, waits: bool = False) -> AsyncIterator[bool]:
        """Whether this collector may do the piece of `work` in the block; `waits`: until it may."""
        if not self._store.is_shared:
            yield True
            return
        # Of another collector's claims nobody tells.
        while not (is_own := await self.take(work)) and waits:  # noqa: ASYNC110
            await asyncio.sleep(AGAIN_S)
        try:
            yield is_own
        finally:
            if is_own:
                await self.give_back(work)

    def announce(self, device_ids: Iterable[str]) -> None:
        """Tells the other collectors that there may be work for `device_ids`."""
        if self._store.is_shared:
            self._store.announce(self._here.process_id, list(device_ids))

    async def heard(self) -> AsyncIterator[list[str]]:
        """Yields the devices for which there may be work by what another collector announced; never ends.

        An empty list: something may have been missed.
        """
        while True:
            try:
                async for sender, device_ids in self._store.heard():
                    if sender != self._here.process_id:
                        yield device_ids
            except CollectorError as error:
                _log.warning("the other collectors are not heard for now: %s", error)
            await asyncio.sleep(BEAT_S)

    async def give_back(self, work: str) -> None:
        """Lets the piece of `work` go; without the store it stays claimed as long as this one lives."""
        if self._store.is_shared:
            with suppress(CollectorError):
                await self._store.write(lambda connection: self.release(connection, work))

    async def take(self, work: str) -> bool:
        """Whether this collector may do the piece of `work` from now on: no other is at it."""
        return not self._store.is_shared or await self._store.write(
            lambda connection: self.claim(connection, work)
        )

    def _measure_clock(self) -> None:
        before = time.time()
        there = self._store.read_now(_time)
        offset_s = there - (before + time.time()) / 2
        is_skewed = abs(offset_s) > SKEW_S
        if is_skewed and not self._is_skewed:
            _log.warning(
                "the clock of this machine is %.1f s %s that of the PostgreSQL server, which counts for all "
                "collectors: let NTP set both",
                abs(offset_s),
                "behind" if offset_s > 0 else "ahead of",
            )
        self._offset_s, self._is_skewed = offset_s, is_skewed


def _time(connection: sa.Connection) -> float:
    """What the clock of a PostgreSQL server says, in seconds since 1970."""
    return float(connection.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())").scalar_one())


def _check_alike(here: Neighbour, others: Iterable[Neighbour]) -> None:
    for other in others:
        if other.lake != here.lake:
            raise Refused(
                f"The collector on {other.host} keeps this fleet's samples in {other.lake}, and this one "
                f"would in {here.lake}: start it with --lake {other.lake}, or with a store of its own."
            )
        if other.authorities != here.authorities:
            raise Refused(
                f"The collector on {other.host} has another identity than this one: copy the folder "
                "`identity` of its home into this one's, so that agents trust both."
            )
