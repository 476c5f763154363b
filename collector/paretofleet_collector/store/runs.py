"""Runs and their attempts. Every transition is one conditional UPDATE; False means that it came too late."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.model.entities import AttemptEnd, AttemptKey, Run
from paretofleet_collector.model.messages import Session
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
UNDER_WAY = ("leased", "running")
OPEN = ("pending", "leased", "running", "uploaded")


def append(
    connection: sa.Connection, sweep_id: str, block: int, configurations: Iterable[tuple[str, str]]
) -> None:
    """Adds one pending run per (configuration_id, device_id) in a block."""
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
    """The run with an id, or None."""
    row = connection.execute(RUNS.select().where(RUNS.c.run_id == run_id)).first()
    return None if row is None else run_of(row)


def in_state(connection: sa.Connection, state: str) -> list[Run]:
    """Every run in a state, the longest ended first."""
    query = RUNS.select().where(RUNS.c.state == state).order_by(RUNS.c.ended_unix_s, RUNS.c.run_id)
    return [run_of(row) for row in connection.execute(query)]


def attempt_row(connection: sa.Connection, key: AttemptKey) -> sa.Row[Any] | None:
    """The row of an attempt, or None."""
    return connection.execute(
        ATTEMPTS.select().where(ATTEMPTS.c.run_id == key.run_id, ATTEMPTS.c.attempt == key.attempt)
    ).first()


def granted_but_silent(connection: sa.Connection, session: Session) -> Run | None:
    """A run that was granted to this session and of which nothing was heard: its grant may have been lost."""
    query = (
        RUNS.select()
        .join(ATTEMPTS, sa.and_(ATTEMPTS.c.run_id == RUNS.c.run_id, ATTEMPTS.c.attempt == RUNS.c.attempt))
        .where(
            RUNS.c.device_id == session.device_id,
            RUNS.c.state == "leased",
            ATTEMPTS.c.session_id == session.session_id,
            ATTEMPTS.c.state == "open",
        )
    )
    row = connection.execute(query).first()
    return None if row is None else run_of(row)


def under_way(connection: sa.Connection, device_id: str, now: float) -> bool:
    """True while a lease of the device lasts."""
    query = sa.select(RUNS.c.run_id).where(
        RUNS.c.device_id == device_id, RUNS.c.state.in_(UNDER_WAY), RUNS.c.lease_until_unix_s > now
    )
    return connection.execute(query).first() is not None


def grant(
    connection: sa.Connection, run: Run, session: Session, now: float, lease_s: float, *, boot_id: str
) -> bool:
    """Gives a pending or expired run to a session as its next attempt; earlier attempts are superseded."""
    number = run.attempt + 1
    expired = sa.and_(RUNS.c.state.in_(UNDER_WAY), RUNS.c.lease_until_unix_s <= now)
    taken = changed(
        connection,
        RUNS.update()
        .where(
            RUNS.c.run_id == run.run_id,
            RUNS.c.attempt == run.attempt,
            sa.or_(RUNS.c.state == "pending", expired),
        )
        .values(
            state="leased",
            attempt=number,
            tries=RUNS.c.tries + sa.case((expired, 1), else_=0),
            lease_until_unix_s=now + lease_s,
            started_unix_s=now,
            reason=None,
            message="",
        ),
    )
    if not taken:
        return False
    supersede(connection, run.run_id)
    connection.execute(
        ATTEMPTS.insert().values(
            run_id=run.run_id,
            attempt=number,
            device_id=session.device_id,
            session_id=session.session_id,
            state="open",
            granted_unix_s=now,
            phase="",
            iterations=0,
            message="",
            chunks_json="{}",
            facts_json="{}",
            boot_id=boot_id or None,
        )
    )
    return True


def supersede(connection: sa.Connection, run_id: str) -> None:
    """Marks the open attempts of a run: what they still bring is kept aside."""
    connection.execute(
        ATTEMPTS.update()
        .where(ATTEMPTS.c.run_id == run_id, ATTEMPTS.c.state == "open")
        .values(state="superseded")
    )


def renew(connection: sa.Connection, key: AttemptKey, until: float, *, running: bool = False) -> bool:
    """Prolongs the lease of an attempt that is the newest of its run; `running` also says that it began."""
    values: dict[str, Any] = {"lease_until_unix_s": until}
    if running:
        values["state"] = "running"
    return bool(
        changed(
            connection,
            RUNS.update()
            .where(RUNS.c.run_id == key.run_id, RUNS.c.attempt == key.attempt, RUNS.c.state.in_(UNDER_WAY))
            .values(**values),
        )
    )


def note_progress(connection: sa.Connection, key: AttemptKey, phase: str, iterations: int) -> None:
    """Keeps how far an open attempt is."""
    connection.execute(
        ATTEMPTS.update()
        .where(ATTEMPTS.c.run_id == key.run_id, ATTEMPTS.c.attempt == key.attempt, ATTEMPTS.c.state == "open")
        .values(phase=phase[:32], iterations=iterations)
    )


def let_go(connection: sa.Connection, session: Session, held: Iterable[AttemptKey], now: float) -> None:
    """Ends the leases of a device's attempts that its agent no longer holds, unless this session got them."""
    query = (
        sa.select(RUNS.c.run_id, RUNS.c.attempt, ATTEMPTS.c.session_id)
        .join(ATTEMPTS, sa.and_(ATTEMPTS.c.run_id == RUNS.c.run_id, ATTEMPTS.c.attempt == RUNS.c.attempt))
        .where(RUNS.c.device_id == session.device_id, RUNS.c.state.in_(UNDER_WAY), ATTEMPTS.c.state == "open")
    )
    kept = set(held)
    for row in connection.execute(query).all():
        key = AttemptKey(row.run_id, row.attempt)
        if key not in kept and row.session_id != session.session_id:
            connection.execute(
                RUNS.update()
                .where(
                    RUNS.c.run_id == key.run_id, RUNS.c.attempt == key.attempt, RUNS.c.state.in_(UNDER_WAY)
                )
                .values(lease_until_unix_s=now)
            )


