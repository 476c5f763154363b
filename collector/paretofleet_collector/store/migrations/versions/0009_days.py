"""Sweeps whose blocks are spread over days."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Adds the days a sweep asks for."""
    op.add_column("sweeps", sa.Column("days", sa.Integer(), nullable=False, server_default="1"))
