"""Runs and the states that they are in. Every transition is one conditional UPDATE; False means too late."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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
    #: The place among the runs of its block, by `planning/schedule.turn`.
    sa.Column("turn", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("reason", sa.String(32)),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("lease_until_unix_s", sa.Float),
    sa.Column("started_unix_s", sa.Float),
    sa.Column("ended_unix_s", sa.Float),
    sa.UniqueConstraint("sweep_id", "configuration_id", "block"),
    sa.Index("ix_runs_device_id_state", "device_id", "state"),
    sa.Index("ix_runs_sweep_id_device_id", "sweep_id", "device_id", "state", "block", "tries", "turn"),
    sa.Index("ix_runs_sweep_id_state", "sweep_id", "state"),
    sa.Index("ix_runs_state", "state"),
)
#: Reasons that the collector gives: sealed without a summary, and chunks that its disk damaged.
NOT_SUMMARISED = "not_summarised"
DAMAGED = "samples_damaged"
UNDER_WAY = ("leased", "running")
OPEN = ("pending", "leased", "running", "uploaded")
CANCELLABLE = ("leased", "running", "pending")
ENDED_BADLY = ("failed", "skipped", "cancelled")
#: So many runs are added, changed or deleted in one transaction: some 10 ms of the writer.
SLICE_RUNS = 250


@dataclass(frozen=True)
class NewRun:
    """A run that is to be added; `reason` and `message` where it failed before it was tried."""

    configuration_id: str
    device_id: str
    block: int
    turn: int
    reason: str | None = None
    message: str = ""


def append(connection: sa.Connection, sweep_id: str, new: Iterable[NewRun], now: float) -> None:
    """Adds through `connection` the `new` runs to the sweep `sweep_id`, failed where one has a reason.

    `now` is in seconds since 1970.
    """
    rows = [
        {
            "run_id": new_id(),
            "sweep_id": sweep_id,
            "configuration_id": run.configuration_id,
            "device_id": run.device_id,
            "block": run.block,
            "turn": run.turn,
            "state": "pending" if run.reason is None else "failed",
            "attempt": 0,
            "tries": 0,
            "reason": run.reason,
            "message": run.message,
            "ended_unix_s": None if run.reason is None else now,
        }
        for run in new
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


def has_open(connection: sa.Connection, sweep_id: str, device_id: str, blocks: int | None = None) -> bool:
    """Whether the device `device_id` has a run in the sweep `sweep_id` that `connection` shows open.

    Of pending runs only those of its first `blocks` count, or for None all.
    """
    is_open: sa.ColumnElement[bool] = RUNS.c.state.in_(OPEN)
    if blocks is not None:
        is_pending = sa.and_(RUNS.c.state == "pending", RUNS.c.block <= blocks)
        is_open = sa.or_(RUNS.c.state.in_((*UNDER_WAY, "uploaded")), is_pending)
    query = sa.select(RUNS.c.run_id).where(RUNS.c.sweep_id == sweep_id, RUNS.c.device_id == device_id)
    return connection.execute(query.where(is_open).limit(1)).first() is not None


def is_within_block(connection: sa.Connection, sweep_id: str, device_id: str) -> bool:
    """Whether the device `device_id` is within a block of the sweep `sweep_id`, by what `connection` shows.

    That is where its first pending run is of a block of which another run was begun.
    """
    of_part = (RUNS.c.sweep_id == sweep_id, RUNS.c.device_id == device_id)
    first = sa.select(sa.func.min(RUNS.c.block)).where(*of_part, RUNS.c.state == "pending")
    block = connection.execute(first).scalar()
    begun = RUNS.c.state.in_((*UNDER_WAY, "uploaded", "sealed"))
    query = sa.select(RUNS.c.run_id).where(*of_part, begun, RUNS.c.block == block).limit(1)
    return block is not None and connection.execute(query).first() is not None


def some_ids(
    connection: sa.Connection, sweep_id: str, states: Iterable[str], device_id: str | None = None
) -> list[str]:
    """Ids of at most SLICE_RUNS runs of the sweep `sweep_id` in the first of `states` in which there are any.

    Of the device `device_id`, or for None of all, as `connection` sees them.
    """
    for state in states:
        query = sa.select(RUNS.c.run_id).where(RUNS.c.sweep_id == sweep_id, RUNS.c.state == state)
        if device_id is not None:
            query = query.where(RUNS.c.device_id == device_id)
        run_ids = list(connection.execute(query.limit(SLICE_RUNS)).scalars())
        if run_ids:
            return run_ids
    return []


def drop_half_block(connection: sa.Connection, sweep_id: str, device_id: str, blocks: int) -> bool:
    """Deletes through `connection` runs of the device `device_id` past its whole `blocks` in `sweep_id`.

    At most SLICE_RUNS, of a block whose adding broke off; returns whether there were any.
    """
    query = sa.select(RUNS.c.run_id).where(
        RUNS.c.sweep_id == sweep_id,
        RUNS.c.device_id == device_id,
        RUNS.c.state == "pending",
        RUNS.c.block > blocks,
    )
    run_ids = list(connection.execute(query.limit(SLICE_RUNS)).scalars())
    if run_ids:
        delete(connection, run_ids)
    return bool(run_ids)


def being_sealed(connection: sa.Connection, sweep_id: str) -> list[tuple[str, str, int]]:
    """Sweep, run and attempt's number of the runs of `sweep_id` that `connection` shows uploaded."""
    query = sa.select(RUNS.c.run_id, RUNS.c.attempt).where(
        RUNS.c.sweep_id == sweep_id, RUNS.c.state == "uploaded"
    )
    return [(sweep_id, run_id, attempt) for run_id, attempt in connection.execute(query)]


