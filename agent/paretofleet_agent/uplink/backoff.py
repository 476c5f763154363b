"""How long to wait before the next try, and how often to say so."""

from __future__ import annotations

import random
import time
from typing import Callable, Iterator

FIRST_S = 0.5
LONGEST_S = 30.0
FIRST_SILENCE_S = 30.0
LONGEST_SILENCE_S = 600.0
SLICE_S = 0.1


def waits(chance: random.Random, first_s: float = FIRST_S, longest_s: float = LONGEST_S) -> Iterator[float]:
    """Endless waits in seconds, uniform between 0 and a bound that doubles from `first_s` to `longest_s`.

    `chance` draws them. Full jitter: a fleet that lost its collector at once does not come back at once.
    """
    bound = first_s
    while True:
        yield chance.uniform(0.0, bound)
        bound = min(2.0 * bound, longest_s)


def sleep(seconds: float, stopped: Callable[[], bool]) -> None:
    """Waits for `seconds`, or less when `stopped()` meanwhile."""
    until = time.monotonic() + seconds
    while not stopped() and time.monotonic() < until:
        time.sleep(min(SLICE_S, seconds))


class Retry:
    """A series of failures: how long to wait after each, and which of them are worth a line."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._waits = waits(chance)
        self._next_line_s = 0.0
        self._silence_s = 0.0

    def wait_s(self) -> float:
        """How long to wait before the next try."""
        return next(self._waits)

    def worth_a_line(self, now_s: float) -> bool:
        """True at the first failure of a series, then after silences that double."""
        if self._silence_s and now_s < self._next_line_s:
            return False
        self._silence_s = min(max(2.0 * self._silence_s, FIRST_SILENCE_S), LONGEST_SILENCE_S)
        self._next_line_s = now_s + self._silence_s
        return True

    def succeeded(self) -> bool:
        """Ends the series; True when it had been reported."""
        reported = self._silence_s > 0.0
        self._silence_s = 0.0
        self._waits = waits(self._chance)
        return reported
