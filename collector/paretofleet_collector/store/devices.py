"""Devices: what they are and have, by their agents' last words and an operator's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.errors import NotFound, Refused, Taken
from paretofleet_collector.model.entities import Device, Inventory, RuntimeInfo, SensorInfo, Target
from paretofleet_collector.model.limits import LABELS_MAX
from paretofleet_collector.store.base import METADATA, changed
from paretofleet_collector.suggest import near_names

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
    #: The group that it joined into by its token.
    sa.Column("pool", sa.String(64), nullable=False, server_default=""),
    #: What tells its machine and folder from a copy's; empty where nobody can tell.
    sa.Column("machine", sa.String(64), nullable=False, server_default=""),
    #: An operator said that the next agent of this name, or with this id, is this device again.
    sa.Column("awaits_reset", sa.Boolean, nullable=False, server_default=sa.false()),
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
NOT_REMOVED = DEVICES.c.removed.is_(sa.false())


def is_removed(connection: sa.Connection, device_id: str) -> bool:
    """True for a device `device_id` that was removed, or that `connection` does not show."""
    row = row_of(connection, device_id)
    return row is None or bool(row.removed)


def are_there(connection: sa.Connection) -> bool:
    """Whether `connection` sees any device."""
    return connection.execute(sa.select(DEVICES.c.device_id).limit(1)).first() is not None


def removed_ids(connection: sa.Connection) -> list[str]:
    """Ids of the removed devices that `connection` sees."""
    query = sa.select(DEVICES.c.device_id).where(DEVICES.c.removed.is_(sa.true()))
    return list(connection.execute(query).scalars())


def boot(connection: sa.Connection, device_id: str) -> tuple[str, bool]:
    """The boot that the device `device_id` is in, and whether it may be rebooted.

    As it said last, by what `connection` sees; empty and False for an unknown one.
    """
    row = row_of(connection, device_id)
    return ("", False) if row is None else (row.boot_id, bool(row.may_reboot))


def listing(connection: sa.Connection, now: float, offline_after_s: float) -> list[Device]:
    """Every device that `connection` sees by name, removed ones last.

    One that was silent for more than `offline_after_s` seconds before `now` (since 1970) is offline.
    """
    rows = connection.execute(DEVICES.select().order_by(DEVICES.c.removed, DEVICES.c.name))
    return [_device(row, now, offline_after_s) for row in rows]


@dataclass(frozen=True)
class Presence:
    """A device and whether it is there: `state` as a Device has it, `last_seen_unix_s` since 1970."""

    name: str
    state: str
    last_seen_unix_s: float | None


def presences(connection: sa.Connection, now: float, offline_after_s: float) -> dict[str, Presence]:
    """Every device that `connection` sees by its id, without what it has.

    `now` and `offline_after_s` are as in `listing`.
    """
    columns = (DEVICES.c.device_id, DEVICES.c.name, DEVICES.c.removed, DEVICES.c.paused)
    rows = connection.execute(sa.select(*columns, DEVICES.c.last_seen_unix_s))
    return {
        row.device_id: Presence(row.name, _state(row, now, offline_after_s), row.last_seen_unix_s)
        for row in rows
    }


def pools(connection: sa.Connection) -> dict[str, str]:
    """The group into which each device joined by its token, by device id, by what `connection` sees."""
    return {
        row.device_id: row.pool for row in connection.execute(sa.select(DEVICES.c.device_id, DEVICES.c.pool))
    }


def by_id(connection: sa.Connection) -> dict[str, Device]:
    """Every device that `connection` sees by its id, removed ones too, as if none had been heard lately."""
    return {row.device_id: _device(row, float("inf"), 0.0) for row in connection.execute(DEVICES.select())}


def heard_since(connection: sa.Connection, unix_s: float, but: str) -> list[Device]:
    """The devices that `connection` heard at `unix_s` (since 1970) or later, without removed ones and `but`.

    `but` is a device id.
    """
    query = DEVICES.select().where(
        DEVICES.c.last_seen_unix_s >= unix_s, DEVICES.c.device_id != but, NOT_REMOVED
    )
    return [_device(row, unix_s, 0.0) for row in connection.execute(query.order_by(DEVICES.c.name))]


def find(connection: sa.Connection, name: str, now: float, offline_after_s: float) -> Device:
    """The device with a `name` or an id that `connection` sees, one that was not removed first.

    One that was silent for more than `offline_after_s` seconds before `now` (since 1970) is offline. Raises
    NotFound.
    """
    query = DEVICES.select().where(sa.or_(DEVICES.c.name == name, DEVICES.c.device_id == name))
    row = connection.execute(query.order_by(DEVICES.c.removed)).first()
    if row is None:
        there = connection.execute(sa.select(DEVICES.c.name).where(DEVICES.c.removed.is_(False))).scalars()
        listed = f"{near_names(name, there)} `paretofleet devices list` shows those that have joined."
        raise NotFound(f"There is no device '{name}'; {listed.lstrip()}")
    return _device(row, now, offline_after_s)


def change(connection: sa.Connection, device: Device, action: str, labels: Mapping[str, str]) -> None:
    """Applies the `action` pause, resume, remove, reset or label to `device` through `connection`.

    `labels` are added to an operator's. Raises Refused for too many of them, Taken where a removed device is
    resumed whose name is taken.
    """
    values: dict[str, Any]
    if action == "pause":
        values = {"paused": True}
    elif action == "resume":
        _check_name_free(connection, device)
        values = {"paused": False, "removed": False}
    elif action == "remove":
        values = {"removed": True, "session_id": ""}
    elif action == "revoke":
        values = {"session_id": ""}
    elif action == "reset":
        values = {"awaits_reset": True, "session_id": ""}
    else:
        stored = connection.execute(
            sa.select(DEVICES.c.operator_labels).where(DEVICES.c.device_id == device.device_id)
        ).scalar_one()
        merged = {**json.loads(stored), **labels}
        if len(merged) > LABELS_MAX:
            raise Refused(
                f"{device.name} would have {len(merged)} labels of operators, hidden ones too; at most "
                f"{LABELS_MAX} are accepted."
            )
        values = {"operator_labels": json.dumps(merged)}
    changed(connection, DEVICES.update().where(DEVICES.c.device_id == device.device_id).values(**values))


def rename(connection: sa.Connection, device: Device, name: str) -> None:
    """Calls a `device` by another `name` through `connection`; raises Taken where a device has it."""
    _check_name_free(connection, device, name)
    changed(connection, DEVICES.update().where(DEVICES.c.device_id == device.device_id).values(name=name))


def _check_name_free(connection: sa.Connection, device: Device, name: str | None = None) -> None:
    name = device.name if name is None else name
    query = sa.select(DEVICES.c.device_id).where(
        DEVICES.c.name == name, DEVICES.c.device_id != device.device_id, NOT_REMOVED
    )
    if connection.execute(query).first():
        raise Taken(f"The name '{name}' belongs to another device now; remove that one first.")


def row_of(connection: sa.Connection, device_id: str) -> sa.Row[Any] | None:
    """The row of the device `device_id` that `connection` sees, or None."""
    return connection.execute(DEVICES.select().where(DEVICES.c.device_id == device_id)).first()


def _device(row: sa.Row[Any], now: float, offline_after_s: float) -> Device:
    labels = {**json.loads(row.agent_labels), **json.loads(row.operator_labels)}
    return Device(
        device_id=row.device_id,
        name=row.name,
        device_class=row.device_class,
        state=_state(row, now, offline_after_s),
        labels={key: value for key, value in labels.items() if value},
        inventory=_inventory(json.loads(row.inventory)),
        agent_version=row.agent_version,
        last_seen_unix_s=row.last_seen_unix_s,
    )


def _state(row: Any, now: float, offline_after_s: float) -> str:
    heard = row.last_seen_unix_s is not None and now - row.last_seen_unix_s <= offline_after_s
    return "removed" if row.removed else "paused" if row.paused else "online" if heard else "offline"


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
        wire_version=value.get("wire_version", 1),
        environment_json=value.get("environment_json", ""),
        isa=tuple(value.get("isa", ())),
    )
