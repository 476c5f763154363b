"""Runs and the states that they are in. Every transition is one conditional UPDATE; False means too late."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.model.entities import Run
from paretofleet_collector.store.base import METADATA, changed, new_id

RUNS = sa.Table(
    "runs",
    METADATA,
    sa.Column("run_id", sa.String(16), primary_key=True),
    sa.Column("sweep_id", sa.ForeignKey("sweeps.sweep_id", ondelete="CASCADE"), nullable=False),
    sa.Column("configuration_id", sa.String(16), nullable=False),
    sa.Column("device_id", sa.String(64), nullable=False),
    sa.Column("block", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    #: Attempts that ended in a way that is tried again, since the sweep began or was retried.
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("reason", sa.String(32)),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("lease_until_unix_s", sa.Float),
    sa.Column("started_unix_s", sa.Float),
    sa.Column("ended_unix_s", sa.Float),
    sa.UniqueConstraint("sweep_id", "configuration_id", "block"),
    sa.Index("ix_runs_device_id_state", "device_id", "state"),
    sa.Index("ix_runs_sweep_id_device_id", "sweep_id", "device_id"),
    sa.Index("ix_runs_state", "state"),
)
UNDER_WAY = ("leased", "running")
OPEN = ("pending", "leased", "running", "uploaded")


def append(
    connection: sa.Connection, sweep_id: str, block: int, configurations: Iterable[tuple[str, str]]
) -> None:
    """Adds through `connection` a `block` of pending runs to the sweep `sweep_id`.

    A run for each pair of configuration id and device id in `configurations`.
    """
    rows = [
        {
            "run_id": new_id(),
            "sweep_id": sweep_id,
            "configuration_id": configuration_id,
            "device_id": device_id,
            "block": block,
            "state": "pending",
            "attempt": 0,
            "tries": 0,
            "message": "",
        }
        for configuration_id, device_id in configurations
    ]
    if rows:
        connection.execute(RUNS.insert(), rows)


def get(connection: sa.Connection, run_id: str) -> Run | None:
    """The run `run_id` that `connection` sees, or None."""
    row = connection.execute(RUNS.select().where(RUNS.c.run_id == run_id)).first()
    return None if row is None else run_of(row)


def in_state(connection: sa.Connection, state: str) -> list[Run]:
    """Every run in a `state` that `connection` sees, the longest ended first."""
    query = RUNS.select().where(RUNS.c.state == state).order_by(RUNS.c.ended_unix_s, RUNS.c.run_id)
    return [run_of(row) for row in connection.execute(query)]


def has_open(connection: sa.Connection, sweep_id: str, device_id: str) -> bool:
    """Whether the device `device_id` has a run in the sweep `sweep_id` that `connection` shows open."""
    query = sa.select(RUNS.c.run_id).where(
        RUNS.c.sweep_id == sweep_id, RUNS.c.device_id == device_id, RUNS.c.state.in_(OPEN)
    )
    return connection.execute(query).first() is not None


def ids(
    connection: sa.Connection, sweep_id: str, states: Iterable[str], device_id: str | None = None
) -> list[str]:
    """Ids of the runs of the sweep `sweep_id` in any of `states` that `connection` sees.

    Of the device `device_id`, or for None of all.
    """
    query = sa.select(RUNS.c.run_id).where(RUNS.c.sweep_id == sweep_id, RUNS.c.state.in_(tuple(states)))
    if device_id is not None:
        query = query.where(RUNS.c.device_id == device_id)
    return list(connection.execute(query).scalars())


def ids_by_configuration(connection: sa.Connection, sweep_id: str, block: int) -> dict[str, str]:
    """The run ids in a `block` of the sweep `sweep_id` by configuration id, as `connection` sees them."""
    query = sa.select(RUNS.c.configuration_id, RUNS.c.run_id).where(
        RUNS.c.sweep_id == sweep_id, RUNS.c.block == block
    )
    return {row.configuration_id: row.run_id for row in connection.execute(query)}


def states(connection: sa.Connection, sweep_id: str) -> set[str]:
    """The states in which runs of the sweep `sweep_id` are, as `connection` sees them."""
    return set(
        connection.execute(sa.select(RUNS.c.state).where(RUNS.c.sweep_id == sweep_id).distinct()).scalars()
    )


def tries(connection: sa.Connection, run_id: str) -> int:
    """How many attempts of the run `run_id` ended in a way that is tried again, as `connection` sees it."""
    return int(connection.execute(sa.select(RUNS.c.tries).where(RUNS.c.run_id == run_id)).scalar_one())


def transition(
    connection: sa.Connection,
    run_id: str,
    state: str,
    *,
    come_from: Iterable[str],
    attempt: int | None = None,
    values: Mapping[str, Any] | None = None,
) -> bool:
    """Moves the run `run_id` to a `state` through `connection`, if it is in one of `come_from`.

    Where `attempt` is given, only if that is its newest. `values` are further columns to set. False when it
    came too late.
    """
    condition = [RUNS.c.run_id == run_id, RUNS.c.state.in_(tuple(come_from))]
    if attempt is not None:
        condition.append(RUNS.c.attempt == attempt)
    return bool(changed(connection, RUNS.update().where(*condition).values(state=state, **(values or {}))))


def run_of(row: sa.Row[Any]) -> Run:
    """A row of RUNS as a run."""
    return Run(
        run_id=row.run_id,
        sweep_id=row.sweep_id,
        configuration_id=row.configuration_id,
        device_id=row.device_id,
        block=row.block,
        state=row.state,
        attempt=row.attempt,
        reason=row.reason,
        message=row.message,
        lease_until_unix_s=row.lease_until_unix_s,
        started_unix_s=row.started_unix_s,
        ended_unix_s=row.ended_unix_s,
    )
