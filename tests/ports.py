"""Ports that a server comes back on."""

from __future__ import annotations

import socket


def reserved_port() -> tuple[socket.socket, int]:
    """A free port of loopback, kept from everybody else as long as the socket lives.

    A server that lets others use its address (SO_REUSEADDR) listens there all the same, again and again: the
    socket never listens. While no server does, whoever connects is refused.
    """
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("127.0.0.1", 0))
    return kept, int(kept.getsockname()[1])
