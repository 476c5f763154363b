"""What people say of their sweeps, in which order a device works on them, and what it shall leave."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Adds note and labels of a sweep, and of a device's part its priority and whether it is skipped."""
    op.add_column("sweeps", sa.Column("note", sa.Text(), nullable=False, server_default=""))
    op.add_column("sweeps", sa.Column("labels_json", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("assignments", sa.Column("priority", sa.Integer(), nullable=False, server_default="0"))
    op.add_column(
        "assignments", sa.Column("is_skipped", sa.Boolean(), nullable=False, server_default=sa.false())
    )
