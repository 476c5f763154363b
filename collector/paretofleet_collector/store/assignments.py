"""What of a sweep is whose: how many whole blocks a device has there, and whether its part has ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from paretofleet_collector.model.entities import SWEEP_FINAL
from paretofleet_collector.store import runs
from paretofleet_collector.store.base import METADATA, changed
from paretofleet_collector.store.devices import DEVICES, NOT_REMOVED
from paretofleet_collector.store.sweeps import PAUSED, SUBMITTING, SWEEPS

ASSIGNMENTS = sa.Table(
    "assignments",
    METADATA,
    sa.Column("sweep_id", sa.ForeignKey("sweeps.sweep_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("device_id", sa.String(64), primary_key=True),
    #: Runs of later blocks are being added, and nothing of them is granted yet.
    sa.Column("blocks", sa.Integer, nullable=False),
    #: Nothing is left for the device here, unless its runs are tried again.
    sa.Column("is_done", sa.Boolean, nullable=False),
    #: Parts with more come first, those with as much first come first.
    sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
    #: An operator takes the part back: its open runs are being skipped, and then it is done.
    sa.Column("is_skipped", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("ix_assignments_device_id", "device_id", "is_done"),
)


#: Of the parts those on which their devices are to work.
_IN_QUEUE = (
    ASSIGNMENTS.c.is_done.is_(sa.false()),
    ASSIGNMENTS.c.is_skipped.is_(sa.false()),
    SWEEPS.c.state.not_in((*SWEEP_FINAL, SUBMITTING, PAUSED)),
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


def queue(connection: sa.Connection, device_id: str) -> list[str]:
    """Ids of the sweeps on which the device `device_id` shall work, the next first.

    As `connection` sees them, by their priority, then first come first. Where an order was asked for, a block
    that is under way comes before it, so that blocks stay whole.
    """
    query = (
        sa.select(SWEEPS.c.sweep_id, ASSIGNMENTS.c.priority)
        .join(ASSIGNMENTS, ASSIGNMENTS.c.sweep_id == SWEEPS.c.sweep_id)
        .where(ASSIGNMENTS.c.device_id == device_id, *_IN_QUEUE)
        .order_by(ASSIGNMENTS.c.priority.desc(), SWEEPS.c.number)
    )
    rows = connection.execute(query).all()
    sweep_ids = [row.sweep_id for row in rows]
    if not any(row.priority for row in rows):
        return sweep_ids
    begun = (each for each in sweep_ids if runs.is_within_block(connection, each, device_id))
    return list(dict.fromkeys([*list(begun)[:1], *sweep_ids]))


def queues(connection: sa.Connection) -> dict[str, tuple[str, ...]]:
    """By device id the names of the sweeps in its queue, by what `connection` shows, but for begun blocks."""
    query = (
        sa.select(ASSIGNMENTS.c.device_id, SWEEPS.c.name)
        .join(SWEEPS, SWEEPS.c.sweep_id == ASSIGNMENTS.c.sweep_id)
        .where(*_IN_QUEUE)
        .order_by(ASSIGNMENTS.c.priority.desc(), SWEEPS.c.number)
    )
    names: dict[str, tuple[str, ...]] = {}
    for row in connection.execute(query):
        names[row.device_id] = (*names.get(row.device_id, ()), row.name)
    return names


def put(connection: sa.Connection, device_id: str, sweep_ids: Sequence[str], *, last: bool) -> list[str]:
    """Puts `sweep_ids`, in this order, before the others in the queue of the device `device_id`.

    Or behind them: `last`. Through `connection`; returns those that are in its queue.
    """
    query = (
        sa.select(ASSIGNMENTS.c.sweep_id, ASSIGNMENTS.c.priority)
        .join(SWEEPS, SWEEPS.c.sweep_id == ASSIGNMENTS.c.sweep_id)
        .where(ASSIGNMENTS.c.device_id == device_id, *_IN_QUEUE)
    )
    priorities = {row.sweep_id: row.priority for row in connection.execute(query)}
    moved = [each for each in sweep_ids if each in priorities]
    others = [priority for each, priority in priorities.items() if each not in moved] or [0]
    first = min(others) - 1 if last else max(others) + len(moved)
    for place, sweep_id in enumerate(moved):
        statement = ASSIGNMENTS.update().where(*_is(sweep_id, device_id))
        connection.execute(statement.values(priority=first - place))
    return moved


def skip(connection: sa.Connection, sweep_id: str, device_id: str) -> bool:
    """Says through `connection` that the open part of the device `device_id` in `sweep_id` shall be skipped.

    False where there is none.
    """
    is_open = ASSIGNMENTS.c.is_done.is_(sa.false())
    statement = ASSIGNMENTS.update().where(*_is(sweep_id, device_id), is_open)
    return bool(changed(connection, statement.values(is_skipped=True)))


def is_skipped(connection: sa.Connection, sweep_id: str, device_id: str) -> bool:
    """Whether `connection` shows that the part of the device `device_id` in `sweep_id` shall be skipped."""
    query = sa.select(ASSIGNMENTS.c.is_skipped).where(*_is(sweep_id, device_id))
    return bool(connection.execute(query).scalar())


def half_skipped(connection: sa.Connection) -> list[tuple[str, str]]:
    """Sweep id and device id of the parts that `connection` shows being skipped."""
    query = sa.select(ASSIGNMENTS.c.sweep_id, ASSIGNMENTS.c.device_id).where(
        ASSIGNMENTS.c.is_skipped.is_(sa.true()), ASSIGNMENTS.c.is_done.is_(sa.false())
    )
    return [(row.sweep_id, row.device_id) for row in connection.execute(query)]


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
    values = {"is_done": False, "is_skipped": False}
    for device_id in device_ids:
        connection.execute(ASSIGNMENTS.update().where(*_is(sweep_id, device_id)).values(**values))


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
