"""What agents ask for: join, hello, work, heartbeats, model files."""

from __future__ import annotations

import re
from pathlib import Path

import sqlalchemy as sa

from paretofleet_collector import __version__
from paretofleet_collector.errors import NotFound, Refused, SessionRefused
from paretofleet_collector.lifecycle import grants
from paretofleet_collector.model.entities import AttemptKey, Grant, Run
from paretofleet_collector.model.messages import (
    WIRE_VERSION_MIN,
    AttemptState,
    AttemptStatus,
    Heartbeat,
    Hello,
    Join,
    LeaseReply,
    Session,
    Welcome,
)
from paretofleet_collector.planning.protocols import PROTOCOLS
from paretofleet_collector.service import adaptive
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import (
    attempts,
    chunks,
    configurations,
    leases,
    models,
    sessions,
    sweeps,
)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
#: An idle agent asks again after this long; while its last run is sealed, sooner.
ASK_AGAIN_S = 1.0
ASK_SOON_S = 0.2


async def join(context: Context, request: Join) -> str:
    """Registers the device of a `request` in `context`; returns the name under which it is known.

    Raises Refused, Taken, SessionRefused.
    """
    if not _ID.fullmatch(request.device_id):
        raise Refused(
            "The device id is none that an agent makes; delete the agent's home folder to get a new one."
        )
    if not _NAME.fullmatch(request.name):
        raise Refused(
            f"'{request.name}' is not a device's name; use up to 64 letters, digits, dots, hyphens and _."
        )
    return await context.store.write(lambda connection: sessions.join(connection, request))


async def hello(context: Context, request: Hello) -> Welcome:
    """Opens the session of a `request` in `context` and renews what the agent holds.

    That comes before anything is granted to its device. Raises SessionRefused.
    """
    if request.wire_version < WIRE_VERSION_MIN:
        raise SessionRefused(
            f"This agent ({request.agent_version or 'of unknown version'}) speaks protocol "
            f"{request.wire_version}, the collector needs {WIRE_VERSION_MIN} or newer; upgrade it there with "
            f"`pip install --upgrade 'paretofleet-agent>={__version__}'` or with the collector's bundle.",
            "outdated",
        )

    def work(connection: sa.Connection) -> tuple[AttemptStatus, ...]:
        now = context.now()
        sessions.open_session(connection, request, now)
        held = _renew(connection, request.session, request.held, now + context.config.lease_s)
        leases.expire_unheld_leases(connection, request.session, request.held, now)
        return held

    held = await context.store.write(work)
    return Welcome(
        collector_version=__version__,
        collector_id=context.collector_id,
        heartbeat_s=context.config.heartbeat_s,
        window_chunks=context.config.window_chunks,
        held=held,
    )


async def progress(context: Context, request: Heartbeat) -> tuple[AttemptStatus, ...]:
    """Renews in `context` the leases of what the agent of a `request` holds; what to do with each attempt.

    Raises SessionRefused.
    """

    def work(connection: sa.Connection) -> tuple[AttemptStatus, ...]:
        now = context.now()
        row = sessions.check_session(connection, request.session)
        sessions.touch(connection, row, now, context.config.heartbeat_s / 2)
        if request.running is not None:
            until = now + context.config.lease_s
            if _is_of(connection, request.session, request.running):
                leases.renew(connection, request.running, until, running=True)
                attempts.note_progress(connection, request.running, request.phase, request.iterations)
        keys = dict.fromkeys((*request.held, *([request.running] if request.running else [])))
        return _renew(connection, request.session, tuple(keys), now + context.config.lease_s)

    return await context.store.write(work)


async def lease(context: Context, session: Session) -> LeaseReply:
    """Grants the next run of the device of `session` in `context`, or says when to ask again.

    Raises SessionRefused.
    """

    def idle(connection: sa.Connection) -> bool:
        row = sessions.check_session(connection, session)
        was_seen = row.last_seen_unix_s is not None
        is_fresh = was_seen and abs(context.now() - row.last_seen_unix_s) < context.config.heartbeat_s / 2
        return bool(is_fresh and (row.paused or not sweeps.unfinished_of(connection, session.device_id)))

    def work(connection: sa.Connection) -> tuple[Grant | None, grants.GrantDecision]:
        now = context.now()
        row = sessions.check_session(connection, session)
        sessions.touch(connection, row, now, context.config.heartbeat_s / 2)
        if row.paused:
            return None, grants.GrantDecision()
        decision = grants.next_grant(connection, session, now, context.config.lease_s)
        run = decision.run
        return (None if run is None else _grant(connection, run, context.config.lease_s)), decision

    if not context.has_room() or await context.store.read(idle):
        return LeaseReply(None, ASK_AGAIN_S)
    grant, decision = await context.store.write(work)
    if decision.choose is not None:
        adaptive.start(context, adaptive.BlockRequest(decision.sweep_id, session.device_id, decision.choose))
    return LeaseReply(grant, ASK_SOON_S if decision.soon else ASK_AGAIN_S, decision.reboot)


async def model_path(context: Context, session: Session, sha256: str, offset: int) -> Path:
    """The file of the model `sha256` in `context`, for the agent of `session`, from byte `offset` on.

    Raises NotFound, also for an offset past its end, and SessionRefused.
    """

    def work(connection: sa.Connection) -> int:
        sessions.check_session(connection, session)
        return models.get(connection, sha256).size_bytes

    size = await context.store.read(work)
    path = context.lake.model_path(sha256)
    if not path.exists():
        raise NotFound(f"The file of model {sha256[:12]} is missing in the collector's lake; add it again.")
    if not 0 <= offset <= size:
        raise NotFound(f"Model {sha256[:12]} has {size} bytes, none at {offset}.")
    return path


def _renew(
    connection: sa.Connection, session: Session, keys: tuple[AttemptKey, ...], until: float
) -> tuple[AttemptStatus, ...]:
    held = []
    for key in keys:
        row = attempts.row_of(connection, key)
        if row is None or row.device_id != session.device_id:
            held.append(AttemptStatus(key, AttemptState.UNKNOWN, {}))
            continue
        if row.state == "open":
            leases.renew(connection, key, until)
        state = AttemptState.SUPERSEDED if row.state == "superseded" else AttemptState.CURRENT
        held.append(AttemptStatus(key, state, chunks.marks(connection, key)))
    return tuple(held)


def _is_of(connection: sa.Connection, session: Session, key: AttemptKey) -> bool:
    row = attempts.row_of(connection, key)
    return row is not None and row.device_id == session.device_id


def _grant(connection: sa.Connection, run: Run, lease_s: float) -> Grant:
    sweep = sweeps.find(connection, run.sweep_id)
    planned = configurations.get(connection, run.sweep_id, run.configuration_id)
    return Grant(
        key=AttemptKey(run.run_id, run.attempt),
        sweep_id=sweep.sweep_id,
        sweep_name=sweep.name,
        planned=planned,
        block=run.block,
        limits=PROTOCOLS[planned.configuration.protocol].limits,
        artifact=models.get(connection, planned.configuration.variant_sha256),
        seed=sweep.repeats.seed,
        lease_s=lease_s,
    )
