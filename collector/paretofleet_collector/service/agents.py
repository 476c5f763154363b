"""What agents ask for: join, hello, work, heartbeats, uploads, model files."""

from __future__ import annotations

import re
from concurrent.futures import Future
from pathlib import Path

import sqlalchemy as sa

from paretofleet_collector import __version__
from paretofleet_collector.errors import NotFound, Refused, SessionRefused
from paretofleet_collector.lifecycle import ingest, shared_meters, transitions
from paretofleet_collector.model.entities import AttemptEnd, AttemptKey, Chunk, Grant, Run
from paretofleet_collector.model.messages import (
    WIRE_VERSION_MIN,
    Answer,
    Held,
    HeldState,
    Hello,
    Join,
    Leased,
    Progress,
    Session,
    Verdict,
    Welcome,
)
from paretofleet_collector.planning.protocols import PROTOCOLS
from paretofleet_collector.service import adaptive
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import chunks, devices, models, runs, sweeps

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
#: An idle agent asks again after this long; while its last run is sealed, sooner.
ASK_AGAIN_S = 1.0
ASK_SOON_S = 0.2


async def join(context: Context, request: Join) -> str:
    """Registers a device; returns the name under which it is known. Raises Refused, Taken, SessionRefused."""
    if not _ID.fullmatch(request.device_id):
        raise Refused(
            "The device id is none that an agent makes; delete the agent's home folder to get a new one."
        )
    if not _NAME.fullmatch(request.name):
        raise Refused(
            f"'{request.name}' is not a device's name; use up to 64 letters, digits, dots, hyphens and _."
        )
    return await context.store.write(lambda connection: devices.join(connection, request))


async def hello(context: Context, request: Hello) -> Welcome:
    """Opens a session and renews what the agent holds, before anything is granted to its device."""
    if request.wire_version < WIRE_VERSION_MIN:
        raise SessionRefused(
            f"This agent ({request.agent_version or 'of unknown version'}) speaks protocol "
            f"{request.wire_version}, the collector needs {WIRE_VERSION_MIN} or newer; upgrade it there with "
            f"`pip install --upgrade 'paretofleet-agent>={__version__}'` or with the collector's bundle.",
            "outdated",
        )

    def work(connection: sa.Connection) -> tuple[Held, ...]:
        now = context.now()
        devices.open_session(connection, request, now)
        held = _renew(connection, request.session, request.held, now + context.config.lease_s)
        runs.let_go(connection, request.session, request.held, now)
        return held

    held = await context.store.write(work)
    return Welcome(
        collector_version=__version__,
        collector_id=context.collector_id,
        heartbeat_s=context.config.heartbeat_s,
        window_chunks=context.config.window_chunks,
        held=held,
    )


async def progress(context: Context, request: Progress) -> tuple[Held, ...]:
    """Renews the leases of what the agent holds and tells it what to give up."""

    def work(connection: sa.Connection) -> tuple[Held, ...]:
        now = context.now()
        row = devices.check_session(connection, request.session)
        devices.touch(connection, row, now, context.config.heartbeat_s / 2)
        if request.running is not None:
            until = now + context.config.lease_s
            if _is_of(connection, request.session, request.running):
                runs.renew(connection, request.running, until, running=True)
                runs.note_progress(connection, request.running, request.phase, request.iterations)
        keys = dict.fromkeys((*request.held, *([request.running] if request.running else [])))
        return _renew(connection, request.session, tuple(keys), now + context.config.lease_s)

    return await context.store.write(work)


async def lease(context: Context, session: Session) -> Leased:
    """Grants the device's next run, or says when to ask again."""

    def idle(connection: sa.Connection) -> bool:
        row = devices.check_session(connection, session)
        heard = row.last_seen_unix_s is not None
        fresh = heard and abs(context.now() - row.last_seen_unix_s) < context.config.heartbeat_s / 2
        return bool(fresh and (row.paused or not sweeps.unfinished_of(connection, session.device_id)))

    def work(connection: sa.Connection) -> tuple[Grant | None, transitions.Offer]:
        now = context.now()
        row = devices.check_session(connection, session)
        devices.touch(connection, row, now, context.config.heartbeat_s / 2)
        if row.paused:
            return None, transitions.Offer()
        offer = transitions.next_grant(connection, session, now, context.config.lease_s)
        run = offer.run
        return (None if run is None else _grant(connection, run, context.config.lease_s)), offer

    if not context.has_room() or await context.store.read(idle):
        return Leased(None, ASK_AGAIN_S)
    grant, offer = await context.store.write(work)
    if offer.choose is not None:
        adaptive.start(context, adaptive.BlockRequest(offer.sweep_id, session.device_id, offer.choose))
    return Leased(grant, ASK_SOON_S if offer.soon else ASK_AGAIN_S, offer.reboot)


def upload_chunk(context: Context, session: Session, chunk: Chunk) -> Future[Answer]:
    """Stores a chunk; the answer is there after the commit. Raises StorageFull."""
    context.check_room()
    answer = ingest.check_chunk(chunk)
    if answer is not None:
        ready: Future[Answer] = Future()
        ready.set_result(answer)
        return ready
    now, lease_s = context.now(), context.config.lease_s
    return context.store.submit(
        lambda connection: ingest.store_chunk(connection, session, chunk, now, lease_s)
    )


def upload_end(context: Context, session: Session, end: AttemptEnd) -> Future[Answer]:
    """Ends an attempt; the answer is there after the commit."""
    now = context.now()

    def work(connection: sa.Connection) -> Answer:
        known = shared_meters.without_shared(connection, session, end, context.offline_after_s)
        return ingest.store_end(connection, session, known, now)

    def poke(done: Future[Answer]) -> None:
        if done.exception() is None and done.result().verdict is Verdict.COMMITTED:
            context.poke_sealer()

    future = context.store.submit(work)
    future.add_done_callback(poke)
    return future


async def open_upload(context: Context, session: Session) -> None:
    """Checks who wants to upload."""
    await context.store.read(lambda connection: devices.check_session(connection, session))


async def model_path(context: Context, session: Session, sha256: str, offset: int) -> Path:
    """The file of a model that an agent fetches; raises NotFound, also for an offset past its end."""

    def work(connection: sa.Connection) -> int:
        devices.check_session(connection, session)
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
) -> tuple[Held, ...]:
    held = []
    for key in keys:
        row = runs.attempt_row(connection, key)
        if row is None or row.device_id != session.device_id:
            held.append(Held(key, HeldState.UNKNOWN, {}))
            continue
        if row.state == "open":
            runs.renew(connection, key, until)
        state = HeldState.SUPERSEDED if row.state == "superseded" else HeldState.CURRENT
        held.append(Held(key, state, chunks.marks(connection, key)))
    return tuple(held)


def _is_of(connection: sa.Connection, session: Session, key: AttemptKey) -> bool:
    row = runs.attempt_row(connection, key)
    return row is not None and row.device_id == session.device_id


def _grant(connection: sa.Connection, run: Run, lease_s: float) -> Grant:
    sweep = sweeps.find(connection, run.sweep_id)
    planned = sweeps.planned_one(connection, run.sweep_id, run.configuration_id)
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
