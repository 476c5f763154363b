"""What people say of models: accuracy of the five best, licence, where the weights are from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Adds top-5 accuracy, licence and origin of a variant; unknown of those that are there."""
    op.add_column("variants", sa.Column("top5", sa.Float(), nullable=True))
    op.add_column("variants", sa.Column("licence", sa.String(length=128), nullable=True))
    op.add_column("variants", sa.Column("weights_source", sa.String(length=512), nullable=True))
