"""Devices, and which session of an agent may speak for one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.errors import NotFound, SessionRefused, Taken
from paretofleet_collector.model.entities import Device, Inventory, RuntimeInfo, SensorInfo, Target
from paretofleet_collector.model.messages import Hello, Join, Session
from paretofleet_collector.store.base import METADATA, changed

DEVICES = sa.Table(
    "devices",
    METADATA,
    sa.Column("device_id", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("device_class", sa.String(64), nullable=False),
    #: What the agent said, and what an operator set on top; an empty value hides the agent's.
    sa.Column("agent_labels", sa.Text, nullable=False),
    sa.Column("operator_labels", sa.Text, nullable=False),
    sa.Column("inventory", sa.Text, nullable=False),
    sa.Column("agent_version", sa.String(64), nullable=False),
    sa.Column("boot_id", sa.String(64), nullable=False),
    #: Whether its owner allows the collector to have it rebooted.
    sa.Column("may_reboot", sa.Boolean, nullable=False, server_default="0"),
    sa.Column("instance", sa.BigInteger, nullable=False),
    sa.Column("session_id", sa.String(64), nullable=False),
    sa.Column("last_seen_unix_s", sa.Float),
    sa.Column("paused", sa.Boolean, nullable=False),
    sa.Column("removed", sa.Boolean, nullable=False),
)
#: A removed device gives its name up.
sa.Index(
    "uq_devices_name",
    DEVICES.c.name,
    unique=True,
    sqlite_where=sa.text("NOT removed"),
    postgresql_where=sa.text("NOT removed"),
)
_KNOWN = DEVICES.c.removed.is_(sa.false())


def join(connection: sa.Connection, request: Join) -> str:
    """Registers a device and returns its name; repeated with the same id it changes nothing."""
    row = _row(connection, request.device_id)
    if row is not None:
        _check_not_removed(row)
        return str(row.name)
    if connection.execute(
        sa.select(DEVICES.c.device_id).where(DEVICES.c.name == request.name, _KNOWN)
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
    """Makes a session the one that speaks for its device; refuses a copy of the identity.

    A higher instance replaces the stored one; the same instance is the same process only if the random
    session id is the same too.
    """
    session = hello.session
    row = _row(connection, session.device_id)
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
    """The device's row; raises SessionRefused when another session has replaced this one."""
    row = _row(connection, session.device_id)
    if row is None:
        raise SessionRefused(_unknown(session.device_id), "unknown")
    _check_not_removed(row)
    if (row.instance, row.session_id) != (session.instance, session.session_id):
        raise SessionRefused(
            f"This session of device '{row.name}' was replaced by a newer one; say hello again.", "replaced"
        )
    return row


def is_removed(connection: sa.Connection, device_id: str) -> bool:
    """True for a device that was removed, or is not known."""
    row = _row(connection, device_id)
    return row is None or bool(row.removed)


def boot(connection: sa.Connection, device_id: str) -> tuple[str, bool]:
    """The boot that a device is in and whether it may be rebooted, as it said last."""
    row = _row(connection, device_id)
    return ("", False) if row is None else (row.boot_id, bool(row.may_reboot))


def touch(connection: sa.Connection, row: sa.Row[Any], now: float, at_most_every_s: float) -> None:
    """Notes that a device was heard, unless that was noted a moment ago."""
    if row.last_seen_unix_s is None or abs(now - row.last_seen_unix_s) >= at_most_every_s:
        connection.execute(
            DEVICES.update().where(DEVICES.c.device_id == row.device_id).values(last_seen_unix_s=now)
        )


def listing(connection: sa.Connection, now: float, offline_after_s: float) -> list[Device]:
    """Every device by name, removed ones last."""
    rows = connection.execute(DEVICES.select().order_by(DEVICES.c.removed, DEVICES.c.name))
    return [_device(row, now, offline_after_s) for row in rows]


