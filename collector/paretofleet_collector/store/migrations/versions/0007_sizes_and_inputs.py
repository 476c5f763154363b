"""What models are fed: sizes, inputs and what the graph asks for with each variant; files of samples."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Adds what a variant is fed where a sweep says nothing, and the table of files of samples."""
    for name in ("sizes_json", "inputs_json", "graph_json"):
        op.add_column("variants", sa.Column(name, sa.Text(), nullable=False, server_default="{}"))
    op.create_table(
        "input_files",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("arrays_json", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
    )
