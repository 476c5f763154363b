"""What agents call: each call is converted, handed to the service, and its answer converted back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from paretofleet_proto.v1 import fleet_pb2 as pb

from paretofleet_collector.rpc.convert import fleet as convert
from paretofleet_collector.rpc.file_parts import MODEL_PART_BYTES, read_pieces
from paretofleet_collector.rpc.gate import peer_now
from paretofleet_collector.rpc.statuses import single_reply, stream_of_replies
from paretofleet_collector.rpc.upload_call import UploadCall
from paretofleet_collector.service import agents, leases
from paretofleet_collector.service.context import Context

RENEW_NOW_S = 0.001


class FleetServicer:
    """The fleet service; without logic."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @single_reply
    async def Join(self, request: pb.JoinRequest) -> pb.JoinReply:  # noqa: N802
        joined = await agents.join(self._context, convert.join_from_proto(request))
        return pb.JoinReply(name=joined.name, device_id=joined.device_id)

    @single_reply
    async def Hello(self, request: pb.HelloRequest) -> pb.HelloReply:  # noqa: N802
        welcome = await agents.hello(self._context, convert.hello_from_proto(request))
        reply = convert.welcome_to_proto(welcome)
        reply.renew_in_s = self._renew_in_s()
        return reply

    @single_reply
    async def Lease(self, request: pb.LeaseRequest) -> pb.LeaseReply:  # noqa: N802
        session = convert.session_from_proto(request.session)
        reply = await leases.lease(self._context, session, listens=request.listens)
        return convert.lease_reply_to_proto(reply)

    @stream_of_replies
    async def Listen(self, request: pb.ListenRequest) -> AsyncIterator[pb.WorkNotice]:  # noqa: N802
        async for _ in leases.listen(self._context, convert.session_from_proto(request.session)):
            yield pb.WorkNotice()

    @single_reply
    async def Progress(self, request: pb.ProgressRequest) -> pb.ProgressReply:  # noqa: N802
        statuses = await agents.progress(self._context, convert.heartbeat_from_proto(request))
        renew = 0.0 < self._renew_in_s() <= RENEW_NOW_S
        return pb.ProgressReply(held=convert.attempt_statuses_to_proto(statuses), renew=renew)

    @stream_of_replies
    async def Upload(self, requests: AsyncIterator[Any]) -> AsyncIterator[pb.UploadReply]:  # noqa: N802
        async for reply in UploadCall(self._context, requests).replies():
            yield convert.upload_reply_to_proto(reply)

    def _renew_in_s(self) -> float:
        """Seconds until who calls shall renew the certificate, RENEW_NOW_S when it is due; 0 without one."""
        left = peer_now().renew_unix_s - self._context.now()
        return 0.0 if left == float("inf") else max(RENEW_NOW_S, left)

    @stream_of_replies
    async def FetchModel(self, request: pb.FetchModelRequest) -> AsyncIterator[bytes]:  # noqa: N802
        session = convert.session_from_proto(request.session)
        path = await agents.model_path(self._context, session, request.sha256, request.offset)
        async for data in read_pieces(path, request.offset, MODEL_PART_BYTES):
            yield convert.model_part_to_wire(data)
