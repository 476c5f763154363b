"""Leases: which attempt of a device may go on, and until when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.model.entities import AttemptKey, Run
from paretofleet_collector.model.messages import Session
from paretofleet_collector.store import attempts
from paretofleet_collector.store.attempts import ATTEMPTS
from paretofleet_collector.store.base import changed
from paretofleet_collector.store.runs import RUNS, UNDER_WAY, run_of


def unconfirmed_grant(connection: sa.Connection, session: Session) -> Run | None:
    """A run that was granted to this session and of which nothing was heard: its grant may have been lost."""
    query = (
        RUNS.select()
        .join(ATTEMPTS, attempts.of_run())
        .where(
            RUNS.c.device_id == session.device_id,
            RUNS.c.state == "leased",
            ATTEMPTS.c.session_id == session.session_id,
            ATTEMPTS.c.state == "open",
        )
    )
    row = connection.execute(query).first()
    return None if row is None else run_of(row)


def has_live_lease(connection: sa.Connection, device_id: str, now: float) -> bool:
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
    attempts.supersede(connection, run.run_id)
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


def expire_unheld_leases(
    connection: sa.Connection, session: Session, held: Iterable[AttemptKey], now: float
) -> None:
    """Ends the leases of a device's attempts that its agent no longer holds, unless this session got them."""
    query = (
        sa.select(RUNS.c.run_id, RUNS.c.attempt, ATTEMPTS.c.session_id)
        .join(ATTEMPTS, attempts.of_run())
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
