"""Why a TLS connection fails, in one sentence: gRPC says "Socket closed" to whoever is refused."""

from __future__ import annotations

import socket
import ssl
import tempfile
from pathlib import Path

PROBE_S = 5.0


def diagnosis(address: str, authorities_pem: str = "", pair_pem: str = "") -> str:
    """What is wrong between this machine and the collector at `address` (HOST:PORT); empty for nothing known.

    `authorities_pem` is whom to trust, `pair_pem` the key with its certificate; both empty for whoever has
    not joined.
    """
    if _handshake(address, _context()) is None:
        return _without_tls(address, has_joined=bool(pair_pem))
    if not pair_pem:
        return (
            f"The collector at {address} asks who speaks; join it with a token: "
            "`paretofleet login HOST:7412 -`, made there by `paretofleet token create --role operator "
            "--name YOU`."
        )
    trusting = _context()
    trusting.verify_mode = ssl.CERT_REQUIRED
    trusting.load_verify_locations(cadata=authorities_pem)
    if _handshake(address, trusting) is None:
        return (
            f"The collector at {address} shows a certificate of another authority than the one that was "
            "joined: it is another collector, or its identity was made anew; nothing was sent to it. Join "
            "again with a new token if that is right."
        )
    with tempfile.TemporaryDirectory() as folder:
        pair = Path(folder) / "pair.pem"
        pair.touch(mode=0o600)
        pair.write_text(pair_pem, encoding="utf-8")
        trusting.load_cert_chain(pair)
    if _handshake(address, trusting) == b"":
        return (
            f"The collector at {address} does not accept this certificate: it is of an authority that it "
            "does not have any more; join again with a new token."
        )
    return ""


def _without_tls(address: str, *, has_joined: bool) -> str:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), PROBE_S).close()
    except OSError:
        return ""
    if not has_joined:
        return ""
    return (
        f"What answers at {address} speaks without TLS, and what was joined had an identity: it is another "
        "collector, or its identity is gone."
    )


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
        with (
            socket.create_connection((host.strip("[]"), int(port)), PROBE_S) as plain,
            context.wrap_socket(plain) as wrapped,
        ):
            # On a connection that was reset before, Python begins no handshake and raises nothing.
            if wrapped.version() is None:
                return None
            try:
                return wrapped.recv(9)
            except OSError:
                return b""
    except OSError:
        return None