def heard_since(connection: sa.Connection, unix_s: float, but: str) -> list[Device]:
    """The devices that were heard at `unix_s` or later, without removed ones and the device `but`."""
    query = DEVICES.select().where(DEVICES.c.last_seen_unix_s >= unix_s, DEVICES.c.device_id != but, _KNOWN)
    return [_device(row, unix_s, 0.0) for row in connection.execute(query.order_by(DEVICES.c.name))]


def find(connection: sa.Connection, name: str, now: float, offline_after_s: float) -> Device:
    """The device with a name or an id, one that was not removed first; raises NotFound."""
    query = DEVICES.select().where(sa.or_(DEVICES.c.name == name, DEVICES.c.device_id == name))
    row = connection.execute(query.order_by(DEVICES.c.removed)).first()
    if row is None:
        raise NotFound(
            f"There is no device '{name}'; `paretofleet devices list` shows those that have joined."
        )
    return _device(row, now, offline_after_s)


def change(connection: sa.Connection, device: Device, action: str, labels: Mapping[str, str]) -> None:
    """Applies pause, resume, remove or label; resuming a removed device needs its name to be free."""
    values: dict[str, Any]
    if action == "pause":
        values = {"paused": True}
    elif action == "resume":
        _check_name_free(connection, device)
        values = {"paused": False, "removed": False}
    elif action == "remove":
        values = {"removed": True, "session_id": ""}
    else:
        stored = connection.execute(
            sa.select(DEVICES.c.operator_labels).where(DEVICES.c.device_id == device.device_id)
        ).scalar_one()
        values = {"operator_labels": json.dumps({**json.loads(stored), **labels})}
    changed(connection, DEVICES.update().where(DEVICES.c.device_id == device.device_id).values(**values))


def _check_name_free(connection: sa.Connection, device: Device) -> None:
    query = sa.select(DEVICES.c.device_id).where(
        DEVICES.c.name == device.name, DEVICES.c.device_id != device.device_id, _KNOWN
    )
    if connection.execute(query).first():
        raise Taken(f"The name '{device.name}' belongs to another device now; remove that one first.")


def _row(connection: sa.Connection, device_id: str) -> sa.Row[Any] | None:
    return connection.execute(DEVICES.select().where(DEVICES.c.device_id == device_id)).first()


def _unknown(device_id: str) -> str:
    return f"Device {device_id} has not joined this collector; start its agent with this collector's address."


def _check_not_removed(row: sa.Row[Any]) -> None:
    if row.removed:
        raise SessionRefused(
            f"Device '{row.name}' was removed from this fleet; `paretofleet devices resume {row.device_id}` "
            "takes it back.",
            "removed",
        )


def _device(row: sa.Row[Any], now: float, offline_after_s: float) -> Device:
    heard = row.last_seen_unix_s is not None and now - row.last_seen_unix_s <= offline_after_s
    state = "removed" if row.removed else "paused" if row.paused else "online" if heard else "offline"
    labels = {**json.loads(row.agent_labels), **json.loads(row.operator_labels)}
    return Device(
        device_id=row.device_id,
        name=row.name,
        device_class=row.device_class,
        state=state,
        labels={key: value for key, value in labels.items() if value},
        inventory=_inventory(json.loads(row.inventory)),
        agent_version=row.agent_version,
        last_seen_unix_s=row.last_seen_unix_s,
    )


def _inventory(value: Mapping[str, Any]) -> Inventory:
    if not value:
        return Inventory()
    return Inventory(
        targets=tuple(Target(**item) for item in value["targets"]),
        runtimes=tuple(
            RuntimeInfo(item["name"], item["version"], tuple(item["target_ids"]))
            for item in value["runtimes"]
        ),
        sensors=tuple(SensorInfo(**item) for item in value["sensors"]),
        memory_bytes=value["memory_bytes"],
        cpus=tuple(value["cpus"]),
        architecture=value["architecture"],
        simulated=value["simulated"],
    )
