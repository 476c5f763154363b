"""Leases: which attempt of a device may go on, and until when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.model.entities import AttemptKey, Run
from paretofleet_collector.model.messages import Session
from paretofleet_collector.model.tries import INTERRUPTED_ATTEMPTS_MAX
from paretofleet_collector.store import attempts
from paretofleet_collector.store.attempts import ATTEMPTS
from paretofleet_collector.store.base import changed
from paretofleet_collector.store.runs import RUNS, UNDER_WAY, run_of

#: Built once: putting a statement together costs more than executing it.
_RENEW_RUNNING = (
    RUNS.update()
    .where(
        RUNS.c.run_id == sa.bindparam("of_run"),
        RUNS.c.attempt == sa.bindparam("of_attempt"),
        sa.or_(*(RUNS.c.state == state for state in UNDER_WAY)),
    )
    .values(state="running", lease_until_unix_s=sa.bindparam("until"))
)


def unconfirmed_grant(connection: sa.Connection, session: Session) -> Run | None:
    """A run that was granted to `session` and of which `connection` shows nothing since, or None.

    Its grant may have been lost on the way.
    """
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
    """Whether `connection` shows a lease of the device `device_id` that lasts.

    That is beyond `now`, in seconds since 1970.
    """
    query = sa.select(RUNS.c.run_id).where(
        RUNS.c.device_id == device_id, RUNS.c.state.in_(UNDER_WAY), RUNS.c.lease_until_unix_s > now
    )
    return connection.execute(query).first() is not None


def live(connection: sa.Connection, now: float) -> dict[str, str]:
    """The sweep on which each device works, by ids: of the leases that `connection` shows beyond `now`.

    `now` is in seconds since 1970.
    """
    query = sa.select(RUNS.c.device_id, RUNS.c.sweep_id).where(
        RUNS.c.state.in_(UNDER_WAY), RUNS.c.lease_until_unix_s > now
    )
    return {row.device_id: row.sweep_id for row in connection.execute(query)}


def grant(
    connection: sa.Connection, run: Run, session: Session, now: float, lease_s: float, *, boot_id: str
) -> bool:
    """Gives a pending or expired `run` to `session` as its next attempt; earlier attempts are superseded.

    Through `connection`; False, and nothing done, where the run has moved on. The lease lasts `lease_s`
    seconds from `now` (since 1970); `boot_id` is the device's boot, empty where it is not known.
    """
    number = run.attempt + 1
    expired = sa.and_(RUNS.c.state.in_(UNDER_WAY), RUNS.c.lease_until_unix_s <= now)
    # What never began is no try: the grant was lost on its way, or the agent was stopped.
    began = sa.or_(RUNS.c.state == "running", RUNS.c.attempt >= INTERRUPTED_ATTEMPTS_MAX)
    silent = sa.and_(expired, began)
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
            tries=RUNS.c.tries + sa.case((silent, 1), else_=0),
            lease_until_unix_s=now + lease_s,
            started_unix_s=now,
            reason=None,
            message="",
        ),
    )
    if not taken:
        return False
    attempts.supersede(connection, (run.run_id,))
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
    """Prolongs through `connection` the lease of the attempt `key` to `until` (seconds since 1970).

    False where it is not its run's newest, or that is over. `running` also says that it began.
    """
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


def renew_running(connection: sa.Connection, until: Mapping[AttemptKey, float]) -> None:
    """Prolongs through `connection` the leases of attempts whose samples came, each `until` its time.

    In seconds since 1970; nothing for those that are not their run's newest, or whose run is over.
    """
    values = [
        {"of_run": key.run_id, "of_attempt": key.attempt, "until": until_s} for key, until_s in until.items()
    ]
    if values:
        connection.execute(_RENEW_RUNNING, values)


def expire_unheld_leases(
    connection: sa.Connection, session: Session, held: Iterable[AttemptKey], now: float
) -> None:
    """Ends, `now`, the leases of attempts that the agent of `session` holds no longer, through `connection`.

    `held` are those it holds; what was granted to this very session stays. `now` is in seconds since 1970.
    """
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
