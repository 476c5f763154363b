"""The clock of a meter against ours: its spaces the readings, ours says when they came."""

from __future__ import annotations

from typing import NamedTuple


class LineTime(NamedTuple):
    """A line, in nanoseconds: when it came by our clock, when by the meter's, and the least that ours was
    ahead so far.
    """

    arrival_ns: int
    meter_ns: int
    offset_ns: int


class MeterClock:
    """Dates lines, and refuses those whose time cannot be: one wrong digit would shift all that follow.

    A meter's clock goes forward, and by no more than ours plus `slack_ns`. A line that contradicts the last
    one and follows the one before it shows that the last was the wrong one; one that follows a refused line
    shows that the clock was set, and all starts anew.
    """

    def __init__(self, slack_ns: int) -> None:
        self._slack_ns = slack_ns
        self._last: LineTime | None = None
        self._before: LineTime | None = None
        self._refused: LineTime | None = None

    def accepts(self, meter_ns: int, now_ns: int) -> bool:
        """Takes note of a line that says `meter_ns` and came until `now_ns`; False where that is rubbish."""
        if self._follows(self._last, meter_ns, now_ns):
            self._before = self._last
        elif self._repeats(meter_ns) or not self._follows(self._before, meter_ns, now_ns):
            is_set = self._refused is not None and self._follows(self._refused, meter_ns, now_ns)
            self._refused = LineTime(now_ns, meter_ns, now_ns - meter_ns)
            if not is_set:
                return False
            self._before = None
        self._refused = None
        offset_ns = now_ns - meter_ns
        if self._before is not None:
            offset_ns = min(offset_ns, self._before.offset_ns)
        self._last = LineTime(now_ns, meter_ns, offset_ns)
        return True

    def dates(self, meter_ns: int) -> int:
        """A time of the meter's clock on ours, CLOCK_MONOTONIC nanoseconds. Call it after `accepts`."""
        return meter_ns + (0 if self._last is None else self._last.offset_ns)

    def _repeats(self, meter_ns: int) -> bool:
        return self._last is not None and self._last.meter_ns == meter_ns

    def _follows(self, earlier: LineTime | None, meter_ns: int, now_ns: int) -> bool:
        return (
            earlier is None or 0 < meter_ns - earlier.meter_ns <= now_ns - earlier.arrival_ns + self._slack_ns
        )
