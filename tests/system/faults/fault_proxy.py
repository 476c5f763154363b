"""A TCP proxy that misbehaves when told to: delays, cuts, swallows, dribbles, flips a bit."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

PIECE = 16384


class Proxy:
    """Passes bytes between an agent and `target`; what it does to them can be changed at any time.

    `delay_s`: each piece waits. `bytes_s`: no more bytes a second. `cut_after`: the connection is reset after
    so many bytes to the collector. `swallow_up`, `swallow_down`: nothing passes that way and nothing is
    closed. `flip_every`: one bit of every so many bytes to the collector is flipped. `refuse`: new
    connections are closed at once.
    """

    def __init__(self, target: str = "", host: str = "127.0.0.1") -> None:
        self.target = target
        self.delay_s = 0.0
        self.bytes_s = 0.0
        self.cut_after: int | None = None
        self.swallow_up = False
        self.swallow_down = False
        self.flip_every = 0
        self.refuse = False
        self.connections = 0
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._forgotten: set[socket.socket] = set()
        self._listener = socket.create_server((host, 0))
        self.address = f"{host}:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def heal(self) -> None:
        """Passes everything again."""
        self.delay_s = self.bytes_s = 0.0
        self.cut_after, self.flip_every = None, 0
        self.swallow_up = self.swallow_down = self.refuse = False

    def forget_connections(self) -> None:
        """Passes nothing more on the connections that are there, and closes none: they are half open."""
        self._forgotten.update(each for pair in self._pairs for each in pair)

    def reset(self) -> None:
        """Ends every connection by RST."""
        for pair in self._pairs:
            for each in pair:
                _reset(each)
        self._pairs.clear()

    def close(self) -> None:
        """Ends it all."""
        with contextlib.suppress(OSError):
            self._listener.close()
        self.reset()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            host, _, port = self.target.rpartition(":")
            try:
                if self.refuse:
                    raise ConnectionRefusedError
                server = socket.create_connection((host, int(port)), timeout=5)
                server.settimeout(None)
            except (OSError, ValueError):
                _reset(client)
                continue
            self._pairs.append((client, server))
            threading.Thread(target=self._pump, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, up: bool) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while piece := source.recv(PIECE):
                if self.delay_s:
                    time.sleep(self.delay_s)
                if self.bytes_s:
                    time.sleep(len(piece) / self.bytes_s)
                if source in self._forgotten or (self.swallow_up if up else self.swallow_down):
                    continue
                if up and self.cut_after is not None and passed + len(piece) > self.cut_after:
                    sink.sendall(piece[: max(0, self.cut_after - passed)])
                    _reset(source)
                    _reset(sink)
                    return
                sink.sendall(self._flipped(piece, passed) if up else piece)
                passed += len(piece)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _flipped(self, piece: bytes, passed: int) -> bytes:
        if not self.flip_every or passed // self.flip_every == (passed + len(piece)) // self.flip_every:
            return piece
        damaged = bytearray(piece)
        damaged[len(piece) // 2] ^= 0x10
        return bytes(damaged)


def _reset(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        each.close()