def delete(connection: sa.Connection, run_ids: Iterable[str]) -> None:
    """Deletes through `connection` the runs `run_ids` and all that they have."""
    connection.execute(RUNS.delete().where(RUNS.c.run_id.in_(list(run_ids))))


def are_more(connection: sa.Connection, sweep_id: str, device_id: str, than: int) -> bool:
    """Whether the device `device_id` has more runs in the sweep `sweep_id` `than` this, for `connection`."""
    query = sa.select(RUNS.c.run_id).where(RUNS.c.sweep_id == sweep_id, RUNS.c.device_id == device_id)
    return connection.execute(query.offset(than).limit(1)).first() is not None


def without_memory(connection: sa.Connection, sweep_id: str, device_id: str) -> list[str]:
    """Ids of the runs of the device `device_id` in `sweep_id` that `connection` shows failed for memory."""
    query = sa.select(RUNS.c.run_id).where(
        RUNS.c.sweep_id == sweep_id,
        RUNS.c.device_id == device_id,
        RUNS.c.state == "failed",
        RUNS.c.reason == "oom",
    )
    return list(connection.execute(query).scalars())


def has_any(connection: sa.Connection, sweep_id: str, states: Iterable[str]) -> bool:
    """Whether `connection` shows a run of the sweep `sweep_id` in any of `states`."""
    query = sa.select(RUNS.c.run_id).where(RUNS.c.sweep_id == sweep_id, RUNS.c.state.in_(tuple(states)))
    return connection.execute(query.limit(1)).first() is not None


def reasons(connection: sa.Connection) -> dict[str, int]:
    """How many runs `connection` shows without a summary, and with damaged chunks, by the reason."""
    query = (
        sa.select(RUNS.c.reason, sa.func.count())
        .where(RUNS.c.reason.in_((NOT_SUMMARISED, DAMAGED)))
        .group_by(RUNS.c.reason)
    )
    return {str(reason): int(count) for reason, count in connection.execute(query)}


def lacks_summary(connection: sa.Connection, sweep_id: str) -> bool:
    """Whether `connection` shows a run of the sweep `sweep_id` that is sealed without a summary."""
    query = sa.select(RUNS.c.run_id).where(RUNS.c.sweep_id == sweep_id, RUNS.c.reason == NOT_SUMMARISED)
    return connection.execute(query.where(RUNS.c.state == "sealed")).first() is not None


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


def transition_all(
    connection: sa.Connection,
    run_ids: Iterable[str],
    state: str,
    *,
    come_from: Iterable[str],
    values: Mapping[str, Any],
) -> int:
    """Moves those of `run_ids` that are in one of `come_from` to a `state` through `connection`.

    `values` are further columns to set. Returns how many there were.
    """
    statement = RUNS.update().where(RUNS.c.run_id.in_(list(run_ids)), RUNS.c.state.in_(tuple(come_from)))
    return changed(connection, statement.values(state=state, **values))


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
