"""Sweeps whose next run is found without reading their history, and whose changes are made in slices."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_SLICE = 1_000


def upgrade() -> None:
    """Adds the place of a run in its block, the parts of devices in sweeps, and the indexes over them."""
    op.add_column("runs", sa.Column("turn", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table(
        "assignments",
        sa.Column("sweep_id", sa.String(length=16), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("blocks", sa.Integer(), nullable=False),
        sa.Column("is_done", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["sweep_id"], ["sweeps.sweep_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("sweep_id", "device_id"),
    )
    op.create_index("ix_assignments_device_id", "assignments", ["device_id", "is_done"])
    op.execute(
        "INSERT INTO assignments (sweep_id, device_id, blocks, is_done) "
        "SELECT p.sweep_id, p.device_id, coalesce(max(r.block), 0), "
        "max(CASE WHEN s.state IN ('finished', 'finished_with_failures', 'cancelled') THEN 1 ELSE 0 END) = 1 "
        "FROM planned_configurations p JOIN sweeps s ON s.sweep_id = p.sweep_id "
        "LEFT JOIN runs r ON r.sweep_id = p.sweep_id AND r.configuration_id = p.configuration_id "
        "GROUP BY p.sweep_id, p.device_id"
    )
    _fill_turns(op.get_bind())
    op.drop_index("ix_runs_sweep_id_device_id", "runs")
    op.create_index(
        "ix_runs_sweep_id_device_id", "runs", ["sweep_id", "device_id", "state", "block", "tries", "turn"]
    )
    op.create_index("ix_runs_sweep_id_state", "runs", ["sweep_id", "state"])
    op.create_index(
        "ix_planned_configurations_sweep_id_family", "planned_configurations", ["sweep_id", "family"]
    )


def _fill_turns(connection: sa.Connection) -> None:
    """As `planning/schedule` computed the order when this was written."""
    query = sa.text(
        "SELECT r.run_id, r.block, r.configuration_id, s.seed "
        "FROM runs r JOIN sweeps s ON s.sweep_id = r.sweep_id"
    )
    rows = connection.execute(query).all()
    update = sa.text("UPDATE runs SET turn = :turn WHERE run_id = :run_id")
    for start in range(0, len(rows), _SLICE):
        values = []
        for run_id, block, configuration_id, seed in rows[start : start + _SLICE]:
            digest = hashlib.sha256(f"{seed}/{block}/{configuration_id}".encode()).hexdigest()
            values.append({"run_id": run_id, "turn": int(digest[:15], 16)})
        connection.execute(update, values)
