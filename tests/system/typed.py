"""What a person sees who types a command: a shell's line at work in a terminal of its own."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading
from pathlib import Path

COLUMNS = 80
PATIENCE_S = 400.0
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]")


class Typed:
    """A `line` that bash runs in `folder` with the variables `env`, in a terminal of so many `columns`."""

    def __init__(self, line: str, folder: Path, env: dict[str, str], *, columns: int = COLUMNS) -> None:
        self.line = line
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self._raw = bytearray()
        self.process = subprocess.Popen(
            # `setsid --ctty`: the terminal is the command's own, so that Ctrl-C reaches it
            ["setsid", "--ctty", "bash", "-c", f"exec {line}"],
            cwd=folder,
            env=env,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def text(self) -> str:
        """What was shown so far; a line that was drawn over itself is there each time."""
        return re.sub(r"\r+\n?", "\n", _CONTROL.sub("", bytes(self._raw).decode(errors="replace")))

    def _read(self) -> None:
        while True:
            try:
                part = os.read(self._ours, 4096)
            except OSError:  # Linux says EIO when the last writer has closed
                return
            if not part:
                return
            self._raw += part

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        code = self.process.wait(PATIENCE_S)
        self._reader.join(10)
        os.close(self._ours)
        return code

    def interrupt(self) -> int:
        """Its exit code after Ctrl-C."""
        if self.process.poll() is None:
            os.write(self._ours, b"\x03")
        return self.wait()
