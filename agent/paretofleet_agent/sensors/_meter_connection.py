"""Lines to and from an external meter, over TCP or a serial port, without ever waiting in a read."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import termios
import time

CONNECT_S = 3.0
#: A line is a few dozen bytes; more than this without an end of line is rubbish.
LINE_BYTES_MAX = 4096
#: Reads for one answer, so that a meter that floods us takes no time of ours.
READS_MAX = 16
BAUD = 115200


class MeterConnection:
    """An open connection to a meter; `descriptor` does not block."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor
        self._buffer = b""
        self._kept: list[str] = []

    def keep(self, lines: list[str]) -> None:
        """Puts lines back: the next `lines` begins with them."""
        self._kept = lines + self._kept

    def lines(self) -> list[str]:
        """The whole lines that have arrived; an overlong one comes as an empty line, which says nothing."""
        lines, self._kept = self._kept, []
        for _ in range(READS_MAX):
            if self._descriptor is None:
                break
            try:
                content = os.read(self._descriptor, LINE_BYTES_MAX)
            except BlockingIOError:
                break
            except OSError:
                content = b""
            if not content:
                self.close()
                break
            *whole, self._buffer = (self._buffer + content).split(b"\n")
            lines += [line.decode("ascii", "replace").strip() for line in whole]
            if len(self._buffer) > LINE_BYTES_MAX:
                self._buffer = b""
                lines.append("")
        return lines

    def say(self, line: str) -> None:
        """Sends a line, as far as the other end takes it."""
        if self._descriptor is not None:
            try:
                os.write(self._descriptor, line.encode("ascii") + b"\n")
            except OSError:
                self.close()

    def wait(self, seconds: float) -> None:
        """Until something arrives, or `seconds`."""
        if self._descriptor is not None:
            select.select([self._descriptor], [], [], seconds)

    @property
    def is_open(self) -> bool:
        """Whether the other end is still there."""
        return self._descriptor is not None

    def close(self) -> None:
        """Ends the connection."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def open_connection(url: str) -> MeterConnection:
    """Opens `url`, `tcp://HOST:PORT` or `serial:///dev/NAME[?baud=N]`.

    Raises ValueError where it is neither, OSError where nothing answers or another process reads it.
    """
    kind, _, rest = url.partition("://")
    if kind == "tcp":
        host, _, port = rest.rpartition(":")
        if not host or not port.isdigit():
            raise ValueError(f"{url} is not tcp://HOST:PORT")
        with socket.create_connection((host.strip("[]"), int(port)), CONNECT_S) as connection:
            connection.setblocking(False)
            return MeterConnection(connection.detach())
    if kind == "serial":
        path, _, query = rest.partition("?")
        return MeterConnection(_open_serial(path, _baud(query)))
    raise ValueError(f"{url} is neither tcp://HOST:PORT nor serial:///dev/NAME?baud={BAUD}")


def _baud(query: str) -> int:
    name, _, value = (query or f"baud={BAUD}").partition("=")
    speed = getattr(termios, f"B{value}", None)
    if name != "baud" or speed is None:
        raise ValueError(f"?{query} is not a speed of a serial port, such as ?baud={BAUD}")
    return int(speed)


def _open_serial(path: str, speed: int) -> int:
    """A serial port in raw mode that nobody else reads. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mode = termios.tcgetattr(descriptor)
        mode[0] = mode[1] = mode[3] = 0
        mode[2] = termios.CS8 | termios.CREAD | termios.CLOCAL
        mode[4] = mode[5] = speed
        termios.tcsetattr(descriptor, termios.TCSANOW, mode)
        termios.tcflush(descriptor, termios.TCIOFLUSH)
    except termios.error as error:
        os.close(descriptor)
        raise OSError(f"{path} is not a serial port") from error
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def greet(connection: MeterConnection, hello: str, prefix: str, limit_s: float) -> str:
    """Sends `hello` over the `connection` and returns the first line that begins with `prefix`.

    Empty when none comes within `limit_s` seconds; lines after it stay to be read.
    """
    connection.say(hello)
    end_s = time.monotonic() + limit_s
    while connection.is_open and time.monotonic() < end_s:
        lines = connection.lines()
        for number, line in enumerate(lines):
            if line.startswith(prefix):
                connection.keep(lines[number + 1 :])
                return line
        connection.wait(max(0.0, end_s - time.monotonic()))
    return ""
