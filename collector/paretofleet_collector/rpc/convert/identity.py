"""The messages of identity: tokens, people, enrolments."""

from __future__ import annotations

from paretofleet_proto.v1 import join_pb2 as pb

from paretofleet_collector.model.messages import Enrolment
from paretofleet_collector.model.views import TokenView, UserView


def enrolment_from_proto(message: pb.EnrolRequest) -> Enrolment:
    """Who asks to join by a `message`."""
    return Enrolment(
        token=message.token,
        request_pem=message.request_pem,
        device_id=message.device_id,
        name=message.name,
        device_class=message.device_class,
        labels=dict(message.labels),
    )


def new_token_from_proto(message: pb.CreateTokenRequest) -> TokenView:
    """The token that a `message` asks for."""
    return TokenView(message.role, message.name, message.pool, message.approve, message.uses)


def token_to_proto(token: TokenView) -> pb.Token:
    """`token` as a message."""
    return pb.Token(
        token_id=token.token_id,
        role=token.role,
        name=token.name,
        pool=token.pool,
        uses=token.uses,
        uses_left=token.uses_left,
        created_unix_s=token.created_unix_s,
        expires_unix_s=token.expires_unix_s,
        state=token.state,
        approve=token.approve,
    )


def token_from_proto(message: pb.Token) -> TokenView:
    """The token in a `message`."""
    return TokenView(
        role=message.role,
        name=message.name,
        pool=message.pool,
        approve=message.approve,
        uses=message.uses,
        token_id=message.token_id,
        uses_left=message.uses_left,
        created_unix_s=message.created_unix_s,
        expires_unix_s=message.expires_unix_s,
        state=message.state,
    )


def user_to_proto(user: UserView) -> pb.User:
    """`user` as a message."""
    return pb.User(name=user.name, role=user.role, state=user.state, expires_unix_s=user.expires_unix_s)


def user_from_proto(message: pb.User) -> UserView:
    """The person in a `message`."""
    return UserView(message.name, message.role, message.state, message.expires_unix_s)
