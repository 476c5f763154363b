"""How much one client may ask at once, and what is logged of those that are refused."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from paretofleet_collector.model.limits import CALLS_MAX, TURNS_MAX

#: The same refusal of the same client is logged again after so long; of all, so many lines a minute.
LOG_AGAIN_S = 600.0
LOG_LINES_MAX = 30
#: What comes by a socket of the collector's own user: nobody knows which connection it is.
LOCAL = "unix:"
_REMEMBERED_MAX = 4096
#: Calls of a client that may be refused within a second; each further one costs it so much time.
REFUSED_MAX = 100
REFUSED_WAIT_S = 0.1
_log = logging.getLogger(__name__)


class Admission:
    """Counts the calls of each client, and logs each kind of refusal once. For the event loop's thread only.

    `clock` gives seconds that only go forward.
    """

    def __init__(
        self,
        calls_max: int = CALLS_MAX,
        turns_max: int = TURNS_MAX,
        clock: Callable[[], float] = time.monotonic,
        counted: str = "connection",
    ) -> None:
        """`counted` is what a client is called that has too many calls."""
        self._counted = counted
        self._calls_max, self._turns_max = calls_max, turns_max
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._clock = clock
        self._calls: Counter[str] = Counter()
        self._logged: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._minute = (0.0, 0)
        self._refused: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def enter(self, peer: str) -> str:
        """Counts a call of `peer`; where it has too many, counts nothing and returns a sentence."""
        if peer.startswith(LOCAL):
            return ""
        if self._calls[peer] >= self._calls_max:
            return (
                f"This {self._counted} has {self._calls[peer]} calls under way; at most {self._calls_max} "
                "are accepted: wait for one to end."
            )
        self._calls[peer] += 1
        return ""

    @asynccontextmanager
    async def turn(self, peer: str) -> AsyncIterator[None]:
        """Waits until fewer than TURNS_MAX calls of `peer` are worked on: a flood waits for itself."""
        if peer.startswith(LOCAL):
            yield
            return
        turns = self._turns.setdefault(peer, asyncio.Semaphore(self._turns_max))
        async with turns:
            yield

    def leave(self, peer: str) -> None:
        """Counts that a call of `peer` is over."""
        if peer.startswith(LOCAL):
            return
        self._calls[peer] -= 1
        if self._calls[peer] <= 0:
            del self._calls[peer]
            self._turns.pop(peer, None)

    @property
    def calls(self) -> int:
        """Calls under way, of all clients."""
        return self._calls.total()

    async def slow_down(self, peer: str) -> None:
        """Counts that a call of `peer` was refused, and waits where that happens again and again."""
        now = int(self._clock())
        second, number = self._refused.pop(peer, (now, 0))
        number = number + 1 if second == now else 1
        self._refused[peer] = (now, number)
        while len(self._refused) > _REMEMBERED_MAX:
            self._refused.popitem(last=False)
        if number > REFUSED_MAX:
            await asyncio.sleep(REFUSED_WAIT_S)

    def log_refusal(self, peer: str, kind: str, sentence: str) -> bool:
        """Logs that `peer` was refused, unless that `kind` of it was logged lately; whether it was."""
        now = self._clock()
        key = (_host(peer), kind)
        logged_s = self._logged.get(key)
        if logged_s is not None and now - logged_s < LOG_AGAIN_S:
            return False
        start_s, lines = self._minute
        start_s, lines = (start_s, lines) if lines and now - start_s < 60.0 else (now, 0)
        self._minute = (start_s, lines + 1)
        if lines >= LOG_LINES_MAX:
            if lines == LOG_LINES_MAX:
                _log.warning("more refusals follow; they are not logged within this minute")
            return False
        self._logged[key] = now
        self._logged.move_to_end(key)
        while len(self._logged) > _REMEMBERED_MAX:
            self._logged.popitem(last=False)
        _log.warning("refused %s of %s: %s", kind, key[0], sentence)
        return True


def _host(peer: str) -> str:
    """The address without the port, which is another one for each connection."""
    return peer.rpartition(":")[0] if peer.startswith(("ipv4:", "ipv6:")) else peer
