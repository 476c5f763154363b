"""Sweeps whose later blocks are chosen by the ranking so far."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Adds the use by which a sweep is adaptive, and the choices that were made."""
    op.add_column("sweeps", sa.Column("adaptive", sa.String(length=16), nullable=True))
    op.create_table(
        "choices",
        sa.Column("sweep_id", sa.String(length=16), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("configuration_ids_json", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("chosen_unix_s", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["sweep_id"], ["sweeps.sweep_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sweep_id", "device_id", "block"),
    )
