"""Identity: tokens, certificates, devices that wait for approval, machines, and who submitted a sweep."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Adds the tables of identity, what tells a device's machine from a copy's, and owners of sweeps."""
    op.add_column("devices", sa.Column("pool", sa.String(length=64), nullable=False, server_default=""))
    op.add_column("devices", sa.Column("machine", sa.String(length=64), nullable=False, server_default=""))
    op.add_column(
        "devices", sa.Column("awaits_reset", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column(
        "sweeps", sa.Column("submitted_by", sa.String(length=64), nullable=False, server_default="")
    )
    op.create_table(
        "tokens",
        sa.Column("token_id", sa.String(length=16), primary_key=True),
        sa.Column("secret_sha256", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("pool", sa.String(length=64), nullable=False),
        sa.Column("approve", sa.Boolean(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        sa.Column("created_unix_s", sa.Float(), nullable=False),
        sa.Column("expires_unix_s", sa.Float(), nullable=False),
        sa.Column("revoked_unix_s", sa.Float(), nullable=True),
    )
    op.create_table(
        "certificates",
        sa.Column("certificate_id", sa.String(length=32), primary_key=True),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("key_sha256", sa.String(length=64), nullable=False),
        sa.Column("authority_sha256", sa.String(length=64), nullable=False),
        sa.Column("pem", sa.Text(), nullable=False),
        sa.Column("issued_unix_s", sa.Float(), nullable=False),
        sa.Column("expires_unix_s", sa.Float(), nullable=False),
        sa.Column("revoked_unix_s", sa.Float(), nullable=True),
    )
    op.create_index("ix_certificates_subject", "certificates", ["subject"])
    op.create_index("ix_certificates_key_sha256", "certificates", ["key_sha256"])
    op.create_table(
        "enrolments",
        sa.Column("key_sha256", sa.String(length=64), primary_key=True),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("device_class", sa.String(length=64), nullable=False),
        sa.Column("pool", sa.String(length=64), nullable=False),
        sa.Column("asked_unix_s", sa.Float(), nullable=False),
        sa.Column("approved_unix_s", sa.Float(), nullable=True),
    )
