"""What agents ask for, but for work: join, hello, heartbeats, model files."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from paretofleet_collector import __version__
from paretofleet_collector.errors import NotFound, Refused, SessionRefused
from paretofleet_collector.lake.files import inputs_file, model_file
from paretofleet_collector.model.entities import AttemptKey
from paretofleet_collector.model.limits import BATCH_CHUNKS_MAX
from paretofleet_collector.model.messages import (
    WIRE_VERSION_MIN,
    AttemptState,
    AttemptStatus,
    Heartbeat,
    Hello,
    Join,
    Joined,
    Session,
    Welcome,
)
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import (
    attempts,
    chunks,
    input_files,
    leases,
    models,
    sessions,
)

_log = logging.getLogger(__name__)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


async def join(context: Context, request: Join) -> Joined:
    """Registers the device of a `request` in `context`; returns the id and the name under which it is known.

    Raises Refused, Taken, SessionRefused.
    """
    if not _ID.fullmatch(request.device_id):
        raise Refused(
            "The device id is none that an agent makes; start the agent with a new folder (--home DIR)."
        )
    if not _NAME.fullmatch(request.name):
        raise Refused(
            f"'{request.name}' is not a device's name; use up to 64 letters, digits, dots, hyphens and _."
        )
    return await context.store.write(lambda connection: sessions.join(connection, request))


async def hello(context: Context, request: Hello) -> Welcome:
    """Opens the session of a `request` in `context` and renews what the agent holds.

    That comes before anything is granted to its device. An agent whose spool belongs to another collector
    learns who this one is, and nothing else happens. Raises SessionRefused.
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
        if request.session.uploads_only:
            sessions.check_uploader(connection, request.session)
            return _renew(connection, request.session, request.held, now + context.config.lease_s)
        sessions.open_session(connection, request, now, context.offline_after_s)
        held = _renew(connection, request.session, request.held, now + context.config.lease_s)
        leases.expire_unheld_leases(connection, request.session, request.held, now)
        return held

    is_for_here = request.collector_id in {"", context.collector_id}
    held = await context.store.write(work) if is_for_here else ()
    if not request.session.uploads_only:
        _log.info(
            "device %s says hello: start %d, agent %s, %d attempts held",
            *(request.session.device_id, request.session.instance, request.agent_version, len(held)),
        )
    return Welcome(
        collector_version=__version__,
        collector_id=context.collector_id,
        heartbeat_s=context.config.heartbeat_s,
        window_chunks=context.config.window_chunks,
        batch_chunks=BATCH_CHUNKS_MAX,
        held=held,
    )


async def progress(context: Context, request: Heartbeat) -> tuple[AttemptStatus, ...]:
    """Renews in `context` the leases of what the agent of a `request` holds; what to do with each attempt.

    Raises SessionRefused.
    """
    if request.running is None and not request.held:
        await context.idle_beats.beat(request.session, partial(_note_idle, context))
        context.live_readings.note(request.session.device_id, request.live, context.now())
        return ()

    def work(connection: sa.Connection) -> tuple[AttemptStatus, ...]:
        now = context.now()
        row = sessions.check_session(connection, request.session)
        sessions.touch(connection, row, now, context.config.heartbeat_s / 2)
        if request.running is not None:
            until = now + context.config.lease_s
            if _is_of(connection, request.session, request.running):
                leases.renew(connection, request.running, until, running=True)
                attempts.note_progress(connection, request.running, request.phase, request.iterations)
        keys = list(request.held)
        if request.running is not None and request.running not in keys:
            keys.append(request.running)
        return _renew(connection, request.session, keys, now + context.config.lease_s)

    statuses = await context.store.write(work)
    context.live_readings.note(request.session.device_id, request.live, context.now())
    return statuses


async def _note_idle(context: Context, idle: frozenset[Session]) -> dict[Session, SessionRefused]:
    """Notes in one write that the devices of the `idle` sessions are there."""
    now, every_s = context.now(), context.config.heartbeat_s / 2
    return await context.store.write(lambda connection: sessions.note_all(connection, idle, now, every_s))


async def model_path(context: Context, session: Session, sha256: str, offset: int) -> Path:
    """The file of the model, or of samples, `sha256` in `context`, for the agent of `session`.

    It is asked for from byte `offset` on. Raises NotFound, also for one past its end, and SessionRefused.
    """

    def work(connection: sa.Connection) -> tuple[str, int]:
        sessions.check_session(connection, session)
        samples = input_files.find(connection, sha256)
        if samples is not None:
            return inputs_file(sha256), samples.size_bytes
        return model_file(sha256), models.get(connection, sha256).size_bytes

    relative, size = await context.store.read(work)
    path = await asyncio.to_thread(context.lake.local_path, relative)
    if not path.exists():
        raise NotFound(f"The file {relative[:19]} is missing in the collector's lake; add it again.")
    if not 0 <= offset <= size:
        raise NotFound(f"The file {relative[:19]} has {size} bytes, none at {offset}.")
    return path


def _renew(
    connection: sa.Connection, session: Session, keys: Sequence[AttemptKey], until: float
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
