"""Architecture searches, their trials, batches and trainings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Makes the four tables."""
    op.create_table(
        "searches",
        sa.Column("search_id", sa.String(length=16), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("spec_json", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("budget_s", sa.Float(), nullable=False),
        sa.Column("trials_max", sa.BigInteger(), nullable=False),
        sa.Column("spent_s", sa.Float(), nullable=False),
        sa.Column("submitted_by", sa.String(length=64), nullable=False),
        sa.Column("created_unix_s", sa.Float(), nullable=False),
        sa.Column("changed_unix_s", sa.Float(), nullable=False),
        sa.Column("ended_unix_s", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("search_id", name="pk_searches"),
        sa.UniqueConstraint("request_id", name="uq_searches_request_id"),
        sa.UniqueConstraint("name", name="uq_searches_name"),
    )
    op.create_table(
        "search_trials",
        sa.Column("search_id", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("codes", sa.Text(), nullable=False),
        sa.Column("graph", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=128), nullable=False),
        sa.Column("device", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        *_of_search("search_trials"),
        sa.PrimaryKeyConstraint("search_id", "number", name="pk_search_trials"),
        sa.UniqueConstraint("search_id", "graph", name="uq_search_trials_search_id_graph"),
    )
    op.create_table(
        "search_batches",
        sa.Column("search_id", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("trials", sa.Text(), nullable=False),
        sa.Column("devices", sa.Text(), nullable=False),
        sa.Column("sweep", sa.String(length=80), nullable=False),
        *_of_search("search_batches"),
        sa.PrimaryKeyConstraint("search_id", "number", name="pk_search_batches"),
    )
    op.create_table(
        "search_trainings",
        sa.Column("search_id", sa.String(length=16), nullable=False),
        sa.Column("trial", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seed", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("split", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("top1", sa.Float(), nullable=True),
        sa.Column("top1_n", sa.BigInteger(), nullable=True),
        sa.Column("wall_s", sa.Float(), nullable=True),
        sa.Column("cpu_s", sa.Float(), nullable=True),
        sa.Column("memory_peak_bytes", sa.BigInteger(), nullable=True),
        *_of_search("search_trainings"),
        sa.PrimaryKeyConstraint("search_id", "trial", "seed", "split", name="pk_search_trainings"),
    )


def _of_search(table: str) -> tuple[sa.ForeignKeyConstraint, ...]:
    """To which search a row of a `table` belongs."""
    name = f"fk_{table}_search_id"
    return (sa.ForeignKeyConstraint(["search_id"], ["searches.search_id"], name=name),)
