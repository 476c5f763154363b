"""What an energy counter counted: the rule by which a step is one of its own, as the analysis has it.

A counter that falls has wrapped, or started anew. A start anew passes for a wrap at whatever place of the
range it comes, so a step counts only where the target can have drawn it in its time.
"""

from __future__ import annotations

from typing import Sequence

from paretofleet_agent.sensors.protocol import Reading

#: Where nobody knows what a target can draw: more than any device here, and 500 J between two reads.
POWER_MAX_W = 10_000.0
#: Between two reads a target may draw so many times the most that it draws over a second.
BRIEF_FACTOR = 2.0
#: A refresh may be seen so many periods late, and so much later where nobody knows the period.
LATE_PERIODS, UNKNOWN_PERIOD_S = 2.0, 1.0


def counted_uj(
    readings: Sequence[Reading],
    *,
    max_range_uj: int | None = None,
    max_power_w: float | None = None,
    period_s: float | None = None,
) -> int | None:
    """Microjoules from the first to the last of a counter's `readings`; None where it started anew.

    `max_power_w` and `period_s` bound a step as `counted_series_uj` says.

    >>> counted_uj([(0, 900), (10**9, 100)], max_range_uj=1000)
    200
    """
    counted = counted_series_uj(
        readings, max_range_uj=max_range_uj, max_power_w=max_power_w, period_s=period_s
    )
    return None if counted is None else counted[-1]


def counted_series_uj(
    readings: Sequence[Reading],
    *,
    max_range_uj: int | None = None,
    max_power_w: float | None = None,
    period_s: float | None = None,
) -> list[int] | None:
    """Microjoules since the first of a counter's `readings`, at each; None where it started anew.

    A fall is a wrap where `max_range_uj` is known, which 0 is not. No step may be more than half of that
    range, nor more than `max_power_w` can bring in the time since the value last moved; `period_s` is the
    time between two refreshes in seconds.

    >>> counted_series_uj([(0, 900), (10**9, 100)], max_range_uj=1000)
    [0, 200]
    >>> counted_series_uj([(0, 900), (10**9, 100)])
    >>> counted_series_uj([(0, 162 * 10**9), (10**9, 0)], max_range_uj=262_143_328_850)
    """
    late_s = LATE_PERIODS * period_s if period_s else UNKNOWN_PERIOD_S
    most_w = BRIEF_FACTOR * max_power_w if max_power_w else POWER_MAX_W
    counted = [0]
    moved_ns = readings[0][0]
    for (_, before_uj), (t_ns, after_uj) in zip(readings, readings[1:]):
        step_uj = after_uj - before_uj
        if max_range_uj and step_uj < 0:
            step_uj += max_range_uj
        most_uj = most_w * 1e6 * ((t_ns - moved_ns) / 1e9 + late_s)
        if max_range_uj:
            most_uj = min(most_uj, max_range_uj / 2)
        if not 0 <= step_uj <= most_uj:
            return None
        counted.append(counted[-1] + step_uj)
        if step_uj:
            moved_ns = t_ns
    return counted
