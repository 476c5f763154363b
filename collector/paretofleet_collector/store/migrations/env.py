"""What Alembic runs: the migrations, over the connection that `engine.migrate` opened."""

from __future__ import annotations

from alembic import context

from paretofleet_collector.store import choices, chunks, devices, models, reboots, sealed, sweeps
from paretofleet_collector.store.base import METADATA

__all__ = ["choices", "chunks", "devices", "models", "reboots", "sealed", "sweeps"]
context.configure(
    connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()
