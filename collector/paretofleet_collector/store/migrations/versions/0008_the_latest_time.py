"""The latest wall time is kept: an expired certificate does not count again where the clock is set back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Adds the table of the one time."""
    op.create_table(
        "clock",
        sa.Column("clock_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("latest_unix_s", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("clock_id", name="pk_clock"),
    )
