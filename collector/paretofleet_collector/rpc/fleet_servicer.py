"""What agents call: each call is converted, handed to the service, and its answer converted back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Future
from typing import Any

from paretofleet_proto.v1 import fleet_pb2 as pb

from paretofleet_collector.model.messages import UploadReply
from paretofleet_collector.rpc.convert import fleet as convert
from paretofleet_collector.rpc.file_parts import read_pieces
from paretofleet_collector.rpc.statuses import single_reply, stream_of_replies
from paretofleet_collector.service import agents, leases, uploads
from paretofleet_collector.service.context import Context

STREAM_IDLE_S = 60.0
Replies = asyncio.Queue[Future[UploadReply] | Exception | None]


class FleetServicer:
    """The fleet service; without logic but for the order of an upload's replies."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @single_reply
    async def Join(self, request: pb.JoinRequest) -> pb.JoinReply:  # noqa: N802
        joined = await agents.join(self._context, convert.join_from_proto(request))
        return pb.JoinReply(name=joined.name, device_id=joined.device_id)

    @single_reply
    async def Hello(self, request: pb.HelloRequest) -> pb.HelloReply:  # noqa: N802
        welcome = await agents.hello(self._context, convert.hello_from_proto(request))
        return convert.welcome_to_proto(welcome)

    @single_reply
    async def Lease(self, request: pb.LeaseRequest) -> pb.LeaseReply:  # noqa: N802
        reply = await leases.lease(self._context, convert.session_from_proto(request.session))
        return convert.lease_reply_to_proto(reply)

    @single_reply
    async def Progress(self, request: pb.ProgressRequest) -> pb.ProgressReply:  # noqa: N802
        statuses = await agents.progress(self._context, convert.heartbeat_from_proto(request))
        return pb.ProgressReply(held=convert.attempt_statuses_to_proto(statuses))

    @stream_of_replies
    async def Upload(self, requests: AsyncIterator[Any]) -> AsyncIterator[pb.UploadReply]:  # noqa: N802
        # Chunks are read on while earlier ones are being committed, so that they share a commit.
        replies: Replies = asyncio.Queue(self._context.config.window_chunks)
        reader = asyncio.create_task(self._read_upload(requests, replies))
        try:
            while (item := await replies.get()) is not None:
                if isinstance(item, Exception):
                    raise item
                yield convert.upload_reply_to_proto(await asyncio.wrap_future(item))
        finally:
            reader.cancel()

    async def _read_upload(self, requests: AsyncIterator[Any], replies: Replies) -> None:
        try:
            first = await asyncio.wait_for(anext(requests, None), STREAM_IDLE_S)
            if first is None:
                await replies.put(None)
                return
            session = convert.session_from_proto(first.session)
            await uploads.open_upload(self._context, session)
            request = first
            while request is not None:
                if request.WhichOneof("item") == "chunk":
                    chunk = convert.chunk_from_proto(request.chunk)
                    await replies.put(uploads.upload_chunk(self._context, session, chunk))
                elif request.WhichOneof("item") == "end":
                    end = convert.attempt_end_from_proto(request.end)
                    await replies.put(uploads.upload_end(self._context, session, end))
                request = await asyncio.wait_for(anext(requests, None), STREAM_IDLE_S)
            await replies.put(None)
        except TimeoutError:
            await replies.put(None)
        except Exception as error:  # noqa: BLE001 - raised again where the replies are given
            await replies.put(error)

    @stream_of_replies
    async def FetchModel(self, request: pb.FetchModelRequest) -> AsyncIterator[pb.ModelPart]:  # noqa: N802
        session = convert.session_from_proto(request.session)
        path = await agents.model_path(self._context, session, request.sha256, request.offset)
        async for data in read_pieces(path, request.offset):
            yield pb.ModelPart(data=data)
