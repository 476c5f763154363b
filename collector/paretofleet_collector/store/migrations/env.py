"""What Alembic runs: the migrations, over the connection that `engine.migrate` opened."""

from __future__ import annotations

from alembic import context

from paretofleet_collector.store import (
    certificates,
    choices,
    chunks,
    devices,
    enrolments,
    input_files,
    models,
    reboots,
    sealed,
    searches,
    sweeps,
    tokens,
)
from paretofleet_collector.store.base import METADATA

__all__ = [
    "certificates",
    "choices",
    "chunks",
    "devices",
    "enrolments",
    "input_files",
    "models",
    "reboots",
    "sealed",
    "searches",
    "sweeps",
    "tokens",
]
context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()
