"""Which day of a sweep it is for a device, and when the next may begin. Pure: the clock is an argument.

A day begins with its first run. The next one begins after midnight UTC and no sooner than 12 hours later, so
that a sweep across midnight has not seen two days.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from paretofleet_collector.model.entities import Repeats

_DAY_S = 86_400.0
_APART_S = 12 * 3600.0


@dataclass(frozen=True)
class WaitForDay:
    """The device waits for another day before its next run, until `until_unix_s`; so many of the first
    blocks, `done` of `blocks`, are done.
    """

    until_unix_s: float
    done: int
    blocks: int


def next_day_unix_s(first_unix_s: float) -> float:
    """When the day after that of the first run at `first_unix_s` may begin; both in seconds since 1970.

    >>> next_day_unix_s(0.0), next_day_unix_s(80_000.0)
    (86400.0, 123200.0)
    """
    midnight_unix_s = (math.floor(first_unix_s / _DAY_S) + 1) * _DAY_S
    return max(midnight_unix_s, first_unix_s + _APART_S)


def days_begun(starts_unix_s: Iterable[float]) -> list[float]:
    """When each day begins that runs at `starts_unix_s` have seen, in seconds since 1970.

    >>> days_begun([0.0, 3600.0, 90_000.0])
    [0.0, 90000.0]
    """
    days: list[float] = []
    for start in sorted(starts_unix_s):
        if not days or start >= next_day_unix_s(days[-1]):
            days.append(start)
    return days


def wait_for_day(block: int, begun: Mapping[int, float], repeats: Repeats, now: float) -> WaitForDay | None:
    """What a run of `block` has to wait for; None where it may begin `now`, in seconds since 1970.

    Of n days the k-th begins with the block after (k - 1) / n of the first `repeats.runs_min`. `begun`: when
    the first run of each block began that has ended well, in seconds since 1970. A day that passed by itself
    counts, and nothing waits before a block was done.
    """
    if repeats.days < 2 or not begun:
        return None
    due = min((block - 1) * repeats.days // repeats.runs_min + 1, repeats.days)
    if len(days_begun([*begun.values(), now])) >= due:
        return None
    until_unix_s = next_day_unix_s(days_begun(begun.values())[-1])
    done = sum(1 for number in begun if number < block)
    return WaitForDay(until_unix_s, done, repeats.runs_min)


def until(step: WaitForDay) -> str:
    """How far a device is that waits by `step`, and until when, in plain words."""
    at = dt.datetime.fromtimestamp(step.until_unix_s, dt.UTC)
    return f"{step.done} of {step.blocks} blocks are done; the next begins on {at:%Y-%m-%d at %H:%M} UTC"
