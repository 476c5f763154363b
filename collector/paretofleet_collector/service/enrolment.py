"""How devices and people get a certificate by a token, and a new one before it expires."""

from __future__ import annotations

import logging
import re
import secrets
from typing import Any

import sqlalchemy as sa

from paretofleet_collector.errors import Refused, SessionRefused, Taken
from paretofleet_collector.identity import authority, peers, tokens
from paretofleet_collector.identity.peers import Peer
from paretofleet_collector.model.messages import Enrolled, Enrolment, Join, Joined
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import certificates, devices, enrolments, sessions
from paretofleet_collector.store import tokens as stored_tokens

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
#: So many devices may wait for approval.
WAITING_MAX = 1000
#: So many certificates of one device or person may count at once: a command renews daily, for 30 days.
RENEWED_MAX = 100
_log = logging.getLogger(__name__)


def bundle(context: Context) -> str:
    """The certificates of all authorities of `context` in PEM, the newest last; raises Refused without."""
    if not context.authorities:
        raise Refused(
            "This collector has no identity, so nobody can join it; run `paretofleet collector init` with "
            "its folder and start it again."
        )
    return "".join(each.certificate_pem.decode() for each in context.authorities)


async def check_not_lost(context: Context) -> None:
    """Raises Refused where `context` had authorities and has none: then nobody would be asked who speaks."""
    folder = context.config.home / authority.FOLDER
    if context.authorities or not (folder.exists() or await context.store.read(certificates.are_there)):
        return
    raise Refused(
        f"This collector had an identity, and {folder} holds none that can be read; bring the folder back "
        "from a backup, or run `paretofleet collector init` for a new one, with which all join again. "
        "Without it every user of this machine would be let in."
    )


async def enrol(context: Context, request: Enrolment, caller: str = "") -> Enrolled:
    """Trades the token of a `request` for a certificate of `context`, or for a place among those who wait.

    `caller` is who asks, for the log: the connection as gRPC names it.

    The same key again gets the same certificate, and uses nothing up. Raises SessionRefused where the token
    does not let in, Refused and Taken where the name or the key is wrong.
    """
    bundle(context)
    token = tokens.parse(request.token)
    key = authority.public_key_of(request.request_pem)
    key_sha256 = authority.sha256_of_key(key)

    def work(connection: sa.Connection) -> Enrolled:
        earlier = certificates.of_key(connection, key_sha256)
        row = stored_tokens.row_of(connection, token.token_id)
        if earlier is not None and row is not None and earlier.revoked_unix_s is None:
            tokens.check_secret(row, token)
            return _again(connection, earlier)
        waits = enrolments.row_of(connection, key_sha256)
        tokens.check_secret(row, token)
        if row is None:
            raise Refused("The token is not known.")
        # Only a token of those that wait needs no further use; with any other the key waits for nothing.
        waits = waits if row.role == "agent" and row.approve else None
        if waits is None:
            tokens.check(row, token, request.name, context.now(), context.latest())
        if row.role != "agent":
            return _person(connection, context, row, request.name, key)
        return _device(connection, context, row, request, (key, waits))

    try:
        enrolled = await context.store.write(work)
    except (SessionRefused, Taken) as error:
        context.admission.log_refusal(caller, f"the join of '{request.name}'", str(error))
        raise
    if enrolled.certificate_pem:
        # A device's earlier certificates have ended with this one, a person's have its role.
        context.certificates_changed.set()
        _log.info("%s '%s' joined by token %s", enrolled.role, enrolled.name, token.token_id)
    return enrolled


async def renew(context: Context, peer: Peer, request_pem: str) -> str:
    """A new certificate of `context` for the `peer` with the key of `request_pem`.

    Raises Refused, and SessionRefused where the peer's certificate counts no more.
    """
    bundle(context)
    if not peer.certificate_id:
        raise Refused("The local socket needs no certificate.")
    key = authority.public_key_of(request_pem)

    def work(connection: sa.Connection) -> str:
        # It may have been revoked since the call was let in; what was renewed then would outlive that.
        row = certificates.row_of(connection, peer.certificate_id)
        now = context.now()
        peers.check_certificate(row, now, context.latest(), context.config.certificate_s)
        if certificates.number_valid(connection, peer.role, peer.subject, now) >= RENEWED_MAX:
            raise Refused(f"{RENEWED_MAX} certificates of yours count already; wait for one to expire.")
        return _issue(connection, context, peer.role, peer.subject, key)

    return await context.store.write(work)


def _issue(connection: sa.Connection, context: Context, role: str, subject: str, key: Any) -> str:
    newest, now = context.authorities[-1], context.now()
    certificate_id = secrets.token_hex(16)
    pem = authority.issue(newest, key, certificate_id)
    certificates.add(
        connection,
        {
            "certificate_id": certificate_id,
            "role": role,
            "subject": subject,
            "key_sha256": authority.sha256_of_key(key),
            "authority_sha256": newest.sha256,
            "pem": pem,
            "issued_unix_s": now,
            "expires_unix_s": now + context.config.certificate_s,
        },
    )
    return pem


