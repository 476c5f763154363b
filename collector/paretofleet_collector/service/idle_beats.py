"""Heartbeats of agents that hold nothing, by far the most of a fleet: checked and noted together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from paretofleet_collector.errors import SessionRefused
from paretofleet_collector.model.messages import Session

#: So long the first waits for others; a thousand agents then cost ten writes a second.
GATHER_S = 0.1
Note = Callable[[frozenset[Session]], Awaitable[Mapping[Session, SessionRefused]]]


class IdleBeats:
    """Gathers sessions for `note`, which notes them all at once and says which of them are refused."""

    def __init__(self) -> None:
        self._waiting: dict[Session, list[asyncio.Future[None]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def beat(self, session: Session, note: Note) -> None:
        """Returns when `session` was noted with others; raises SessionRefused, and what `note` raises."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(session, []).append(future)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._note_all(note))
        await future

    async def _note_all(self, note: Note) -> None:
        await asyncio.sleep(GATHER_S)
        waiting, self._waiting, self._task = self._waiting, {}, None
        try:
            refusals: Mapping[Session, Exception] = await note(frozenset(waiting))
        except Exception as error:  # noqa: BLE001 - belongs to everybody who waits
            refusals = dict.fromkeys(waiting, error)
        for session, futures in waiting.items():
            for future in futures:
                if future.done():  # its call was given up
                    continue
                if session in refusals:
                    future.set_exception(refusals[session])
                else:
                    future.set_result(None)
