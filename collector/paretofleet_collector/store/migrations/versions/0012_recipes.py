"""Of variants the recipe by which they were made, their compact size, and whether they are private."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Adds the columns; variants that are there were not made here, and are not private."""
    op.add_column("variants", sa.Column("record", sa.Text(), nullable=False, server_default=""))
    op.add_column("variants", sa.Column("compressed_bytes", sa.BigInteger(), nullable=True))
    op.add_column(
        "variants", sa.Column("is_private", sa.Boolean(), nullable=False, server_default=sa.false())
    )
