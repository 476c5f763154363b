"""What agents have sent and not got an answer to: bounded for each, on one upload of each session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from paretofleet_collector.model.limits import IN_FLIGHT_BYTES_MAX
from paretofleet_collector.model.messages import Session


class InFlight:
    """The unanswered bytes of one upload, at most `bytes_max`. For the event loop's thread only."""

    def __init__(self, bytes_max: int = IN_FLIGHT_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._room = asyncio.Event()
        self.bytes = 0

    async def take(self, size: int) -> None:
        """Waits until there is room for `size` bytes more, and counts them; something alone always fits."""
        while self.bytes and self.bytes + size > self._bytes_max:
            self._room.clear()
            await self._room.wait()
        self.bytes += size

    def give_back(self, size: int) -> None:
        """Counts that `size` bytes are answered."""
        self.bytes -= size
        self._room.set()


class OpenUploads:
    """The one upload of each session. A newer one ends the older, which may hang on a link that is gone."""

    def __init__(self) -> None:
        self._ends: dict[tuple[str, str], Callable[[], None]] = {}

    def begin(self, session: Session, end: Callable[[], None]) -> None:
        """Ends the upload that `session` has, if any; `end` is called when there is a newer one than this."""
        key = (session.device_id, session.session_id)
        older = self._ends.pop(key, None)
        self._ends[key] = end
        if older is not None:
            older()

    def finish(self, session: Session, end: Callable[[], None]) -> None:
        """Forgets the upload of `session` that began with `end`, unless a newer one took its place."""
        key = (session.device_id, session.session_id)
        if self._ends.get(key) == end:
            del self._ends[key]

    def __len__(self) -> int:
        return len(self._ends)