def _again(connection: sa.Connection, row: Any) -> Enrolled:
    """What the same key got before: its reply was lost."""
    device = devices.row_of(connection, row.subject) if row.role == "agent" else None
    name = row.subject if device is None else device.name
    return Enrolled(row.role, row.subject, name, row.pem, row.key_sha256)


def _person(connection: sa.Connection, context: Context, token: Any, name: str, key: Any) -> Enrolled:
    name = name or token.name
    if not _NAME.fullmatch(name):
        raise Refused(f"'{name}' is not a name; use up to 64 letters, digits, dots, hyphens and _.")
    holder = certificates.newest(connection).get((False, name))
    if holder is not None and holder.revoked_unix_s is None and token.name != name:
        raise Taken(f"The name '{name}' belongs to somebody; join with another, or with a token made for it.")
    _use(connection, token)
    certificates.set_role(connection, name, token.role)
    pem = _issue(connection, context, token.role, name, key)
    return Enrolled(token.role, name, name, pem, authority.sha256_of_key(key))


def _device(
    connection: sa.Connection, context: Context, token: Any, request: Enrolment, proof: tuple[Any, Any]
) -> Enrolled:
    """`proof` is the device's public key, and its row among those who wait or None."""
    key, waits = proof
    key_sha256, now = authority.sha256_of_key(key), context.now()
    name = waits.name if waits is not None else token.name or request.name
    # What was approved is this id in this pool, whatever the key asks for since.
    device_id, pool = (request.device_id, token.pool) if waits is None else (waits.device_id, waits.pool)
    if not _ID.fullmatch(device_id) or not _NAME.fullmatch(name):
        raise Refused(f"'{name}' is not a device's name; use up to 64 letters, digits, dots, hyphens and _.")
    if token.approve and (waits is None or waits.approved_unix_s is None):
        if waits is None:
            _wait(connection, token, request, {"key_sha256": key_sha256, "name": name, "asked_unix_s": now})
        return Enrolled("agent", request.device_id, name, "", key_sha256)
    _check_not_anothers(connection, token, device_id, name)
    joined = sessions.join(
        connection, Join(device_id, name, request.device_class or "cpu", request.labels, pool)
    )
    _check_scope(connection, token, pool, joined)
    certificates.revoke(connection, joined.device_id, now, device=True)
    if waits is None:
        _use(connection, token)
    else:
        enrolments.remove(connection, key_sha256)
    pem = _issue(connection, context, "agent", joined.device_id, key)
    return Enrolled("agent", joined.device_id, joined.name, pem, key_sha256)


def _wait(connection: sa.Connection, token: Any, request: Enrolment, values: dict[str, Any]) -> None:
    if len(enrolments.waiting(connection)) >= WAITING_MAX:
        raise Refused(
            f"{WAITING_MAX} devices wait for approval already; approve or revoke some of them first."
        )
    _use(connection, token)
    enrolments.add(
        connection,
        {
            **values,
            "device_id": request.device_id,
            "device_class": request.device_class or "cpu",
            "pool": token.pool,
        },
    )


def _check_not_anothers(connection: sa.Connection, token: Any, device_id: str, name: str) -> None:
    """Raises SessionRefused where a device is in the fleet already: a token takes over nobody's place.

    A reset by an operator, or a token made for the very name, lets it in again; one that is in the fleet
    without a certificate also somebody's approval.
    """
    device = devices.row_of(connection, device_id)
    if device is None or device.awaits_reset or token.name == device.name:
        return
    if (True, device_id) not in certificates.newest(connection) and not token.approve:
        raise SessionRefused(
            f"Device '{device.name}' is in the fleet already, without a certificate; if this is that device, "
            f"make a token for it with `paretofleet token create --name {device.name}`, or run "
            f"`paretofleet devices reset {device.name}`.",
            "copied",
        )
    if (True, device_id) in certificates.newest(connection):
        raise SessionRefused(
            f"Device '{device.name}' has joined before, with another key; if this is that device, run "
            f"`paretofleet devices reset {device.name}` or make a token for it with "
            f"`paretofleet token create --name {device.name}`. If this is a copy of its folder, start it "
            f"with --home DIR and --name NAME of its own (it asked for '{name}').",
            "copied",
        )


def _check_scope(connection: sa.Connection, token: Any, pool: str, joined: Joined) -> None:
    """Raises SessionRefused where `joined` is a device of another name or `pool` than its token is for.

    A device that was here before the token keeps its own of both. Who was approved has a person's word.
    """
    if token.approve:
        return
    if token.name and joined.name != token.name:
        raise SessionRefused(
            f"The token {token.token_id} is for the name '{token.name}', and this is device '{joined.name}' "
            "of the fleet; make a token for that name.",
            "forbidden",
        )
    theirs = devices.pools(connection)[joined.device_id]
    if pool and theirs not in ("", pool):
        raise SessionRefused(
            f"The token {token.token_id} is for the pool '{pool}', and device '{joined.name}' is of the pool "
            f"'{theirs}'; make a token for that pool.",
            "forbidden",
        )


def _use(connection: sa.Connection, token: Any) -> None:
    if not stored_tokens.use(connection, token.token_id):
        raise SessionRefused(f"The token {token.token_id} is used up; make a new one.", "forbidden")
