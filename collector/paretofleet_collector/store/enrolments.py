"""Devices that asked to join by a token that wants somebody's approval."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paretofleet_collector.store.base import METADATA

ENROLMENTS = sa.Table(
    "enrolments",
    METADATA,
    #: SHA-256 of the device's public key; people compare the first digits.
    sa.Column("key_sha256", sa.String(64), primary_key=True),
    sa.Column("device_id", sa.String(64), nullable=False),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("device_class", sa.String(64), nullable=False),
    sa.Column("pool", sa.String(64), nullable=False),
    sa.Column("asked_unix_s", sa.Float, nullable=False),
    sa.Column("approved_unix_s", sa.Float),
)


def row_of(connection: sa.Connection, key_sha256: str) -> sa.Row[Any] | None:
    """What the device with the public key `key_sha256` asked for, by what `connection` sees, or None."""
    return connection.execute(ENROLMENTS.select().where(ENROLMENTS.c.key_sha256 == key_sha256)).first()


def add(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Keeps through `connection` that a device asks to join; its columns are `values`."""
    connection.execute(ENROLMENTS.insert().values(**values))


def waiting(connection: sa.Connection, *, is_approved_too: bool = False) -> list[sa.Row[Any]]:
    """The devices that `connection` shows as waiting for approval, the first that asked first.

    `is_approved_too`: also those that were approved and have not come for their certificate.
    """
    query = ENROLMENTS.select()
    if not is_approved_too:
        query = query.where(ENROLMENTS.c.approved_unix_s.is_(None))
    return list(connection.execute(query.order_by(ENROLMENTS.c.asked_unix_s)))


def approve(connection: sa.Connection, key_sha256: str, name: str, now: float) -> None:
    """Lets in through `connection` the device with the public key `key_sha256` as `name`.

    `now` is in seconds since 1970.
    """
    statement = ENROLMENTS.update().where(ENROLMENTS.c.key_sha256 == key_sha256)
    connection.execute(statement.values(name=name, approved_unix_s=now))


def remove(connection: sa.Connection, key_sha256: str) -> None:
    """Forgets through `connection` what the device with the public key `key_sha256` asked for."""
    connection.execute(ENROLMENTS.delete().where(ENROLMENTS.c.key_sha256 == key_sha256))
