"""Pure: what a browser keeps of whom it speaks for, signed, so that it outlives a collector's restart."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field

from paretofleet_collector.errors import SessionRefused
from paretofleet_collector.identity.peers import Peer

#: Seconds for which a browser is let in after it was opened by a link.
SESSION_S = 7 * 86_400.0
_AGAIN = "`paretofleet open` makes a new link"


@dataclass(frozen=True)
class PageSession:
    """Who a browser speaks for, until when (seconds since 1970), and what tells it from other browsers."""

    peer: Peer
    expires_unix_s: float
    nonce: str


@dataclass
class PageDoor:
    """The page's own: where it is served, by which key sessions are signed, and links nobody has opened."""

    address: str
    key: bytes
    #: By the SHA-256 of a link's token: whom it is for, and when it ends, in seconds since 1970.
    links: dict[str, tuple[Peer, float]] = field(default_factory=dict)


def issue(peer: Peer, key: bytes, now: float) -> str:
    """The text of a new session of `peer`, signed by `key`, `now` in seconds since 1970."""
    values = [peer.role, peer.subject, peer.certificate_id, now + SESSION_S, secrets.token_hex(16)]
    body = base64.urlsafe_b64encode(json.dumps(values).encode()).decode()
    return f"{body}.{_signature(body, key)}"


def read(text: str, key: bytes, now: float) -> PageSession:
    """The session in `text`, which `key` has signed, `now` in seconds since 1970; raises SessionRefused.

    >>> text = issue(Peer("viewer", "ada", "c1"), b"key", 0.0)
    >>> read(text, b"key", 1.0).peer.subject
    'ada'
    """
    body, _, signature = text.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(body, key).encode()):
        raise SessionRefused(
            f"The page was not opened by a link of this collector; {_AGAIN}.", "unidentified"
        )
    try:
        role, subject, certificate_id, expires_unix_s, nonce = json.loads(base64.urlsafe_b64decode(body))
    except (ValueError, binascii.Error):
        raise SessionRefused(f"The page's session cannot be read; {_AGAIN}.", "unidentified") from None
    if now >= expires_unix_s:
        raise SessionRefused(f"The page's session has expired; {_AGAIN}.", "unidentified")
    return PageSession(Peer(role, subject, certificate_id), expires_unix_s, nonce)


def form_token(session: PageSession, key: bytes) -> str:
    """What every form of `session` carries, by `key`: other sites can make the browser send, but not this."""
    return _signature(f"form:{session.nonce}", key)[:32]


def _signature(text: str, key: bytes) -> str:
    return hmac.new(key, text.encode(errors="replace"), hashlib.sha256).hexdigest()
