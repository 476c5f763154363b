"""The log of a process that serves: lines for people, or JSON objects for machines."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

from paretofleet_collector.errors import Refused

FORMATS = ("text", "json")


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


def set_up(log_format: str, *, verbose: bool) -> None:
    """Sends the log to standard error in `log_format`, one of FORMATS.

    `verbose` also what is not wrong. Raises Refused for another format.
    """
    if log_format not in FORMATS:
        raise Refused(f"There is no log format '{log_format}'; write --log-format {' or '.join(FORMATS)}.")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter()
        if log_format == "json"
        else logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    )
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, handlers=[handler])
