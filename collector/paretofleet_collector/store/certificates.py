"""Certificates of devices and people: until when each counts, and when it was revoked.

The dates in the certificates themselves run from 1970 to 9999: a refusal by the store can say why.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paretofleet_collector.store.base import METADATA

CERTIFICATES = sa.Table(
    "certificates",
    METADATA,
    sa.Column("certificate_id", sa.String(32), primary_key=True),
    #: "agent" for a device, whose id is then the subject; else a person's role, and the subject a name.
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("subject", sa.String(64), nullable=False, index=True),
    #: SHA-256 of the public key, and of the authority's certificate.
    sa.Column("key_sha256", sa.String(64), nullable=False, index=True),
    sa.Column("authority_sha256", sa.String(64), nullable=False),
    sa.Column("pem", sa.Text, nullable=False),
    sa.Column("issued_unix_s", sa.Float, nullable=False),
    sa.Column("expires_unix_s", sa.Float, nullable=False),
    sa.Column("revoked_unix_s", sa.Float),
)


def add(connection: sa.Connection, values: dict[str, Any]) -> None:
    """Keeps through `connection` a new certificate, whose columns are `values`."""
    connection.execute(CERTIFICATES.insert().values(**values))


def row_of(connection: sa.Connection, certificate_id: str) -> sa.Row[Any] | None:
    """The row of the certificate `certificate_id` that `connection` sees, or None."""
    query = CERTIFICATES.select().where(CERTIFICATES.c.certificate_id == certificate_id)
    return connection.execute(query).first()


def of_key(connection: sa.Connection, key_sha256: str) -> sa.Row[Any] | None:
    """The newest certificate of the public key with `key_sha256` that `connection` sees, or None."""
    query = CERTIFICATES.select().where(CERTIFICATES.c.key_sha256 == key_sha256)
    return connection.execute(query.order_by(CERTIFICATES.c.issued_unix_s.desc())).first()


def are_there(connection: sa.Connection) -> bool:
    """Whether `connection` sees any certificate, also one that counts no more."""
    return connection.execute(sa.select(CERTIFICATES.c.certificate_id).limit(1)).first() is not None


def stamp(connection: sa.Connection) -> tuple[int, float, float]:
    """What differs after any change of certificates, by `connection`: how many, and the last times of two."""
    columns = CERTIFICATES.c
    query = sa.select(
        sa.func.count(), sa.func.max(columns.issued_unix_s), sa.func.max(columns.revoked_unix_s)
    ).select_from(CERTIFICATES)
    row = connection.execute(query).one()
    return row[0], row[1] or 0.0, row[2] or 0.0


def newest(connection: sa.Connection) -> dict[tuple[bool, str], sa.Row[Any]]:
    """The newest certificate of each subject that `connection` sees, by (is a device, subject)."""
    rows = connection.execute(CERTIFICATES.select().order_by(CERTIFICATES.c.issued_unix_s))
    return {(row.role == "agent", row.subject): row for row in rows}


def number_valid(connection: sa.Connection, role: str, subject: str, now: float) -> int:
    """How many certificates of a `subject` with a `role` count `now`, by what `connection` sees.

    `now` is in seconds since 1970.
    """
    query = sa.select(sa.func.count()).where(
        CERTIFICATES.c.subject == subject,
        CERTIFICATES.c.role == role,
        CERTIFICATES.c.revoked_unix_s.is_(None),
        CERTIFICATES.c.expires_unix_s > now,
    )
    return int(connection.execute(query).scalar_one())


def set_role(connection: sa.Connection, subject: str, role: str) -> None:
    """Gives through `connection` every certificate of the person `subject` the `role` of the newest."""
    of_person = sa.and_(CERTIFICATES.c.subject == subject, CERTIFICATES.c.role != "agent")
    connection.execute(CERTIFICATES.update().where(of_person).values(role=role))


def revoke(connection: sa.Connection, subject: str, now: float, *, device: bool) -> list[str]:
    """Ends through `connection` every certificate of a `subject` at `now`, in seconds since 1970.

    The subject is a device's id, or with `device` False a person's name. Returns the certificates' ids.
    """
    of_subject = sa.and_(
        CERTIFICATES.c.subject == subject,
        (CERTIFICATES.c.role == "agent") if device else (CERTIFICATES.c.role != "agent"),
        CERTIFICATES.c.revoked_unix_s.is_(None),
    )
    ids = list(connection.execute(sa.select(CERTIFICATES.c.certificate_id).where(of_subject)).scalars())
    connection.execute(CERTIFICATES.update().where(of_subject).values(revoked_unix_s=now))
    return ids
