"""Items that come by the clock, as a camera's frames do: when each is due, and how it is waited for."""

import time
from typing import Callable, List, Optional

#: So long before an item is due the runner stops to sleep and watches the clock, but at most for this share
#: of a period: a sleep ends late by up to 0.1 ms, and what is spent on watching is spent by no camera.
SPIN_NS = 200000
SPIN_SHARE_MAX = 0.02
#: An item that is late by more than the longer of these waits in no queue any longer: what is due is counted
#: anew from there, so that a device that is too slow has no queue without end.
QUEUE_NS_MAX = 1000000000
QUEUE_PERIODS_MAX = 10
#: So much earlier than the spin a wait for the daemon ends, which costs a system call or two.
TURN_NS = 500000


class Pace:
    """When items are due: batch k of a grid at its first + k periods of `period_ns`.

    `items_s`: items a second, of which `batch_size` make a batch; it is due when its last item is there.
    `clock` gives ns. `wait` moves a clock that stands still to the time in ns that it is given; None for a
    real one, on which the runner sleeps and then watches.
    """

    def __init__(
        self,
        items_s: float,
        batch_size: int,
        clock: Callable[[], int],
        wait: Optional[Callable[[int], None]] = None,
    ) -> None:
        self.period_ns = batch_size * 1e9 / items_s
        self.spin_ns = int(min(SPIN_NS, SPIN_SHARE_MAX * self.period_ns))
        self._queue_ns = int(max(QUEUE_NS_MAX, QUEUE_PERIODS_MAX * self.period_ns))
        self._clock = clock
        self._is_real = wait is None
        self._wait = self._sleep_and_spin if wait is None else wait
        self._first_ns: Optional[int] = None
        self._batches = 0
        self._parts: List[List[int]] = []

    @property
    def goes_on(self) -> bool:
        """Whether items become due while nobody asks for them: a grid has begun, on a clock that goes on."""
        return self._first_ns is not None and self._is_real

    def due_ns(self) -> int:
        """When the next batch is due: now where no grid has begun."""
        if self._first_ns is None:
            return self._clock()
        return self._first_ns + round(self._batches * self.period_ns)

    def spare_s(self) -> float:
        """Seconds that are left for something else until the next batch is waited for; 0 where none are."""
        return max(0, self.due_ns() - self.spin_ns - TURN_NS - self._clock()) / 1e9

    def take(self) -> None:
        """Waits until the next batch is due and counts it. One that is late begins at once."""
        due_ns = self.due_ns()
        is_behind = self._clock() - due_ns > self._queue_ns
        if self._first_ns is None or is_behind:
            self._first_ns, self._batches = self._clock(), 0
            due_ns = self._first_ns
        if self._batches == 0 or not self._parts:
            self._parts.append([due_ns, 0])
        self._wait(due_ns)
        self._batches += 1
        self._parts[-1][1] += 1

    def end(self) -> None:
        """Ends the grid: the next batch begins another."""
        self._first_ns, self._batches = None, 0

    def taken(self) -> List[List[int]]:
        """[when the first was due in ns, how many] of each stretch of the grid since the last call."""
        parts, self._parts = self._parts, []
        return parts

    def _sleep_and_spin(self, due_ns: int) -> None:
        rest_ns = due_ns - self._clock() - self.spin_ns
        if rest_ns > 0:
            time.sleep(rest_ns / 1e9)
        while self._clock() < due_ns:
            pass
