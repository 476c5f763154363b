"""Reboots that sweeps asked of devices: of whom, in which boot, and when first."""

from __future__ import annotations

import sqlalchemy as sa

from paretofleet_collector.store.base import METADATA

REBOOTS = sa.Table(
    "reboots",
    METADATA,
    sa.Column("sweep_id", sa.ForeignKey("sweeps.sweep_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("device_id", sa.String(64), primary_key=True),
    sa.Column("boot_id", sa.String(64), primary_key=True),
    sa.Column("asked_unix_s", sa.Float, nullable=False),
)


def note(connection: sa.Connection, sweep_id: str, device_id: str, boot_id: str, now: float) -> None:
    """Keeps through `connection` when a sweep first asked a device to leave a boot.

    The sweep is `sweep_id`, the device `device_id`, the boot `boot_id`; `now` is in seconds since 1970.
    """
    if asked_unix_s(connection, sweep_id, device_id, boot_id) is None:
        connection.execute(
            REBOOTS.insert().values(sweep_id=sweep_id, device_id=device_id, boot_id=boot_id, asked_unix_s=now)
        )


def asked_unix_s(connection: sa.Connection, sweep_id: str, device_id: str, boot_id: str) -> float | None:
    """When a sweep first asked a device to leave a boot, in seconds since 1970.

    The sweep is `sweep_id`, the device `device_id`, the boot `boot_id`. None where `connection` shows that it
    did not.
    """
    query = sa.select(REBOOTS.c.asked_unix_s).where(
        REBOOTS.c.sweep_id == sweep_id, REBOOTS.c.device_id == device_id, REBOOTS.c.boot_id == boot_id
    )
    unix_s = connection.execute(query).scalar()
    return None if unix_s is None else float(unix_s)
