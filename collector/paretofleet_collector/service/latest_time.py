"""The wall clock as it is for what expires: it never goes back, also not over a restart."""

from __future__ import annotations

from collections.abc import Callable

from paretofleet_collector.errors import CollectorError
from paretofleet_collector.store import Store, clock

#: So much later than what was kept last is kept again: at rest, and where somebody was refused by it.
KEEP_S = 60.0
KEEP_AT_ONCE_S = 1.0


class LatestTime:
    """The latest time that `wall` (seconds since 1970) gave, in this process or one before it."""

    def __init__(self, store: Store, wall: Callable[[], float]) -> None:
        self._store = store
        self._wall = wall
        self._kept = self._latest = store.read_now(clock.latest)

    def __call__(self) -> float:
        """The time in seconds since 1970, never less than before."""
        self._latest = max(self._latest, self._wall())
        return self._latest

    async def keep(self, *, at_once: bool = False) -> None:
        """Keeps the time in the store now and then; raises nothing where that cannot be written."""
        now = self()
        if now - self._kept < (KEEP_AT_ONCE_S if at_once else KEEP_S):
            return
        try:
            await self._store.write(lambda connection: clock.keep(connection, now))
            self._kept = now
        except CollectorError:  # the store says so itself, and the next try comes
            return
