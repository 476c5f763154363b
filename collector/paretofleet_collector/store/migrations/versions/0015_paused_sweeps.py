"""Sweeps that are paused: since when, and by whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Adds when a sweep was paused, and by whom; the state itself is one more word in its column."""
    op.add_column("sweeps", sa.Column("paused_unix_s", sa.Float(), nullable=True))
    op.add_column("sweeps", sa.Column("paused_by", sa.String(length=64), nullable=False, server_default=""))
