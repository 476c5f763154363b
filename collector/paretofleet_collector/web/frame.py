"""What stands around every page."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from paretofleet_collector.identity.peers import LOCAL


def frame(request: Request) -> dict[str, Any]:
    """What the frame of every page shows to who makes a `request`: their name, and their forms' token."""
    session = getattr(request.state, "session", None)
    peer = None if session is None else session.peer
    shown = "" if peer is None else "you" if peer.role == LOCAL else f"{peer.subject} ({peer.role})"
    token = getattr(request.state, "form_token", "")
    return {"visitor": shown, "form_token": token, "watches": "", "epoch": "", "version": 0}
