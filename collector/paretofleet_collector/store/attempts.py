"""Attempts: each try of an agent at a run, with what it said of its end."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.model.entities import AttemptEnd, AttemptKey
from paretofleet_collector.store.base import METADATA
from paretofleet_collector.store.runs import RUNS

#: Attempts: open, ended, superseded.
ATTEMPTS = sa.Table(
    "attempts",
    METADATA,
    sa.Column("run_id", sa.ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("device_id", sa.String(64), nullable=False),
    sa.Column("session_id", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("granted_unix_s", sa.Float, nullable=False),
    sa.Column("ended_unix_s", sa.Float),
    sa.Column("phase", sa.String(32), nullable=False),
    sa.Column("iterations", sa.BigInteger, nullable=False),
    sa.Column("ok", sa.Boolean),
    sa.Column("reason", sa.String(32)),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("chunks_json", sa.Text, nullable=False),
    sa.Column("facts_json", sa.Text, nullable=False),
    #: The boot that the device was in when it got the run, as it said in its hello.
    sa.Column("boot_id", sa.String(64)),
)


_STATES = sa.select(ATTEMPTS.c.run_id, ATTEMPTS.c.attempt, ATTEMPTS.c.device_id, ATTEMPTS.c.state).where(
    sa.tuple_(ATTEMPTS.c.run_id, ATTEMPTS.c.attempt).in_(sa.bindparam("keys", expanding=True))
)


def of_run() -> sa.ColumnElement[bool]:
    """The condition that joins a run with its newest attempt."""
    return sa.and_(ATTEMPTS.c.run_id == RUNS.c.run_id, ATTEMPTS.c.attempt == RUNS.c.attempt)


def row_of(connection: sa.Connection, key: AttemptKey) -> sa.Row[Any] | None:
    """The row of the attempt `key` that `connection` sees, or None."""
    return connection.execute(
        ATTEMPTS.select().where(ATTEMPTS.c.run_id == key.run_id, ATTEMPTS.c.attempt == key.attempt)
    ).first()


def states_of(connection: sa.Connection, keys: Iterable[AttemptKey]) -> dict[AttemptKey, tuple[str, str]]:
    """For each of the attempts `keys` that `connection` sees its device id and its state."""
    pairs = [(key.run_id, key.attempt) for key in keys]
    rows = connection.execute(_STATES, {"keys": pairs}) if pairs else ()
    return {AttemptKey(run_id, attempt): (device_id, state) for run_id, attempt, device_id, state in rows}


def supersede(connection: sa.Connection, run_ids: Iterable[str]) -> None:
    """Marks through `connection` the open attempts of the runs `run_ids`: what they bring is kept aside."""
    connection.execute(
        ATTEMPTS.update()
        .where(ATTEMPTS.c.run_id.in_(list(run_ids)), ATTEMPTS.c.state == "open")
        .values(state="superseded")
    )


def note_progress(connection: sa.Connection, key: AttemptKey, phase: str, iterations: int) -> None:
    """Keeps through `connection` the `phase` of the open attempt `key` and its `iterations` so far."""
    connection.execute(
        ATTEMPTS.update()
        .where(ATTEMPTS.c.run_id == key.run_id, ATTEMPTS.c.attempt == key.attempt, ATTEMPTS.c.state == "open")
        .values(phase=phase[:32], iterations=iterations)
    )


def note_end(connection: sa.Connection, end: AttemptEnd, now: float) -> None:
    """Keeps through `connection` what an agent says of the `end` of an attempt, `now` (seconds since 1970).

    A superseded one stays superseded.
    """
    connection.execute(
        ATTEMPTS.update()
        .where(ATTEMPTS.c.run_id == end.key.run_id, ATTEMPTS.c.attempt == end.key.attempt)
        .values(
            state=sa.case((ATTEMPTS.c.state == "open", "ended"), else_=ATTEMPTS.c.state),
            ended_unix_s=now,
            ok=end.ok,
            reason=end.reason or None,
            message=end.message,
            chunks_json=json.dumps(dict(end.chunks)),
            facts_json=end.facts_json,
        )
    )
