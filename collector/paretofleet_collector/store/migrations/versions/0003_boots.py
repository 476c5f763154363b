"""Sweeps whose blocks are spread over boots of their devices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Adds the boots a sweep asks for, those of attempts, who may reboot, and what was asked of whom."""
    op.add_column("sweeps", sa.Column("boots", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("attempts", sa.Column("boot_id", sa.String(length=64), nullable=True))
    op.add_column("devices", sa.Column("may_reboot", sa.Boolean(), nullable=False, server_default="0"))
    op.create_table(
        "reboots",
        sa.Column("sweep_id", sa.String(length=16), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("boot_id", sa.String(length=64), nullable=False),
        sa.Column("asked_unix_s", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["sweep_id"], ["sweeps.sweep_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sweep_id", "device_id", "boot_id"),
    )
