"""Connections to PostgreSQL that give a silent server up: one that stands still keeps its sockets open.

Neither a statement's time limit, which is the server's, nor the kernel's keepalives notice that.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import psycopg


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is closed when the server sends nothing for `answer_s` seconds; None: never."""

    answer_s: float | None = None

    def wait(self, gen: Generator[Any, Any, Any], *arguments: Any, **options: Any) -> Any:
        """Waits for what `gen`, with the `arguments` and `options` of psycopg, wants of the server.

        Raises OperationalError where the server is silent for too long.
        """
        if self.answer_s is None:
            return super().wait(gen, *arguments, **options)
        return super().wait(self._bounded(gen, self.answer_s), *arguments, **options)

    def _bounded(self, gen: Generator[Any, Any, Any], answer_s: float) -> Generator[Any, Any, Any]:
        """Passes on what psycopg and `gen` say to one another, and counts how long nothing was ready."""
        until = time.monotonic() + answer_s
        try:
            state = next(gen)
            while True:
                ready = yield state
                if ready:
                    until = time.monotonic() + answer_s
                elif time.monotonic() > until:
                    # Whatever it does with the statement later, it does before it lets the lock go.
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"the server has not answered for {answer_s:g} s")
                state = gen.send(ready)
        except StopIteration as stop:
            return stop.value
