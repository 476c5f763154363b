"""The command's side of tokens, people and authorities: plain calls, plain errors, as in `rpc.client`."""

from __future__ import annotations

from typing import Any

from paretofleet_proto.v1 import join_pb2 as pb
from paretofleet_proto.v1 import join_pb2_grpc

from paretofleet_collector.model.views import RotationView, TokenView, UserView
from paretofleet_collector.rpc.client import CALL_S, Client
from paretofleet_collector.rpc.convert import identity as convert


class AccessClient(Client):
    """A connection to the collector at `address`; a context manager."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._access: Any = join_pb2_grpc.AccessStub(self._channel)  # type: ignore[no-untyped-call]

    def create_token(self, token: TokenView, ttl_s: float) -> tuple[TokenView, str, str]:
        """Makes a token as `token` describes it, for `ttl_s` seconds.

        Returns it, its text, and HOST:PORT of the join server, the host empty for any of the collector's.
        """
        request = pb.CreateTokenRequest(
            role=token.role,
            name=token.name,
            pool=token.pool,
            uses=token.uses,
            ttl_s=ttl_s,
            approve=token.approve,
        )
        reply = self._call(lambda: self._access.CreateToken(request, timeout=CALL_S))
        return convert.token_from_proto(reply.token), reply.text, reply.address

    def list_tokens(self) -> tuple[TokenView, ...]:
        """Every token, without its secret."""
        reply = self._call(lambda: self._access.ListTokens(pb.ListTokensRequest(), timeout=CALL_S))
        return tuple(convert.token_from_proto(token) for token in reply.tokens)

    def revoke_token(self, token_id: str) -> TokenView:
        """Ends a token; whoever joined by it stays."""
        request = pb.RevokeTokenRequest(token_id=token_id)
        return convert.token_from_proto(self._call(lambda: self._access.RevokeToken(request, timeout=CALL_S)))

    def list_users(self) -> tuple[UserView, ...]:
        """Everybody with a certificate that is not a device."""
        reply = self._call(lambda: self._access.ListUsers(pb.ListUsersRequest(), timeout=CALL_S))
        return tuple(convert.user_from_proto(user) for user in reply.users)

    def revoke_user(self, name: str) -> UserView:
        """Ends every certificate of a person."""
        request = pb.RevokeUserRequest(name=name)
        return convert.user_from_proto(self._call(lambda: self._access.RevokeUser(request, timeout=CALL_S)))

    def rotate(self, *, finish: bool, force: bool) -> RotationView:
        """Adds an authority, or with `finish` retires all but the newest."""
        request = pb.RotateAuthorityRequest(finish=finish, force=force)
        reply = self._call(lambda: self._access.RotateAuthority(request, timeout=CALL_S))
        return RotationView(tuple(reply.sha256), tuple(reply.behind))
