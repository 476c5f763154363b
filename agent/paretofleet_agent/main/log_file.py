"""The log of `run` on the disk: JSON lines in files of a bounded size, and how they are read."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from pathlib import Path
from typing import Any, Iterator

from paretofleet_agent.files import private_folder

#: The newest file below the home; older ones have a number behind it.
FILE = Path("logs") / "agent.log"
FILE_BYTES, OLDER_FILES = 1 << 20, 4


class KeptLog(logging.Handler):
    """Writes records below `home`. A disk that takes nothing costs lines and ends nobody.

    Nothing is synced: a line must not disturb what is measured.
    """

    def __init__(self, home: Path) -> None:
        super().__init__(logging.INFO)
        self._path = home / FILE

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a `record` as one line of JSON."""
        try:
            private_folder(self._path.parent)
            text = json.dumps(as_json(record), ensure_ascii=False) + "\n"
            descriptor = os.open(
                str(self._path), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600
            )
            with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
                size = file.tell()
            if size >= FILE_BYTES:
                self._rotate()
        except (OSError, ValueError):
            pass

    def note(self, sentence: str) -> None:
        """Writes the `sentence` with which the agent ends; nobody else hears it from here."""
        about = {"levelname": "ERROR", "name": "paretofleet_agent", "msg": sentence, "created": time.time()}
        self.emit(logging.makeLogRecord(about))

    def _rotate(self) -> None:
        for number in range(OLDER_FILES, 0, -1):
            newer = self._path if number == 1 else _numbered(self._path, number - 1)
            if newer.exists():
                os.replace(newer, _numbered(self._path, number))


def as_json(record: logging.LogRecord) -> dict[str, Any]:
    """A log `record` as it is kept: `time` (UTC), `level`, `logger`, `message`, perhaps `error`."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    line = {
        "time": f"{stamp}.{int(record.msecs):03d}Z",
        "level": record.levelname,
        "logger": record.name,
        "message": record.getMessage(),
    }
    if record.exc_info:
        line["error"] = logging.Formatter().formatException(record.exc_info)
    return line


def kept_lines(home: Path) -> Iterator[dict[str, Any]]:
    """What the agent in `home` logged, the oldest first; what is no line of a log is left out."""
    newest = home / FILE
    for path in (*(_numbered(newest, number) for number in range(OLDER_FILES, 0, -1)), newest):
        with contextlib.suppress(OSError), path.open(encoding="utf-8", errors="replace") as file:
            for text in file:
                line = _line(text)
                if line is not None:
                    yield line


def text_of(line: dict[str, Any]) -> str:
    """A kept `line` for people, without control characters."""
    parts = (str(line.get(key, "")) for key in ("time", "level", "message"))
    text = "".join(letter if letter.isprintable() else "?" for letter in " ".join(parts))
    return f"{text}\n{line['error']}" if line.get("error") else text


def _line(text: str) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) and isinstance(line.get("message"), str) else None


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")
