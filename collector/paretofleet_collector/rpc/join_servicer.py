"""The services of identity: join by a token, renew a certificate, and what the command asks about both."""

from __future__ import annotations

from typing import Any

from paretofleet_proto.v1 import join_pb2 as pb

from paretofleet_collector.rpc.convert import identity as convert
from paretofleet_collector.rpc.gate import peer_now
from paretofleet_collector.rpc.guard import caller_now
from paretofleet_collector.rpc.statuses import single_reply
from paretofleet_collector.service import access, devices, enrolment
from paretofleet_collector.service.context import Context


class JoinServicer:
    """What whoever has a token may call, on a server of its own."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @single_reply
    async def Authorities(self, _: Any) -> pb.AuthoritiesReply:  # noqa: N802
        return pb.AuthoritiesReply(
            authorities_pem=enrolment.bundle(self._context), collector_id=self._context.collector_id
        )

    @single_reply
    async def Enrol(self, request: pb.EnrolRequest) -> pb.EnrolReply:  # noqa: N802
        enrolment_request = convert.enrolment_from_proto(request)
        enrolled = await enrolment.enrol(self._context, enrolment_request, caller_now())
        return pb.EnrolReply(
            certificate_pem=enrolled.certificate_pem,
            authorities_pem=enrolment.bundle(self._context),
            collector_id=self._context.collector_id,
            device_id=enrolled.subject if enrolled.role == "agent" else "",
            name=enrolled.name,
            fingerprint=enrolled.key_sha256[: devices.FINGERPRINT_DIGITS],
            role=enrolled.role,
            address=f":{self._context.port}" if self._context.port else "",
        )


class IdentityServicer:
    """What whoever has a certificate may call."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @single_reply
    async def Renew(self, request: pb.RenewRequest) -> pb.RenewReply:  # noqa: N802
        pem = await enrolment.renew(self._context, peer_now(), request.request_pem)
        return pb.RenewReply(certificate_pem=pem, authorities_pem=enrolment.bundle(self._context))


class AccessServicer:
    """What the command of an admin calls."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @single_reply
    async def CreateToken(self, request: pb.CreateTokenRequest) -> pb.CreateTokenReply:  # noqa: N802
        token, text = await access.create_token(
            self._context, convert.new_token_from_proto(request), request.ttl_s
        )
        address = f":{self._context.join_port}"
        return pb.CreateTokenReply(token=convert.token_to_proto(token), text=text, address=address)

    @single_reply
    async def ListTokens(self, _: Any) -> pb.ListTokensReply:  # noqa: N802
        listed = await access.list_tokens(self._context)
        return pb.ListTokensReply(tokens=[convert.token_to_proto(token) for token in listed])

    @single_reply
    async def RevokeToken(self, request: pb.RevokeTokenRequest) -> pb.Token:  # noqa: N802
        return convert.token_to_proto(await access.revoke_token(self._context, request.token_id))

    @single_reply
    async def ListUsers(self, _: Any) -> pb.ListUsersReply:  # noqa: N802
        listed = await access.list_users(self._context)
        return pb.ListUsersReply(users=[convert.user_to_proto(user) for user in listed])

    @single_reply
    async def RevokeUser(self, request: pb.RevokeUserRequest) -> pb.User:  # noqa: N802
        return convert.user_to_proto(await access.revoke_user(self._context, request.name))

    @single_reply
    async def RotateAuthority(self, request: pb.RotateAuthorityRequest) -> pb.RotateAuthorityReply:  # noqa: N802
        rotation = await access.rotate(self._context, finish=request.finish, force=request.force)
        return pb.RotateAuthorityReply(sha256=rotation.authorities, behind=rotation.behind)
