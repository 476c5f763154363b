"""Several collectors of one fleet: its id, who lives, and who is at which piece of work."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Makes the three tables."""
    op.create_table(
        "fleet",
        sa.Column("fleet_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("collector_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("fleet_id", name="pk_fleet"),
    )
    op.create_table(
        "collectors",
        sa.Column("process_id", sa.String(length=16), nullable=False),
        sa.Column("host", sa.String(length=256), nullable=False),
        sa.Column("lake", sa.Text(), nullable=False),
        sa.Column("authorities", sa.Text(), nullable=False),
        sa.Column("seen_unix_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("process_id", name="pk_collectors"),
    )
    op.create_table(
        "claims",
        sa.Column("work", sa.String(length=128), nullable=False),
        sa.Column("process_id", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("work", name="pk_claims"),
    )
    op.create_index("ix_claims_process_id", "claims", ["process_id"])
