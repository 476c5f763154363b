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
    """Keeps when a device was first asked to leave a boot."""
    if asked_unix_s(connection, sweep_id, device_id, boot_id) is None:
        connection.execute(
            REBOOTS.insert().values(sweep_id=sweep_id, device_id=device_id, boot_id=boot_id, asked_unix_s=now)
        )


def asked_unix_s(connection: sa.Connection, sweep_id: str, device_id: str, boot_id: str) -> float | None:
    """When a device was asked to leave a boot; None where it was not."""
    query = sa.select(REBOOTS.c.asked_unix_s).where(
        REBOOTS.c.sweep_id == sweep_id, REBOOTS.c.device_id == device_id, REBOOTS.c.boot_id == boot_id
    )
    found = connection.execute(query).scalar()
    return None if found is None else float(found)
