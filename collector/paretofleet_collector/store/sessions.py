"""Which session of an agent may speak for a device: registration, hello, and the check of every call."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.errors import SessionRefused, Taken
from paretofleet_collector.model.messages import Hello, Join, Session
from paretofleet_collector.store.devices import DEVICES, NOT_REMOVED, row_of


def join(connection: sa.Connection, request: Join) -> str:
    """Registers through `connection` the device of a `request`; returns its name.

    Repeated with the same id it changes nothing. Raises Taken for the name of another device, SessionRefused
    for a device that was removed.
    """
    row = row_of(connection, request.device_id)
    if row is not None:
        _check_not_removed(row)
        return str(row.name)
    if connection.execute(
        sa.select(DEVICES.c.device_id).where(DEVICES.c.name == request.name, NOT_REMOVED)
    ).first():
        raise Taken(
            f"The name '{request.name}' belongs to another device; start this agent with another name, "
            f"or run `paretofleet devices remove {request.name}` if that device is gone."
        )
    connection.execute(
        DEVICES.insert().values(
            device_id=request.device_id,
            name=request.name,
            device_class=request.device_class,
            agent_labels=json.dumps(dict(request.labels)),
            operator_labels="{}",
            inventory="{}",
            agent_version="",
            boot_id="",
            instance=0,
            session_id="",
            last_seen_unix_s=None,
            paused=False,
            removed=False,
        )
    )
    return request.name


def open_session(connection: sa.Connection, hello: Hello, now: float) -> None:
    """Makes through `connection` the session of `hello` the one that speaks for its device from `now` on.

    A higher instance replaces the stored one; the same instance is the same process only if the random
    session id is the same too. Raises SessionRefused for a copy of the identity, an unknown or a removed
    device. `now` is in seconds since 1970.
    """
    session = hello.session
    row = row_of(connection, session.device_id)
    if row is None:
        raise SessionRefused(_unknown(session.device_id), "unknown")
    _check_not_removed(row)
    replaces = session.instance > row.instance
    if not replaces and (session.instance, session.session_id) != (row.instance, row.session_id):
        raise SessionRefused(
            f"Another agent already speaks as device '{row.name}' (start {row.instance}, this one is start "
            f"{session.instance}): this is a copy of its identity; delete the agent's home folder here so "
            "that it joins as a device of its own.",
            "copied",
        )
    connection.execute(
        DEVICES.update()
        .where(DEVICES.c.device_id == session.device_id)
        .values(
            instance=session.instance,
            session_id=session.session_id,
            boot_id=hello.boot_id,
            may_reboot=hello.may_reboot,
            agent_version=hello.agent_version,
            device_class=hello.device_class or row.device_class,
            agent_labels=json.dumps(dict(hello.labels)),
            inventory=json.dumps(asdict(hello.inventory)),
            last_seen_unix_s=now,
        )
    )


def check_session(connection: sa.Connection, session: Session) -> sa.Row[Any]:
    """The row of the device of `session` that `connection` sees; raises SessionRefused.

    That is where another session has replaced this one, or the device is removed or unknown.
    """
    row = row_of(connection, session.device_id)
    if row is None:
        raise SessionRefused(_unknown(session.device_id), "unknown")
    _check_not_removed(row)
    if (row.instance, row.session_id) != (session.instance, session.session_id):
        raise SessionRefused(
            f"This session of device '{row.name}' was replaced by a newer one; say hello again.", "replaced"
        )
    return row


def touch(connection: sa.Connection, row: sa.Row[Any], now: float, at_most_every_s: float) -> None:
    """Notes through `connection` that the device of `row` was heard `now` (seconds since 1970).

    Unless that was noted less than `at_most_every_s` seconds ago.
    """
    if row.last_seen_unix_s is None or abs(now - row.last_seen_unix_s) >= at_most_every_s:
        connection.execute(
            DEVICES.update().where(DEVICES.c.device_id == row.device_id).values(last_seen_unix_s=now)
        )


def _unknown(device_id: str) -> str:
    return f"Device {device_id} has not joined this collector; start its agent with this collector's address."


def _check_not_removed(row: sa.Row[Any]) -> None:
    if row.removed:
        raise SessionRefused(
            f"Device '{row.name}' was removed from this fleet; `paretofleet devices resume {row.device_id}` "
            "takes it back.",
            "removed",
        )
