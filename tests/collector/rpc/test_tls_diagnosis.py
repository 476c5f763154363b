"""Why TLS fails, where the way itself fails: a tunnel to nobody is no collector that asks who speaks."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest
from paretofleet_collector.rpc import tls_probe


@pytest.fixture
def tunnel(monkeypatch) -> Iterator[str]:
    """The address of a tunnel whose other end is down: every connection is ended and reset at once."""
    listener = socket.create_server(("127.0.0.1", 0))

    def reset_all() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.shutdown(socket.SHUT_RDWR)
            time.sleep(0.05)
            connection.close()

    connect = socket.create_connection

    def connect_and_be_slow(*arguments: object) -> socket.socket:
        connection = connect(*arguments)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                connection.getpeername()
            except OSError:
                return connection
            time.sleep(0.001)
        raise AssertionError("the connection was not reset")

    monkeypatch.setattr(tls_probe.socket, "create_connection", connect_and_be_slow)
    thread = threading.Thread(target=reset_all)
    thread.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)


def test_a_connection_that_is_reset_at_once_says_nothing_of_tls(tunnel):
    assert tls_probe.diagnosis(tunnel) == ""
