"""The log of a process that serves: lines for people, or JSON objects for machines; kept on the disk, too."""

from __future__ import annotations

import json
import logging
import logging.handlers
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from paretofleet_collector.errors import misused

FORMATS = ("text", "json")
#: The newest log below the home; older ones have a number behind it.
FILE = Path("logs") / "collector.log"
FILE_BYTES, OLDER_FILES = 4 << 20, 4
_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class JsonFormatter(logging.Formatter):
    """One object a line: `time` (UTC), `level`, `logger`, `message` and, with an error, `error`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a `record`."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{stamp}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line)


class _KeptLog(logging.handlers.RotatingFileHandler):
    """The files of a log, as JSON, with what happens as well; a disk that takes nothing costs lines only."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=FILE_BYTES, backupCount=OLDER_FILES, encoding="utf-8", delay=True)
        self.setFormatter(JsonFormatter())
        self.addFilter(lambda record: record.name.startswith("paretofleet") or record.levelno > logging.INFO)

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a `record`, in a folder of the user's own that is made at the first."""
        try:
            Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            return
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Nothing: the log must not be what ends its process."""


def set_up(log_format: str, *, verbose: bool, home: Path) -> None:
    """Sends the log to standard error in `log_format`, one of FORMATS, and to files below `home`.

    `verbose` also what is not wrong, which the files always have. Raises Refused for another format.
    """
    if log_format not in FORMATS:
        raise misused(f"There is no log format '{log_format}'; write --log-format {' or '.join(FORMATS)}.")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else logging.Formatter(_TEXT))
    handler.setLevel(logging.INFO if verbose else logging.WARNING)
    logging.basicConfig(level=logging.INFO, handlers=[handler, _KeptLog(home / FILE)], force=True)


def kept_lines(home: Path) -> Iterator[dict[str, Any]]:
    """What the collector in `home` logged, the oldest first; what is no line of a log is left out."""
    numbered = [home / f"{FILE}.{number}" for number in range(OLDER_FILES, 0, -1)]
    for path in (*numbered, home / FILE):
        try:
            with path.open(encoding="utf-8", errors="replace") as file:
                for text in file:
                    line = _line(text)
                    if line is not None:
                        yield line
        except OSError:
            continue


def _line(text: str) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) and isinstance(line.get("message"), str) else None
