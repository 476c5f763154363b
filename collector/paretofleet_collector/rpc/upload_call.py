"""One upload of an agent: items are read on while earlier ones are committed, and answered in their order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import Future
from typing import Any

from paretofleet_collector.errors import Refused, SessionRefused
from paretofleet_collector.identity.peers import check_device
from paretofleet_collector.model.limits import BATCH_CHUNKS_MAX
from paretofleet_collector.model.messages import Session, UploadReply
from paretofleet_collector.rpc.convert import fleet as convert
from paretofleet_collector.rpc.convert.uploads import check_session, malformed_reply
from paretofleet_collector.rpc.gate import peer_now
from paretofleet_collector.service import uploads
from paretofleet_collector.service.context import Context
from paretofleet_collector.service.in_flight import InFlight


class UploadCall:
    """The `requests` of one upload on their way into the store of `context`.

    Items share a commit, so they are read before the ones ahead of them are answered; no more of them than
    what the limits allow to be unanswered. A newer upload of the session ends this one.
    """

    def __init__(self, context: Context, requests: AsyncIterator[Any]) -> None:
        self._context = context
        self._requests = requests
        self._unanswered = InFlight()
        #: What was read, with its size in bytes; an error or None ends the upload.
        self._read: asyncio.Queue[tuple[int, Future[UploadReply]] | Exception | None] = asyncio.Queue(
            context.config.window_chunks
        )
        self._is_replaced = False
        self._reader: asyncio.Task[None] | None = None

    async def replies(self) -> AsyncIterator[UploadReply]:
        """The reply to each item, after its commit; raises Refused, SessionRefused, StorageFull."""
        self._reader = asyncio.create_task(self._read_all())
        try:
            while (item := await self._read.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                size, reply = item
                yield await asyncio.wrap_future(reply)
                self._unanswered.give_back(size)
        finally:
            self._reader.cancel()

    def _replace(self) -> None:
        self._is_replaced = True
        if self._reader is not None:
            self._reader.cancel()

    async def _read_all(self) -> None:
        try:
            await self._read_items()
            await self._read.put(None)
        except asyncio.CancelledError:
            if not self._is_replaced:
                raise
            error = SessionRefused("A newer upload of this session took the place of this one.", "replaced")
            await self._read.put(error)
        except Exception as error:  # noqa: BLE001 - raised again where the replies are given
            await self._read.put(error)

    async def _read_items(self) -> None:
        request = await anext(self._requests, None)
        if request is None:
            return
        check_session(request.session)
        session = convert.session_from_proto(request.session)
        check_device(peer_now(), session.device_id)
        await uploads.open_upload(self._context, session)
        self._context.uploads.begin(session, self._replace)
        try:
            while request is not None:
                size = request.ByteSize()
                await self._unanswered.take(size)
                await self._answer(session, request, size)
                request = await anext(self._requests, None)
        finally:
            self._context.uploads.finish(session, self._replace)

    async def _answer(self, session: Session, request: Any, size: int) -> None:
        kind = request.WhichOneof("item")
        items = (
            [] if kind is None else request.chunks.chunks if kind == "chunks" else [getattr(request, kind)]
        )
        if not items:
            self._unanswered.give_back(size)
            return
        if len(items) > BATCH_CHUNKS_MAX:
            raise Refused(
                f"{len(items)} chunks came in one request; at most {BATCH_CHUNKS_MAX} are accepted."
            )
        if kind == "end":
            malformed = malformed_reply(request.end)
            end = convert.attempt_end_from_proto(request.end)
            reply = (
                uploads.upload_end(self._context, session, end) if malformed is None else _ready(malformed)
            )
        else:
            reply = self._upload_chunks(session, items)
        await self._read.put((size, reply))

    def _upload_chunks(self, session: Session, items: Iterable[Any]) -> Future[UploadReply]:
        chunks, malformed = [], None
        for item in items:
            malformed = malformed_reply(item)
            if malformed is not None:
                break
            chunks.append(convert.chunk_from_proto(item))
        return uploads.upload_chunks(self._context, session, chunks, malformed)


def _ready(reply: UploadReply) -> Future[UploadReply]:
    done: Future[UploadReply] = Future()
    done.set_result(reply)
    return done
