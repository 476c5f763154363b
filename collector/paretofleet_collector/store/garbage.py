"""What an operator may have removed: chunks that were kept aside, models that no sweep plans, and files that
others took the place of.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from paretofleet_collector.model.entities import RUN_FINAL, AttemptKey, Variant
from paretofleet_collector.store import discarded, models, sealed
from paretofleet_collector.store.attempts import ATTEMPTS
from paretofleet_collector.store.base import changed
from paretofleet_collector.store.chunks import CHUNKS
from paretofleet_collector.store.configurations import PLANNED
from paretofleet_collector.store.models import VARIANTS
from paretofleet_collector.store.runs import RUNS
from paretofleet_collector.store.sweeps import SWEEPS


@dataclass(frozen=True)
class KeptAside:
    """Staged chunks of an attempt that another one superseded, of a run that is over."""

    key: AttemptKey
    chunks: int
    size_bytes: int


def kept_aside(connection: sa.Connection) -> list[KeptAside]:
    """The chunks that `connection` sees kept aside for nothing: their runs are over without them."""
    query = (
        sa.select(
            CHUNKS.c.run_id,
            CHUNKS.c.attempt,
            sa.func.count(),
            sa.func.sum(sa.func.length(CHUNKS.c.columns)),
        )
        .where(_is_superseded())
        .group_by(CHUNKS.c.run_id, CHUNKS.c.attempt)
        .order_by(CHUNKS.c.run_id, CHUNKS.c.attempt)
    )
    return [
        KeptAside(AttemptKey(run_id, attempt), count, int(size))
        for run_id, attempt, count, size in connection.execute(query)
    ]


def drop_kept_aside(connection: sa.Connection, key: AttemptKey) -> int:
    """Deletes through `connection` the chunks of the attempt `key`, if they are kept aside for nothing.

    Returns how many there were.
    """
    condition = sa.and_(CHUNKS.c.run_id == key.run_id, CHUNKS.c.attempt == key.attempt, _is_superseded())
    return changed(connection, CHUNKS.delete().where(condition))


def discarded_files(connection: sa.Connection) -> list[str]:
    """The files that `connection` shows discarded, and that nothing lists."""
    paths = discarded.before(connection)
    listed = sealed.listed_paths(connection, paths)
    return [path for path in paths if path not in listed]


def unplanned_models(connection: sa.Connection) -> list[Variant]:
    """The stored variants that `connection` sees in no sweep's plan, and from which no other one descends."""
    planned = {
        (row.model, row.variant)
        for row in connection.execute(sa.select(PLANNED.c.model, PLANNED.c.variant).distinct())
    }
    variants = models.listing(connection)
    parents = {variant.parent for variant in variants}
    return [
        variant
        for variant in variants
        if (variant.model, variant.variant) not in planned and variant.sha256 not in parents
    ]


def sweeps_with(connection: sa.Connection, variant: Variant) -> list[str]:
    """Names of the sweeps that `connection` sees with a stored `variant` in their plan."""
    query = (
        sa.select(SWEEPS.c.name)
        .join(PLANNED, PLANNED.c.sweep_id == SWEEPS.c.sweep_id)
        .where(PLANNED.c.model == variant.model, PLANNED.c.variant == variant.variant)
        .distinct()
        .order_by(SWEEPS.c.name)
    )
    return list(connection.execute(query).scalars())


def drop_model(connection: sa.Connection, sha256: str) -> bool:
    """Deletes through `connection` the variant `sha256`; False where a sweep plans it by now."""
    if all(variant.sha256 != sha256 for variant in unplanned_models(connection)):
        return False
    return bool(changed(connection, VARIANTS.delete().where(VARIANTS.c.sha256 == sha256)))


def _is_superseded() -> sa.ColumnElement[bool]:
    return (
        sa.exists()
        .where(
            ATTEMPTS.c.run_id == CHUNKS.c.run_id,
            ATTEMPTS.c.attempt == CHUNKS.c.attempt,
            ATTEMPTS.c.state == "superseded",
            RUNS.c.run_id == CHUNKS.c.run_id,
            RUNS.c.state.in_(RUN_FINAL),
        )
        .correlate(CHUNKS)
    )
