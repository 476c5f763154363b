"""Why a TLS connection fails, in one sentence: gRPC says "Socket closed" to whoever is refused."""

from __future__ import annotations

import os
import socket
import ssl
import tempfile

from paretofleet_agent.errors import PfError, Refused, Unreachable
from paretofleet_agent.uplink.credentials import Credentials

PROBE_S = 5.0


def diagnosis(address: str, credentials: Credentials | None) -> PfError | None:
    """What is wrong between this device and the collector at `address` (HOST:PORT); None for nothing known.

    `credentials` are None for an agent that has not joined. It is Refused where waiting does not help.
    """
    if _handshake(address, _context()) is None:
        if credentials is None or not _answers(address):
            return None
        return Unreachable(
            f"What answers at {address} speaks without TLS, and this agent joined a collector with identity: "
            "it is another one, or its identity is gone."
        )
    if credentials is None:
        return Refused(
            f"The collector at {address} asks who speaks: join it with `paretofleet-agent join HOST:7412 "
            "-`, with a token of `paretofleet token create` there."
        )
    trusting = _context()
    trusting.verify_mode = ssl.CERT_REQUIRED
    trusting.load_verify_locations(cadata=credentials.authorities_pem)
    if _handshake(address, trusting) is None:
        return Unreachable(
            f"The collector at {address} shows a certificate of another authority than the one that this "
            "device joined: it is another collector, or its identity was made anew. Nothing was sent to it; "
            "if it is right, join again with a new token."
        )
    _load_pair(trusting, credentials)
    if _handshake(address, trusting) == b"":
        return Unreachable(
            f"The collector at {address} does not accept this device's certificate: it is of an authority "
            "that it does not have any more. Join again with a new token of `paretofleet token create`."
        )
    return None


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), PROBE_S).close()
    except OSError:
        return False
    return True


def _load_pair(context: ssl.SSLContext, credentials: Credentials) -> None:
    """The standard library takes a key from a file only: one that nobody else can read, and gone at once."""
    descriptor, path = tempfile.mkstemp()
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(credentials.key_pem + credentials.certificate_pem)
        context.load_cert_chain(path)
    finally:
        os.unlink(path)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


def _handshake(address: str, context: ssl.SSLContext) -> bytes | None:
    """The first bytes that come after a handshake, empty where the server closes; None where it fails."""
    host, _, port = address.rpartition(":")
    try:
        plain = socket.create_connection((host.strip("[]"), int(port)), PROBE_S)
        # It closes `plain` with itself, and where the handshake fails.
        with context.wrap_socket(plain) as wrapped:
            # On a connection that was reset before, Python begins no handshake and raises nothing.
            if wrapped.version() is None:
                return None
            try:
                return wrapped.recv(9)
            except OSError:
                return b""
    except OSError:
        return None
