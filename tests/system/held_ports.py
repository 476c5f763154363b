"""Ports of loopback that stay a test's own from before its server starts until after it has ended."""

from __future__ import annotations

import socket


def hold_port(host: str = "127.0.0.1") -> socket.socket:
    """A socket that keeps a port of `host` until it is closed: the system gives that to nobody else.

    A server that is told the port can listen there, again and again, if it sets SO_REUSEADDR, as servers do.
    While none does, connections are refused.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind((host, 0))
    return held


def port_of(held: socket.socket) -> int:
    return int(held.getsockname()[1])
