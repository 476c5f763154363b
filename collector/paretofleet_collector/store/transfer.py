"""All rows of a store in another one that holds none: PostgreSQL to the file of a backup, and back."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa

from paretofleet_collector.errors import CollectorError, Refused
from paretofleet_collector.store.base import METADATA
from paretofleet_collector.store.engine import (
    Address,
    check_current,
    failure_of,
    open_writing,
    reading,
    shown,
)

#: Rows that are in memory at once; one of a chunk has up to 1 MiB.
_ROWS = 128
#: Sums of checksums are kept to so many bits.
_SUM = 1 << 128
_Contents = dict[str, tuple[int, int]]


def is_empty(address: Address) -> bool:
    """Whether the store at `address` holds no row, or has no tables yet; raises StorageUnavailable."""
    with reading(address) as connection:
        tables = set(sa.inspect(connection).get_table_names())
        return not any(
            connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first()
            for table in METADATA.sorted_tables
            if table.name in tables
        )


def copy_rows(source: Address, target: Address) -> None:
    """Copies every row of the store at `source`, as it is at one moment, to the one at `target`, all or none.

    Both are of this version's schema; the target's is made. What was written is read again and compared. A
    target that holds these very rows already stays as it is. Raises Refused for one that holds others, or a
    value that it cannot hold, CollectorError where it gives back other rows, and StorageUnavailable.
    """
    writing = open_writing(target)
    try:
        with reading(source) as there:
            check_current(there, source)
            with writing.begin() as here:
                before = _contents(here)
                if any(rows for rows, _ in before.values()):
                    if before == _contents(there):
                        return
                    raise Refused(f"{shown(target)} holds another collector's state; name an empty database.")
                for table in METADATA.sorted_tables:
                    _copy_table(there, here, table)
                if _contents(here) != _contents(there):
                    raise CollectorError(
                        f"What {shown(target)} gives back is not what was written; nothing was."
                    )
    except sa.exc.DBAPIError as error:
        raise failure_of(error) from error
    finally:
        writing.dispose()


def _copy_table(source: sa.Connection, target: sa.Connection, table: sa.Table) -> None:
    rows = source.execute(sa.select(table), execution_options={"yield_per": _ROWS})
    for part in rows.mappings().partitions():
        target.execute(table.insert(), [dict(row) for row in part])


def _contents(connection: sa.Connection) -> _Contents:
    """Of each table how many rows it has, and the sum of their checksums, in whatever order they come."""
    contents = {}
    for table in METADATA.sorted_tables:
        count = total = 0
        for row in connection.execute(sa.select(table), execution_options={"yield_per": _ROWS}):
            digest = hashlib.sha256(repr(tuple(row)).encode()).digest()
            count, total = count + 1, (total + int.from_bytes(digest[:16], "big")) % _SUM
        contents[table.name] = (count, total)
    return contents
