"""What of a sweep is whose: how many whole blocks a device has there, and whether its part has ended."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from paretofleet_collector.model.entities import SWEEP_FINAL
from paretofleet_collector.store.base import METADATA
from paretofleet_collector.store.devices import DEVICES, NOT_REMOVED
from paretofleet_collector.store.sweeps import SUBMITTING, SWEEPS

ASSIGNMENTS = sa.Table(
    "assignments",
    METADATA,
    sa.Column("sweep_id", sa.ForeignKey("sweeps.sweep_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("device_id", sa.String(64), primary_key=True),
    #: Runs of later blocks are being added, and nothing of them is granted yet.
    sa.Column("blocks", sa.Integer, nullable=False),
    #: Nothing is left for the device here, unless its runs are tried again.
    sa.Column("is_done", sa.Boolean, nullable=False),
    sa.Index("ix_assignments_device_id", "device_id", "is_done"),
)


def insert(connection: sa.Connection, sweep_id: str, device_ids: Iterable[str], blocks: int) -> None:
    """Gives each of `device_ids` a part of `sweep_id`, of so many `blocks`, through `connection`."""
    rows = [
        {"sweep_id": sweep_id, "device_id": device_id, "blocks": blocks, "is_done": False}
        for device_id in device_ids
    ]
    if rows:
        connection.execute(ASSIGNMENTS.insert(), rows)


def open_sweeps(connection: sa.Connection, device_id: str) -> list[str]:
    """Ids of the sweeps that have something left for the device `device_id`, first come first.

    As `connection` sees them.
    """
    query = (
        sa.select(SWEEPS.c.sweep_id)
        .join(ASSIGNMENTS, ASSIGNMENTS.c.sweep_id == SWEEPS.c.sweep_id)
        .where(
            ASSIGNMENTS.c.device_id == device_id,
            ASSIGNMENTS.c.is_done.is_(sa.false()),
            SWEEPS.c.state.not_in((*SWEEP_FINAL, SUBMITTING)),
        )
        .order_by(SWEEPS.c.number)
    )
    return list(connection.execute(query).scalars())


def blocks(connection: sa.Connection, sweep_id: str, device_id: str) -> int | None:
    """How many whole blocks the device `device_id` has in the sweep `sweep_id`, as `connection` sees it.

    None where its part has ended.
    """
    query = sa.select(ASSIGNMENTS.c.blocks).where(
        *_is(sweep_id, device_id), ASSIGNMENTS.c.is_done.is_(sa.false())
    )
    return connection.execute(query).scalar()


def add_block(connection: sa.Connection, sweep_id: str, device_id: str, block: int) -> None:
    """Says through `connection` that the runs of a `block` of `device_id` in `sweep_id` are all there."""
    connection.execute(ASSIGNMENTS.update().where(*_is(sweep_id, device_id)).values(blocks=block))


def end(connection: sa.Connection, sweep_id: str, device_id: str) -> None:
    """Says through `connection` that nothing is left for the device `device_id` in the sweep `sweep_id`."""
    connection.execute(ASSIGNMENTS.update().where(*_is(sweep_id, device_id)).values(is_done=True))


def reopen(connection: sa.Connection, sweep_id: str, device_ids: Iterable[str]) -> None:
    """Gives through `connection` the devices `device_ids` their parts of the sweep `sweep_id` back."""
    for device_id in device_ids:
        connection.execute(ASSIGNMENTS.update().where(*_is(sweep_id, device_id)).values(is_done=False))


def devices_of(connection: sa.Connection, sweep_id: str) -> list[str]:
    """Ids of the devices that have a part of the sweep `sweep_id`, as `connection` sees them."""
    query = sa.select(ASSIGNMENTS.c.device_id).where(ASSIGNMENTS.c.sweep_id == sweep_id)
    return list(connection.execute(query).scalars())


def open_devices(connection: sa.Connection, sweep_id: str) -> list[str]:
    """Ids of the devices whose part of the sweep `sweep_id` has not ended, as `connection` sees them."""
    query = sa.select(ASSIGNMENTS.c.device_id).where(
        ASSIGNMENTS.c.sweep_id == sweep_id, ASSIGNMENTS.c.is_done.is_(sa.false())
    )
    return list(connection.execute(query).scalars())


def has_open(connection: sa.Connection, sweep_id: str) -> bool:
    """Whether a device that was not removed has not ended its part of the sweep `sweep_id`.

    As `connection` sees it.
    """
    query = (
        sa.select(ASSIGNMENTS.c.device_id)
        .join(DEVICES, DEVICES.c.device_id == ASSIGNMENTS.c.device_id)
        .where(ASSIGNMENTS.c.sweep_id == sweep_id, ASSIGNMENTS.c.is_done.is_(sa.false()), NOT_REMOVED)
        .limit(1)
    )
    return connection.execute(query).first() is not None


def unended(connection: sa.Connection) -> list[tuple[str, str]]:
    """Sweep id and device id of every part that has not ended, of sweeps under way that `connection` sees."""
    query = (
        sa.select(ASSIGNMENTS.c.sweep_id, ASSIGNMENTS.c.device_id)
        .join(SWEEPS, SWEEPS.c.sweep_id == ASSIGNMENTS.c.sweep_id)
        .where(
            ASSIGNMENTS.c.is_done.is_(sa.false()),
            SWEEPS.c.state.not_in((*SWEEP_FINAL, SUBMITTING)),
        )
        .order_by(SWEEPS.c.number)
    )
    return [(row.sweep_id, row.device_id) for row in connection.execute(query)]


def _is(sweep_id: str, device_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return ASSIGNMENTS.c.sweep_id == sweep_id, ASSIGNMENTS.c.device_id == device_id