def end_attempt(connection: sa.Connection, end: AttemptEnd, now: float) -> None:
    """Keeps what an agent says of the end of an attempt; a superseded one stays superseded."""
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


def move(
    connection: sa.Connection,
    run_id: str,
    to: str,
    *,
    come_from: Iterable[str],
    attempt: int | None = None,
    values: Mapping[str, Any] | None = None,
) -> bool:
    """Moves a run to a state if it is in one of `come_from` (and at that attempt); False otherwise."""
    condition = [RUNS.c.run_id == run_id, RUNS.c.state.in_(tuple(come_from))]
    if attempt is not None:
        condition.append(RUNS.c.attempt == attempt)
    return bool(changed(connection, RUNS.update().where(*condition).values(state=to, **(values or {}))))


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


def has_open(connection: sa.Connection, sweep_id: str, device_id: str) -> bool:
    """True while a device has a run in a sweep that did not end."""
    query = sa.select(RUNS.c.run_id).where(
        RUNS.c.sweep_id == sweep_id, RUNS.c.device_id == device_id, RUNS.c.state.in_(OPEN)
    )
    return connection.execute(query).first() is not None


def ids(
    connection: sa.Connection, sweep_id: str, states: Iterable[str], device_id: str | None = None
) -> list[str]:
    """Ids of the runs of a sweep in some states, of all devices or of one."""
    query = sa.select(RUNS.c.run_id).where(RUNS.c.sweep_id == sweep_id, RUNS.c.state.in_(tuple(states)))
    if device_id is not None:
        query = query.where(RUNS.c.device_id == device_id)
    return list(connection.execute(query).scalars())


def tries(connection: sa.Connection, run_id: str) -> int:
    """How many attempts of a run ended in a way that is tried again."""
    return int(connection.execute(sa.select(RUNS.c.tries).where(RUNS.c.run_id == run_id)).scalar_one())
