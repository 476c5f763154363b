"""Who may open the live page: links that count once, and sessions that follow a certificate's fate."""

from __future__ import annotations

import secrets
from pathlib import Path

from paretofleet_collector.errors import Refused, SessionRefused
from paretofleet_collector.identity import page_sessions, peers, tokens
from paretofleet_collector.identity.page_sessions import PageDoor, PageSession
from paretofleet_collector.identity.peers import Peer
from paretofleet_collector.service import access, home
from paretofleet_collector.service.context import Context

#: Seconds for which a link counts, and how many may wait for being opened.
LINK_S = 600.0
LINKS_MAX = 1000
_KEY = "page-key"


def open_door(folder: Path, address: str) -> PageDoor:
    """The door of a page that is served at `address`; its key is kept in the collector's `folder`.

    Raises StorageUnavailable.
    """
    path = folder / _KEY
    if not path.exists():
        home.write_atomically(path, secrets.token_hex(32) + "\n")
    return PageDoor(address, bytes.fromhex(path.read_text(encoding="utf-8").strip()))


def make_link(context: Context, peer: Peer) -> tuple[str, str]:
    """Where the page of `context` is served, and a token that opens it once as `peer`; raises Refused."""
    door = context.page_door
    if door is None:
        raise Refused(
            "This collector serves no page; start it with `paretofleet collector serve "
            "--web 127.0.0.1:7413`, or write `web` into its collector.toml."
        )
    now = context.now()
    for key in [key for key, (_, ends) in door.links.items() if ends <= now]:
        del door.links[key]
    if len(door.links) >= LINKS_MAX:
        raise Refused(f"{LINKS_MAX} links wait for being opened; try again in {LINK_S / 60:.0f} minutes.")
    token = secrets.token_urlsafe(32)
    door.links[tokens.sha256_of(token)] = peer, now + LINK_S
    return door.address, token


def sign_in(context: Context, door: PageDoor, token: str) -> str:
    """Takes the `token` of a link of the `door` of `context`, which counts no more, for a session's text.

    Raises SessionRefused.
    """
    peer, ends = door.links.pop(tokens.sha256_of(token), (None, 0.0))
    if peer is None or context.now() >= ends:
        raise SessionRefused(
            f"This link was opened before, or is older than {LINK_S / 60:.0f} minutes, or the collector was "
            "started again since; `paretofleet open` makes a new one.",
            "unidentified",
        )
    return page_sessions.issue(peer, door.key, context.now())


async def check_session(context: Context, door: PageDoor, text: str) -> PageSession:
    """The session in `text`, if it counts at the `door` of `context`: by its time, signature, certificate.

    Raises SessionRefused.
    """
    session = page_sessions.read(text, door.key, context.now())
    if session.peer.certificate_id:
        row = await access.certificate(context, session.peer.certificate_id)
        peers.check_certificate(row, context.now(), context.latest())
        peers.check_authority(row, {each.sha256 for each in context.authorities})
    return session
