"""A pseudo-terminal as standard output of a command that runs in this process."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_STYLE = re.compile(r"\x1b\[[0-9;]*m")


class Screen:
    """What was written to a terminal, without its styles, and what was said beside it in `err`; complete when
    the terminal is closed.
    """

    def __init__(self) -> None:
        self.raw = b""
        self.err = io.StringIO()

    @property
    def text(self) -> str:
        return _STYLE.sub("", self.raw.decode().replace("\r\n", "\n"))


@contextmanager
def terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    """Makes standard output a terminal of so many `columns`; standard error is none."""
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    screen, (ours, theirs) = Screen(), pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    reader = threading.Thread(target=_read, args=(ours, screen))
    reader.start()
    with monkeypatch.context() as patch, open(theirs, "w", encoding="utf-8") as stream:
        for name in ("stdout", "__stdout__"):
            patch.setattr(sys, name, stream)
        patch.setattr(sys, "stderr", screen.err)
        yield screen
        stream.flush()
    reader.join(5)
    os.close(ours)


def _read(descriptor: int, screen: Screen) -> None:
    while True:
        try:
            part = os.read(descriptor, 4096)
        except OSError:  # Linux says EIO when the last writer has closed
            return
        if not part:
            return
        screen.raw += part
