"""Hears from the collector that there may be a run, so that an idle agent need not ask."""

from __future__ import annotations

import logging
import random
import threading
from typing import Callable, Iterable

from paretofleet_agent.errors import PfError
from paretofleet_agent.uplink import backoff

log = logging.getLogger(__name__)


class WorkListener:
    """A thread that reads notices from the stream that `open_stream` opens, and opens it again when it ends.

    While `is_open` is false, as with an older collector, the daemon asks from time to time.
    """

    def __init__(self, open_stream: Callable[[], Iterable[None]]) -> None:
        self._open_stream = open_stream
        self._noticed = threading.Event()
        self._end = threading.Event()
        self.is_open = False
        self._thread = threading.Thread(target=self._listen, name="work-listener", daemon=True)

    def start(self) -> None:
        """Begins to listen, unless it does."""
        if self._thread.ident is None:
            self._thread.start()

    def stop(self) -> None:
        """Ends the listening; the stream ends with the client."""
        self._end.set()

    def clear(self) -> None:
        """Forgets earlier notices; to be called before the daemon asks for a run."""
        self._noticed.clear()

    def wait(self, seconds: float) -> bool:
        """Waits for a notice for at most `seconds`; True when there was one."""
        return self._noticed.wait(seconds)

    def _listen(self) -> None:
        waits = backoff.waits(random.Random())
        while not self._end.is_set():
            try:
                for _ in self._open_stream():
                    self.is_open = True
                    self._noticed.set()
                    waits = backoff.waits(random.Random())
            except PfError as error:
                log.debug("not listening for work: %s", error)
            # Whatever ended the stream, the daemon had better ask.
            if self.is_open:
                self.is_open = False
                self._noticed.set()
            self._end.wait(next(waits))
