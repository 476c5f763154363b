"""Who listens for work: each idle agent has one open stream, on which it hears that there may be a run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable


class WorkNotices:
    """The devices that listen, each woken alone. For the event loop's thread only.

    A notice is no grant: the device then asks for its run, and a notice that was lost costs a minute.
    """

    def __init__(self, spread: Callable[[Collection[str]], None] = lambda _: None) -> None:
        """`spread` tells other collectors of a fleet what is announced here."""
        self._spread = spread
        self._listening: dict[str, asyncio.Queue[bool]] = {}

    def announce(self, device_ids: Collection[str]) -> None:
        """Says, to other collectors too, that there may be a run for each of `device_ids`."""
        self.wake(device_ids)
        self._spread(device_ids)

    def listening(self) -> list[str]:
        """The devices that listen here."""
        return list(self._listening)

    def wake(self, device_ids: Iterable[str]) -> None:
        """Says that there may be a run to those of `device_ids` that listen here; several notices are one."""
        for device_id in device_ids:
            waiting = self._listening.get(device_id)
            if waiting is not None and waiting.empty():
                waiting.put_nowait(True)

    async def listen(self, device_id: str) -> AsyncIterator[None]:
        """Yields at once, for what came before, and at each notice for `device_id`.

        Ends when the device listens anew or the collector shuts down.
        """
        self._end(device_id)
        waiting: asyncio.Queue[bool] = asyncio.Queue()
        self._listening[device_id] = waiting
        try:
            yield
            while await waiting.get():
                yield
        finally:
            if self._listening.get(device_id) is waiting:
                del self._listening[device_id]

    def close(self) -> None:
        """Ends every stream."""
        for device_id in list(self._listening):
            self._end(device_id)

    def _end(self, device_id: str) -> None:
        older = self._listening.pop(device_id, None)
        if older is not None:
            older.put_nowait(False)

    def __len__(self) -> int:
        return len(self._listening)
