"""Files of the lake that nothing needs any more: deleted a while later, since somebody may read them."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from paretofleet_collector.store.base import METADATA

DISCARDED = sa.Table(
    "discarded",
    METADATA,
    sa.Column("path", sa.String(256), primary_key=True),
    sa.Column("since_unix_s", sa.Float, nullable=False),
)


def add(connection: sa.Connection, paths: Iterable[str], now: float) -> None:
    """Notes through `connection` that nothing needs the files `paths`, `now` (seconds since 1970)."""
    rows = [{"path": path, "since_unix_s": now} for path in paths]
    if rows:
        connection.execute(DISCARDED.delete().where(DISCARDED.c.path.in_([row["path"] for row in rows])))
        connection.execute(DISCARDED.insert(), rows)


def before(connection: sa.Connection, unix_s: float = float("inf")) -> list[str]:
    """The files that `connection` shows discarded before `unix_s` (seconds since 1970), by default all."""
    query = sa.select(DISCARDED.c.path).order_by(DISCARDED.c.path)
    if unix_s < float("inf"):
        query = query.where(DISCARDED.c.since_unix_s < unix_s)
    return list(connection.execute(query).scalars())


def forget(connection: sa.Connection, paths: Iterable[str]) -> None:
    """Takes the deleted files `paths` off the list, through `connection`."""
    connection.execute(DISCARDED.delete().where(DISCARDED.c.path.in_(list(paths))))
