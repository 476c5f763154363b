"""The hottest thermal zone of this machine, for who watches it: read beside the work, never waited for."""

from __future__ import annotations

import threading
from pathlib import Path

from paretofleet_agent.hardware import environment


class Thermometer:
    """Reads the zones below `sysroot` once for each time that it is asked.

    A driver that hangs keeps its thread; from then on there is no temperature, and nobody waits for one.
    """

    def __init__(self, sysroot: Path) -> None:
        self._sysroot = sysroot
        self._newest_c: float | None = None
        self._thread: threading.Thread | None = None

    def newest_c(self) -> float | None:
        """Degrees Celsius as read after the call before; begins to read for the next. None without a zone."""
        if self._thread is not None and self._thread.is_alive():
            return None
        newest_c = self._newest_c
        self._thread = threading.Thread(target=self._read, name="thermometer", daemon=True)
        self._thread.start()
        return newest_c

    def _read(self) -> None:
        self._newest_c = max(environment.temperatures_c(self._sysroot).values(), default=None)
