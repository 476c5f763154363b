"""Files that hold several runs, and files that nothing needs any more and that are deleted a while later."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_COLUMNS = "path, run_id, attempt, sha256, size_bytes, samples, sealed_unix_s"


def upgrade() -> None:
    """Keys the manifest by attempt, each with its place in its file; makes the list of discarded files."""
    op.create_table(
        "discarded",
        sa.Column("path", sa.String(length=256), nullable=False),
        sa.Column("since_unix_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("path"),
    )
    op.create_table("manifest_before", *_columns())
    op.execute(f"INSERT INTO manifest_before ({_COLUMNS}) SELECT {_COLUMNS} FROM manifest")  # noqa: S608
    op.drop_table("manifest")
    op.create_table(
        "manifest",
        *_columns(),
        sa.Column("first_row", sa.BigInteger(), nullable=False, server_default="0"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "attempt"),
    )
    op.execute(f"INSERT INTO manifest ({_COLUMNS}) SELECT {_COLUMNS} FROM manifest_before")  # noqa: S608
    op.drop_table("manifest_before")
    op.create_index("ix_manifest_path", "manifest", ["path"])


def _columns() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("path", sa.String(length=256), nullable=False),
        sa.Column("run_id", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("samples", sa.BigInteger(), nullable=False),
        sa.Column("sealed_unix_s", sa.Float(), nullable=False),
    )
