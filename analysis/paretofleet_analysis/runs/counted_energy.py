"""What an energy counter counted: the rule by which a step is one of its own, as the agent has it.

A counter that falls has wrapped, or started anew. A start anew passes for a wrap at whatever place of the
range it comes, so a step counts only where the target can have drawn it in its time.
"""

from __future__ import annotations

import numpy as np

#: Where nobody knows what a target can draw: more than any device here, and 500 J between two reads.
POWER_MAX_W = 10_000.0
#: Between two reads a target may draw so many times the most that it draws over a second.
BRIEF_FACTOR = 2.0
#: A refresh may be seen so many periods late, and so much later where nobody knows the period.
LATE_PERIODS, UNKNOWN_PERIOD_S = 2.0, 1.0


def joules_counted(
    t_ns: np.ndarray,
    value_uj: np.ndarray,
    *,
    max_range_uj: int | None = None,
    max_power_w: float | None = None,
    period_s: float | None = None,
) -> np.ndarray | None:
    """Joules since the first of a counter's readings, wraps undone; None where it started anew.

    `t_ns`, `value_uj`: times in order and microjoules. A fall is a wrap where `max_range_uj` is known, which
    0 is not. No step may be more than half of that range, nor more than `max_power_w` can bring in the time
    since the value last moved; `period_s` is the time between two refreshes in seconds.

    >>> joules_counted(np.array([0, 10**9]), np.array([900, 100]), max_range_uj=1000)
    array([0.    , 0.0002])
    >>> joules_counted(np.array([0, 10**9]), np.array([162 * 10**9, 0]), max_range_uj=262_143_328_850)
    """
    steps = np.diff(value_uj)
    if max_range_uj:
        steps = np.where(steps < 0, steps + max_range_uj, steps)
        if (steps > max_range_uj / 2).any():
            return None
    late_s = LATE_PERIODS * period_s if period_s else UNKNOWN_PERIOD_S
    most_w = BRIEF_FACTOR * max_power_w if max_power_w else POWER_MAX_W
    most_uj = most_w * 1e6 * (_since_it_moved_s(t_ns, steps) + late_s)
    if ((steps < 0) | (steps > most_uj)).any():
        return None
    return np.concatenate([[0], np.cumsum(steps)]) / 1e6


def _since_it_moved_s(t_ns: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """For each step the seconds from the last reading with a new value, or the first one, to its end."""
    reading = np.arange(t_ns.size)
    moved = np.maximum.accumulate(np.where(np.concatenate([[True], steps != 0]), reading, 0))
    return np.asarray((t_ns[1:] - t_ns[moved[:-1]]) / 1e9)
