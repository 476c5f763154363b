"""What agents upload: chunks and ends of attempts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace

import sqlalchemy as sa

from paretofleet_collector.lifecycle import ingest, shared_meters, staging
from paretofleet_collector.model.entities import AttemptEnd, Chunk
from paretofleet_collector.model.messages import Session, UploadReply, UploadVerdict
from paretofleet_collector.plain_text import printable
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import sessions

_log = logging.getLogger(__name__)


async def open_upload(context: Context, session: Session) -> None:
    """Checks in `context` that `session` may upload; raises SessionRefused."""
    await context.store.read(lambda connection: sessions.check_uploader(connection, session))


def upload_chunks(
    context: Context, session: Session, chunks: Sequence[Chunk], fault: UploadReply | None = None
) -> Future[UploadReply]:
    """Stores `chunks` of `session` in `context` in their order, up to the first that is not taken.

    `fault` answers the chunk behind them, where that is none. The one reply, which says how many are
    committed, is there after the commit. Raises StorageUnavailable.
    """
    context.check_room()
    good: list[Chunk] = []
    for chunk in chunks:
        wrong = staging.check_chunk(chunk)
        if wrong is not None:
            fault = wrong
            break
        good.append(chunk)
    reply = _ready(fault) if fault is not None and not good else _store(context, session, good, fault)
    reply.add_done_callback(lambda done: context.counters.count(chunks, done))
    return reply


def _store(
    context: Context, session: Session, good: Sequence[Chunk], fault: UploadReply | None
) -> Future[UploadReply]:
    upload = staging.ChunkUpload(session, tuple(good), context.now(), context.config.lease_s)
    stored: Future[UploadReply] = context.store.submit_together(staging.store_chunks, upload)
    return stored if fault is None else _then(stored, replace(fault, committed=len(good)))


def _then(stored: Future[UploadReply], fault: UploadReply) -> Future[UploadReply]:
    """The `fault` of the chunk behind those that are `stored`, if these were all committed."""
    reply: Future[UploadReply] = Future()

    def answer(done: Future[UploadReply]) -> None:
        error = done.exception()
        if error is not None:
            reply.set_exception(error)
        else:
            reply.set_result(fault if done.result().committed == fault.committed else done.result())

    stored.add_done_callback(answer)
    return reply


def upload_end(context: Context, session: Session, end: AttemptEnd) -> Future[UploadReply]:
    """Ends the attempt of `end` by `session` in `context`; the reply is there after the commit."""
    fault = ingest.check_end(end)
    if fault is not None:
        return _ready(fault)
    now = context.now()
    end = replace(end, message=printable(end.message))

    def work(connection: sa.Connection) -> UploadReply:
        honest_end = shared_meters.without_shared(connection, session, end, context.offline_after_s)
        return ingest.store_end(connection, session, honest_end, now)

    def wake(done: Future[UploadReply]) -> None:
        if done.exception() is None and done.result().verdict is UploadVerdict.COMMITTED:
            context.wake_sealer()
            how = "measured" if end.ok else f"{end.reason}: {end.message}"
            _log.info("run %s attempt %d of %s: %s", end.key.run_id, end.key.attempt, session.device_id, how)

    future = context.store.submit(work)
    future.add_done_callback(wake)
    return future


def _ready(reply: UploadReply) -> Future[UploadReply]:
    done: Future[UploadReply] = Future()
    done.set_result(reply)
    return done
