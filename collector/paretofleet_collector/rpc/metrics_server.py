"""Where Prometheus fetches the metrics: HTTP on loopback or on a unix socket, in a thread of its own."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from paretofleet_collector.config import NO_METRICS, UNIX
from paretofleet_collector.errors import Refused
from paretofleet_collector.service import home
from paretofleet_collector.service.context import Context

#: A client that says nothing for so long is let go.
_SILENCE_S = 5


@contextmanager
def serving(context: Context, address: str) -> Iterator[str]:
    """Serves the metrics of `context` at `address` while the block runs; `off` serves nothing.

    `address` is HOST:PORT on loopback (0 picks a port) or `unix:PATH`. Yields the address that was bound.
    Raises Refused.
    """
    if address == NO_METRICS:
        yield ""
        return
    server, bound = _listen(context, address)
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield bound
    finally:
        server.shutdown()
        server.server_close()
        if address.startswith(UNIX):
            Path(address.removeprefix(UNIX)).unlink(missing_ok=True)


def _listen(context: Context, address: str) -> tuple[socketserver.BaseServer, str]:
    """A server that answers one client after the other, and where it was bound; raises Refused."""
    from prometheus_client import CollectorRegistry, MetricsHandler, ProcessCollector

    from paretofleet_collector.service.metrics import CollectorMetrics

    registry = CollectorRegistry()
    registry.register(CollectorMetrics(context))
    ProcessCollector(registry=registry)
    handler = type("Handler", (MetricsHandler,), {"registry": registry, "timeout": _SILENCE_S})
    try:
        if address.startswith(UNIX):
            return _at_socket(Path(address.removeprefix(UNIX)), handler), address
        place = home.checked_address(address, has_identity=False)
        if place is None:
            raise Refused(f"'{address}' is no address for metrics; write HOST:PORT or unix:PATH.")
        server = HTTPServer(place, handler)
    except OSError as error:
        raise Refused(
            f"The metrics cannot be served at {address}: {error.strerror}; choose another with --metrics."
        ) from None
    return server, f"{place[0]}:{server.server_address[1]}"


def _at_socket(path: Path, handler: type[BaseHTTPRequestHandler]) -> socketserver.UnixStreamServer:
    """A server at `path`, open to the user and the group of this process."""
    if path.is_socket():  # left behind: the home is held, so nobody serves there
        path.unlink()
    server = socketserver.UnixStreamServer(str(path), handler)
    path.chmod(0o660)
    return server
