"""Which session of an agent may speak for a device: registration, hello, and the check of every call."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.errors import SessionRefused, StorageUnavailable, Taken
from paretofleet_collector.model.limits import DEVICES_MAX
from paretofleet_collector.model.messages import Hello, Join, Joined, Session
from paretofleet_collector.store.devices import DEVICES, NOT_REMOVED, row_of

#: Of many devices at once, without their inventories.
_BRIEF = sa.select(
    DEVICES.c.device_id, DEVICES.c.name, DEVICES.c.removed, DEVICES.c.instance, DEVICES.c.session_id
)
_WHAT_TO_DO = (
    "To have both, start this one with --home DIR and --name NAME of its own; if this one is device "
    "'{0}' from now on, stop the other and run `paretofleet devices reset {0}`."
)


def join(connection: sa.Connection, request: Join) -> Joined:
    """Registers through `connection` the device of a `request`; returns its id and name.

    Repeated with the same id it changes nothing. The name of a device that was reset brings its id with it.
    Raises Taken for the name of another device, SessionRefused for a device that was removed, and
    StorageUnavailable where there are too many.
    """
    row = row_of(connection, request.device_id)
    if row is not None:
        _check_not_removed(row)
        return Joined(str(row.device_id), str(row.name))
    namesake = connection.execute(DEVICES.select().where(DEVICES.c.name == request.name, NOT_REMOVED)).first()
    if namesake is not None and namesake.awaits_reset:
        return Joined(str(namesake.device_id), str(namesake.name))
    if namesake is not None:
        raise Taken(
            f"The name '{request.name}' belongs to another device; start this agent with another name, "
            f"run `paretofleet devices reset {request.name}` if it is that device with a new disk, "
            f"or `paretofleet devices remove {request.name}` if that device is gone."
        )
    _check_room(connection)
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
            pool=request.pool,
            instance=0,
            session_id="",
            last_seen_unix_s=None,
            paused=False,
            removed=False,
        )
    )
    return Joined(request.device_id, request.name)


def open_session(connection: sa.Connection, hello: Hello, now: float, lives_s: float) -> None:
    """Makes through `connection` the session of `hello` the one that speaks for its device from `now` on.

    A higher instance replaces the stored one if it is of the same machine and folder, or if the old one was
    silent for `lives_s` seconds; the same instance is the same process only if the random session id is the
    same too. Raises SessionRefused for a copy of the identity, an unknown or a removed device. `now` is in
    seconds since 1970.
    """
    session = hello.session
    row = row_of(connection, session.device_id)
    if row is None:
        raise SessionRefused(_unknown(session.device_id), "unknown")
    _check_not_removed(row)
    if not row.awaits_reset and (session.instance, session.session_id) != (row.instance, row.session_id):
        _check_no_copy(row, hello, now, lives_s)
    connection.execute(
        DEVICES.update()
        .where(DEVICES.c.device_id == session.device_id)
        .values(
            instance=session.instance,
            session_id=session.session_id,
            boot_id=hello.boot_id,
            machine=hello.machine,
            awaits_reset=False,
            may_reboot=hello.may_reboot,
            agent_version=hello.agent_version,
            device_class=hello.device_class or row.device_class,
            agent_labels=json.dumps(dict(hello.labels)),
            inventory=json.dumps(asdict(hello.inventory)),
            last_seen_unix_s=now,
        )
    )


def _check_no_copy(row: sa.Row[Any], hello: Hello, now: float, lives_s: float) -> None:
    """Raises SessionRefused where an agent that starts must not take over from the one of `row`."""
    lives = (
        bool(row.session_id) and row.last_seen_unix_s is not None and now - row.last_seen_unix_s <= lives_s
    )
    if hello.session.instance <= row.instance:
        raise SessionRefused(
            f"Another agent has spoken as device '{row.name}' since (start {row.instance}, this one is start "
            f"{hello.session.instance}): this is a copy of its identity, or an older state of its folder. "
            f"{_WHAT_TO_DO.format(row.name)}",
            "copied",
        )
    if lives and not _is_same_machine(row, hello):
        raise SessionRefused(
            f"Device '{row.name}' runs on another machine or from another folder at this moment, and goes on "
            f"there: this is a copy of its identity. {_WHAT_TO_DO.format(row.name)}",
            "copied",
        )


def _is_same_machine(row: sa.Row[Any], hello: Hello) -> bool:
    """Agents before machines were told have only their boot to go by."""
    if row.machine and hello.machine:
        return bool(row.machine == hello.machine)
    return bool(row.boot_id == hello.boot_id)


def check_uploader(connection: sa.Connection, session: Session) -> sa.Row[Any]:
    """The row of the device for which `session` uploads, by `connection`; raises SessionRefused.

    A spool that was carried here speaks beside the device's session: chunks are stored once whoever sends
    them.
    """
    return (
        _joined(connection, session.device_id) if session.uploads_only else check_session(connection, session)
    )


def check_session(connection: sa.Connection, session: Session) -> sa.Row[Any]:
    """The row of the device of `session` that `connection` sees; raises SessionRefused.

    That is where another session has replaced this one, or the device is removed or unknown.
    """
    row: sa.Row[Any] = _checked(session, row_of(connection, session.device_id))
    return row


def refused(
    connection: sa.Connection, sessions: Iterable[Session], *, uploading: bool = False
) -> dict[Session, SessionRefused]:
    """Those of `sessions` that `check_session` would refuse, with the reason; it is one query.

    Where they are `uploading`, by the rule of `check_uploader`. `connection` is where devices are read.
    """
    sessions = list(sessions)
    query = _BRIEF.where(DEVICES.c.device_id.in_([session.device_id for session in sessions]))
    rows = {row.device_id: row for row in connection.execute(query)}
    refusals = {}
    for session in sessions:
        try:
            _checked(session, rows.get(session.device_id), uploading=uploading)
        except SessionRefused as error:
            refusals[session] = error
    return refusals


def note_all(
    connection: sa.Connection, sessions: Iterable[Session], now: float, at_most_every_s: float
) -> dict[Session, SessionRefused]:
    """Notes through `connection` that the devices of `sessions` were heard `now` (seconds since 1970).

    Unless that was noted less than `at_most_every_s` seconds ago. Returns which are refused, and why.
    """
    sessions = list(sessions)
    refusals = refused(connection, sessions)
    device_ids = [session.device_id for session in sessions if session not in refusals]
    long_ago = sa.or_(
        DEVICES.c.last_seen_unix_s.is_(None), sa.func.abs(now - DEVICES.c.last_seen_unix_s) >= at_most_every_s
    )
    connection.execute(
        DEVICES.update().where(DEVICES.c.device_id.in_(device_ids), long_ago).values(last_seen_unix_s=now)
    )
    return refusals


def _checked(session: Session, row: Any, *, uploading: bool = False) -> Any:
    if row is None:
        raise SessionRefused(_unknown(session.device_id), "unknown")
    _check_not_removed(row)
    if session.uploads_only and uploading:
        return row
    if session.uploads_only:
        raise SessionRefused(f"What speaks for device '{row.name}' may only upload.", "replaced")
    is_greeted = bool(session.session_id)  # the row of a device that only joined has none either
    if not is_greeted or (row.instance, row.session_id) != (session.instance, session.session_id):
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


def _joined(connection: sa.Connection, device_id: str) -> sa.Row[Any]:
    row = row_of(connection, device_id)
    if row is None:
        raise SessionRefused(_unknown(device_id), "unknown")
    _check_not_removed(row)
    return row


def _check_room(connection: sa.Connection) -> None:
    number = connection.execute(sa.select(sa.func.count()).select_from(DEVICES)).scalar_one()
    if number >= DEVICES_MAX:
        raise StorageUnavailable(
            f"This collector knows {number:,} devices, removed ones too; at most {DEVICES_MAX:,} are "
            "accepted: start another collector for more."
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
