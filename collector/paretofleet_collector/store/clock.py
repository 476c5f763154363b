"""The latest wall time that the collector saw: what has expired by it stays so, whatever the clock says."""

from __future__ import annotations

import sqlalchemy as sa

from paretofleet_collector.store.base import METADATA, changed

CLOCK = sa.Table(
    "clock",
    METADATA,
    #: There is one row at most.
    sa.Column("clock_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("latest_unix_s", sa.Float, nullable=False),
)


def latest(connection: sa.Connection) -> float:
    """The latest time that was kept, in seconds since 1970, by what `connection` sees; 0 without any."""
    return float(connection.execute(sa.select(CLOCK.c.latest_unix_s)).scalar() or 0.0)


def keep(connection: sa.Connection, unix_s: float) -> None:
    """Keeps `unix_s` (seconds since 1970) through `connection`, unless a later time is kept."""
    if connection.execute(sa.select(CLOCK.c.clock_id)).first() is None:
        connection.execute(CLOCK.insert().values(clock_id=1, latest_unix_s=unix_s))
    else:
        changed(connection, CLOCK.update().where(CLOCK.c.latest_unix_s < unix_s).values(latest_unix_s=unix_s))


def forget(connection: sa.Connection) -> None:
    """Forgets the latest time through `connection`: it was that of a clock that was ahead."""
    connection.execute(CLOCK.delete())
