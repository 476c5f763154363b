"""What the command asks for about identity: tokens, people, authorities."""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.errors import NotFound, Refused
from paretofleet_collector.identity import authority, tokens
from paretofleet_collector.model.views import RotationView, TokenView, UserView
from paretofleet_collector.service import enrolment
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import certificates, devices
from paretofleet_collector.store import tokens as stored_tokens

USES_MAX = 10_000
TTL_MAX_S = 30 * 86_400.0
_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,63})?")


async def create_token(context: Context, new: TokenView, ttl_s: float) -> tuple[TokenView, str]:
    """Makes in `context` the token that `new` describes, for `ttl_s` seconds; returns it and its text.

    The text, with the secret in it, is nowhere else. Raises Refused.
    """
    enrolment.bundle(context)
    _check(new, ttl_s)
    text = tokens.make(context.authorities[0].sha256)
    now = context.now()
    values = {
        "token_id": text.token_id,
        "secret_sha256": tokens.sha256_of(text.secret),
        "role": new.role,
        "name": new.name,
        "pool": new.pool,
        "approve": new.approve,
        "uses": new.uses,
        "uses_left": new.uses,
        "created_unix_s": now,
        "expires_unix_s": now + ttl_s,
    }

    def work(connection: sa.Connection) -> TokenView:
        stored_tokens.add(connection, values)
        return _view(stored_tokens.row_of(connection, text.token_id), now)

    return await context.store.write(work), str(text)


async def list_tokens(context: Context) -> list[TokenView]:
    """Every token of `context`, the newest first, without its secret."""
    now = context.now()
    return [_view(row, now) for row in await context.store.read(stored_tokens.listing)]


async def revoke_token(context: Context, token_id: str) -> TokenView:
    """Ends the token `token_id` of `context`; whoever joined by it stays. Raises NotFound."""

    def work(connection: sa.Connection) -> TokenView:
        if stored_tokens.row_of(connection, token_id) is None:
            raise NotFound(f"There is no token '{token_id}'; `paretofleet token list` shows them.")
        stored_tokens.revoke(connection, token_id, context.now())
        return _view(stored_tokens.row_of(connection, token_id), context.now())

    return await context.store.write(work)


async def list_users(context: Context) -> list[UserView]:
    """Everybody with a certificate of `context` that is not a device."""
    newest, now = await context.store.read(certificates.newest), context.now()
    return [_user(row, now) for (is_device, _), row in sorted(newest.items()) if not is_device]


async def certificate(context: Context, certificate_id: str) -> Any:
    """The stored row of the certificate `certificate_id` of `context`, or None."""
    return await context.store.read(lambda connection: certificates.row_of(connection, certificate_id))


async def revoke_user(context: Context, name: str) -> UserView:
    """Ends every certificate of the person `name` in `context`, and what is open; raises NotFound."""

    def work(connection: sa.Connection) -> UserView:
        if (False, name) not in certificates.newest(connection):
            raise NotFound(f"Nobody is called '{name}'; `paretofleet token users` shows who has joined.")
        certificates.revoke(connection, name, context.now(), device=False)
        return _user(certificates.newest(connection)[False, name], context.now())

    user = await context.store.write(work)
    context.certificates_changed.set()
    return user


async def rotate(context: Context, *, finish: bool, force: bool) -> RotationView:
    """Adds an authority to those of `context`, or with `finish` retires all but the newest.

    It refuses to finish while certificates of an older one count, unless by `force`. Raises Refused.
    """
    enrolment.bundle(context)
    if others := await context.neighbours.others():
        raise Refused(
            f"Another collector of this fleet runs on {others[0].host}: stop all but this one, change the "
            "authority here, copy the folder `identity` into the homes of the others, and start them."
        )
    home = context.config.home
    if not finish and len(context.authorities) > 1:
        raise Refused(
            "The authority is being changed already; end it with `paretofleet collector rotate --finish`."
        )
    behind = await context.store.read(lambda connection: _behind(connection, context))
    if finish:
        if len(context.authorities) == 1:
            raise Refused("There is one authority only; begin with `paretofleet collector rotate`.")
        if behind and not force:
            raise Refused(
                f"Not renewed yet: {', '.join(behind[:10])}{' and others' if len(behind) > 10 else ''}; "
                "wait for their heartbeat, or lock them out with --force."
            )
        authority.retire_all_but_newest(home)
    else:
        authority.add(home, authority.make_authority(context.collector_id))
    context.authorities = authority.load(home)
    context.neighbours.change_authorities([each.sha256 for each in context.authorities])
    context.certificates_changed.set()
    behind = await context.store.read(lambda connection: _behind(connection, context))
    return RotationView(tuple(each.sha256 for each in context.authorities), tuple(behind))


def _behind(connection: sa.Connection, context: Context) -> list[str]:
    """Who has a certificate that counts, and none of the newest authority."""
    newest, now = context.authorities[-1].sha256, context.now()
    names = {device.device_id: device.name for device in devices.by_id(connection).values()}
    return sorted(
        names.get(subject, subject) if is_device else subject
        for (is_device, subject), row in certificates.newest(connection).items()
        if row.authority_sha256 != newest and row.revoked_unix_s is None and now < row.expires_unix_s
    )


def _check(token: TokenView, ttl_s: float) -> None:
    if token.role not in tokens.ROLES:
        raise Refused(f"'{token.role}' is not a role; choose one of {', '.join(tokens.ROLES)}.")
    if not _NAME.fullmatch(token.name) or not _NAME.fullmatch(token.pool):
        raise Refused("A name or a pool has up to 64 letters, digits, dots, hyphens and underscores.")
    if token.role != "agent" and (token.pool or token.approve or not token.name):
        raise Refused(f"A token for the role {token.role} is for one person: give --name, no --pool.")
    if not 1 <= token.uses <= USES_MAX or (token.name and token.uses > 1):
        raise Refused(f"A token has 1 to {USES_MAX} uses, one where it is for a name; this is {token.uses}.")
    if not 1.0 <= ttl_s <= TTL_MAX_S:
        raise Refused("A token lasts from a second to 30 days; a device's certificate renews itself.")


def _view(row: Any, now: float) -> TokenView:
    return TokenView(
        role=row.role,
        name=row.name,
        pool=row.pool,
        approve=bool(row.approve),
        uses=row.uses,
        token_id=row.token_id,
        uses_left=row.uses_left,
        created_unix_s=row.created_unix_s,
        expires_unix_s=row.expires_unix_s,
        state=tokens.state(row, now),
    )


def _user(row: Any, now: float) -> UserView:
    state = "valid" if now < row.expires_unix_s else "expired"
    return UserView(
        row.subject, row.role, "revoked" if row.revoked_unix_s is not None else state, row.expires_unix_s
    )
