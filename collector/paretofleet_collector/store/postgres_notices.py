"""What collectors over one PostgreSQL tell each other at once: which devices may have work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import sqlalchemy as sa

from paretofleet_collector.errors import StorageUnavailable
from paretofleet_collector.store.postgres import connection_options

_CHANNEL = "paretofleet_work"
#: A payload has less than 8,000 bytes, a device's id at most 64.
_TOGETHER = 100


def announce(connection: sa.Connection, sender: str, device_ids: Sequence[str]) -> None:
    """Tells every collector, at the commit of `connection`, that there may be work for `device_ids`.

    `sender` is who says so.
    """
    for start in range(0, len(device_ids), _TOGETHER):
        payload = " ".join((sender, *device_ids[start : start + _TOGETHER]))
        connection.execute(sa.select(sa.func.pg_notify(_CHANNEL, payload)))


async def heard(address: str) -> AsyncIterator[tuple[str, list[str]]]:
    """Yields who announced work over the database at `address`, and for which devices.

    The first time, once it listens, nobody and none. Raises StorageUnavailable when the connection is lost.
    """
    import psycopg

    try:
        there = await psycopg.AsyncConnection.connect(**connection_options(address), autocommit=True)
        async with there:
            await there.execute(f"LISTEN {_CHANNEL}")
            yield "", []
            async for notice in there.notifies():
                sender, *device_ids = notice.payload.split()
                yield sender, device_ids
    except psycopg.Error as error:
        raise StorageUnavailable(f"the connection that listens was lost ({error})") from None
