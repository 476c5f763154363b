"""Where the collector listens: its local socket, loopback if asked, and with identity TLS on any address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc
from paretofleet_proto.v1 import join_pb2_grpc

from paretofleet_collector.config import UNIX
from paretofleet_collector.errors import Refused
from paretofleet_collector.identity import authority
from paretofleet_collector.identity.authority import Authority
from paretofleet_collector.rpc.guard import Guard, host_of
from paretofleet_collector.rpc.join_servicer import JoinServicer
from paretofleet_collector.service import home
from paretofleet_collector.service.admission import Admission
from paretofleet_collector.service.context import Context

#: Joining is small: a token and a signing request.
JOIN_MESSAGE_BYTES = 16 * 1024
JOIN_CALLS = 32
#: So many of them may be of one machine: another one still gets through.
JOIN_CALLS_OF_ONE = 8
_JOIN_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", JOIN_MESSAGE_BYTES),
    ("grpc.max_concurrent_streams", JOIN_CALLS),
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", 30_000),
    ("grpc.max_connection_age_ms", 300_000),
)


@dataclass(frozen=True)
class Listening:
    """Where a server listens: at the local socket, and the address to tell people."""

    local: str
    address: str


class ServerKeys:
    """The server's keys, made anew where the authorities change: gRPC asks at each handshake."""

    def __init__(self, context: Context, *, asks_for_certificates: bool) -> None:
        self._context = context
        self._asks = asks_for_certificates
        self._made_for: tuple[Authority, ...] = ()

    def credentials(self) -> Any:
        """The credentials of a port."""
        return grpc.dynamic_ssl_server_credentials(
            self._configuration(), self._fetch, require_client_authentication=self._asks
        )

    def _fetch(self) -> Any:
        """None: as before."""
        return None if self._context.authorities == self._made_for else self._configuration()

    def _configuration(self) -> Any:
        authorities = self._context.authorities
        # Clients that have not heard of a newer authority yet trust the oldest.
        pair = authority.server_pair(authorities[0])
        roots = b"".join(each.certificate_pem for each in authorities) if self._asks else None
        self._made_for = authorities
        return grpc.ssl_server_certificate_configuration([pair], root_certificates=roots)


def listen(server: Any, context: Context) -> Listening:
    """Binds the local socket of `context` and, where its configuration has one, the address, for `server`.

    With identity the address speaks TLS and asks for certificates. Raises Refused.
    """
    path = home.make_socket_folder(context.config.home)
    local = f"{UNIX}{path}"
    try:
        server.add_insecure_port(local)
        path.chmod(0o600)
    except (RuntimeError, OSError):
        raise Refused(f"The collector cannot listen on its local socket {path}.") from None
    has_identity = bool(context.authorities)
    address = home.checked_address(context.config.listen, has_identity=has_identity)
    if address is None:
        return Listening(local, local)
    credentials = ServerKeys(context, asks_for_certificates=True).credentials() if has_identity else None
    written, context.port = _bind(server, address, credentials, "--listen")
    return Listening(local, written)


def join_server(context: Context) -> tuple[Any, str]:
    """The small server at which devices and people join `context`, bound but not started, and its address.

    Raises Refused.
    """
    guard = Guard(Admission(JOIN_CALLS_OF_ONE, counted="machine"), client=host_of)
    server = grpc.aio.server(interceptors=[guard], options=_JOIN_OPTIONS, maximum_concurrent_rpcs=JOIN_CALLS)
    join_pb2_grpc.add_JoinServicer_to_server(JoinServicer(context), server)  # type: ignore[no-untyped-call]
    address = home.checked_address(context.config.join_listen, has_identity=True)
    if address is None:
        raise Refused("join_listen is HOST:PORT, not `socket`; edit collector.toml.")
    credentials = ServerKeys(context, asks_for_certificates=False).credentials()
    written, context.join_port = _bind(server, address, credentials, "join_listen in collector.toml")
    return server, written


def _bind(server: Any, address: tuple[str, int], credentials: Any, setting: str) -> tuple[str, int]:
    """Binds `address`, without `credentials` in plain text; returns it as text, and the port."""
    host, port = address
    written = f"[{host}]" if ":" in host else host
    home.check_free(host, port)
    try:
        if credentials is None:
            bound = server.add_insecure_port(f"{written}:{port}")
        else:
            bound = server.add_secure_port(f"{written}:{port}", credentials)
    except RuntimeError:
        raise Refused(
            f"The collector cannot listen on {written}:{port}; choose another with {setting}."
        ) from None
    return f"{written}:{bound}", int(bound)
