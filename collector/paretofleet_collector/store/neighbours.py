"""The collectors that serve one fleet over this store: who lives, and who is at which piece of work.

Times are the store's own clock's. A collector that was not seen for a while has lost what it claimed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import sqlalchemy as sa

from paretofleet_collector.store.base import METADATA, changed

FLEET = sa.Table(
    "fleet",
    METADATA,
    #: There is one row at most.
    sa.Column("fleet_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("collector_id", sa.String(64), nullable=False),
)
COLLECTORS = sa.Table(
    "collectors",
    METADATA,
    sa.Column("process_id", sa.String(16), primary_key=True),
    sa.Column("host", sa.String(256), nullable=False),
    sa.Column("lake", sa.Text, nullable=False),
    #: The SHA-256 of its authorities' certificates, the oldest first, with spaces between.
    sa.Column("authorities", sa.Text, nullable=False),
    sa.Column("seen_unix_s", sa.Float, nullable=False),
)
CLAIMS = sa.Table(
    "claims",
    METADATA,
    #: What is worked at, such as "seal RUN".
    sa.Column("work", sa.String(128), primary_key=True),
    sa.Column("process_id", sa.String(16), nullable=False, index=True),
)


@dataclass(frozen=True)
class Neighbour:
    """A collector at work: a random id of its process, its machine, its lake, its authorities."""

    process_id: str
    host: str
    lake: str
    authorities: str


def fleet_id(connection: sa.Connection) -> str:
    """The id by which agents know the collectors of this store, by `connection`; empty before the first."""
    return str(connection.execute(sa.select(FLEET.c.collector_id)).scalar() or "")


def set_fleet_id(connection: sa.Connection, collector_id: str) -> None:
    """Keeps through `connection` the `collector_id` of all who serve over this store."""
    connection.execute(FLEET.insert().values(fleet_id=1, collector_id=collector_id))


def beat(connection: sa.Connection, here: Neighbour, now: float) -> None:
    """Notes through `connection` that the collector `here` lives, `now` (seconds since 1970)."""
    values = {**asdict(here), "seen_unix_s": now}
    is_here = COLLECTORS.c.process_id == here.process_id
    if not changed(connection, COLLECTORS.update().where(is_here).values(**values)):
        connection.execute(COLLECTORS.insert().values(**values))


def others(connection: sa.Connection, process_id: str, since: float) -> list[Neighbour]:
    """The collectors but `process_id` that `connection` shows seen `since` then (seconds since 1970)."""
    query = COLLECTORS.select().where(
        COLLECTORS.c.process_id != process_id, COLLECTORS.c.seen_unix_s >= since
    )
    rows = connection.execute(query.order_by(COLLECTORS.c.process_id))
    return [Neighbour(row.process_id, row.host, row.lake, row.authorities) for row in rows]


def drop_silent(connection: sa.Connection, until: float) -> int:
    """Forgets through `connection` who was last seen before `until` (seconds since 1970), with its claims.

    Returns how many collectors that were.
    """
    silent = COLLECTORS.c.seen_unix_s < until
    connection.execute(
        CLAIMS.delete().where(CLAIMS.c.process_id.in_(sa.select(COLLECTORS.c.process_id).where(silent)))
    )
    return changed(connection, COLLECTORS.delete().where(silent))


def leave(connection: sa.Connection, process_id: str) -> None:
    """Forgets through `connection` the collector `process_id`, which ends, and what it claimed."""
    connection.execute(CLAIMS.delete().where(CLAIMS.c.process_id == process_id))
    connection.execute(COLLECTORS.delete().where(COLLECTORS.c.process_id == process_id))


def claim(connection: sa.Connection, work: str, process_id: str) -> bool:
    """Whether the piece of `work` is the collector `process_id`'s from now on, through `connection`.

    It is not where another has it. One that has it already keeps it.
    """
    before = holder(connection, work)
    if before is None:
        connection.execute(CLAIMS.insert().values(work=work, process_id=process_id))
    return before in (None, process_id)


def holder(connection: sa.Connection, work: str) -> str | None:
    """The collector that `connection` shows at the piece of `work`, by its process id."""
    return connection.execute(sa.select(CLAIMS.c.process_id).where(CLAIMS.c.work == work)).scalar()


def release(connection: sa.Connection, work: str, process_id: str) -> None:
    """Lets the piece of `work` go through `connection`, if it is the collector `process_id`'s."""
    connection.execute(CLAIMS.delete().where(CLAIMS.c.work == work, CLAIMS.c.process_id == process_id))
