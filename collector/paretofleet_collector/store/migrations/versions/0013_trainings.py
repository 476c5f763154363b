"""Of variants what their trainings came to and cost."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Adds the column; nobody measured a training of the variants that are there."""
    op.add_column("variants", sa.Column("training_json", sa.Text(), nullable=False, server_default="{}"))
