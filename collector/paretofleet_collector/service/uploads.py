"""What agents upload: chunks and ends of attempts."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace

import sqlalchemy as sa

from paretofleet_collector.lifecycle import ingest, shared_meters
from paretofleet_collector.model.entities import AttemptEnd, Chunk
from paretofleet_collector.model.messages import Session, UploadReply, UploadVerdict
from paretofleet_collector.plain_text import printable
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import sessions


async def open_upload(context: Context, session: Session) -> None:
    """Checks in `context` that `session` may upload; raises SessionRefused."""
    await context.store.read(lambda connection: sessions.check_uploader(connection, session))


def upload_chunk(context: Context, session: Session, chunk: Chunk) -> Future[UploadReply]:
    """Stores a `chunk` of `session` in `context`; the reply is there after the commit.

    Raises StorageUnavailable.
    """
    context.check_room()
    fault = ingest.check_chunk(chunk)
    if fault is not None:
        ready = _ready(fault)
        context.counters.count(chunk, ready)
        return ready
    now, lease_s = context.now(), context.config.lease_s
    future = context.store.submit(
        lambda connection: ingest.store_chunk(connection, session, chunk, now, lease_s)
    )
    future.add_done_callback(lambda done: context.counters.count(chunk, done))
    return future


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

    future = context.store.submit(work)
    future.add_done_callback(wake)
    return future


def _ready(reply: UploadReply) -> Future[UploadReply]:
    done: Future[UploadReply] = Future()
    done.set_result(reply)
    return done
