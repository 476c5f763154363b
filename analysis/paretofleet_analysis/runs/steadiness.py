"""Was a run's measured series steady? Looked at afterwards; the answer qualifies the run and drops nothing.

After Barrett, Bolz-Tereick, Killick, Mount, Tratt, "Virtual machine warmup blows hot and cold" (OOPSLA
2017): split the series where its level changes, and compare the levels with the last one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

FLAT, WARMING, SLOWING, NO_STEADY = "flat", "warming", "slowing", "no_steady"
THERMALLY_LIMITED = "thermally_limited"
#: A split must gain this many times log(n) in n log(sum of squares): Barrett's penalty.
PENALTY = 15.0
#: Levels within this of the last one (relative) are the same: what warm-up tolerates between two windows.
TOLERANCE = 0.02
SEGMENT_MIN = 5
#: Longer series are split on the medians of so many groups.
GROUPS_MAX = 2000
#: Shorter stretches are not looked at by themselves: not even a step of 5 deviations would pass the penalty.
STRETCH_MIN = 24
#: Values this many times (p90 - p10) from the median are brought there before splitting: Barrett's outliers.
OUTLIER_REACH = 3.0
#: Differences below this share of the median are the clock's.
RESOLUTION = 1e-4
#: A clock that fell by more than this between the readings before and after has been held back.
CLOCK_DROP = 0.06
#: From so many readings of the clock in a window its halves are compared.
READINGS_MIN = 2


@dataclass(frozen=True)
class Steadiness:
    """The class of a series, where its segments begin (after the first), and their medians."""

    kind: str
    change_points: tuple[int, ...]
    levels: tuple[float, ...]


def classify(durations: np.ndarray) -> Steadiness:
    """`flat`; `warming` or `slowing`: first slower or faster, then steady; `no_steady`: neither.

    `durations`: positive, in any unit, in order of time. A drift is a stair of segments, so one that goes
    up by more than the tolerance is `slowing`. Short series hide all but large steps: 30 values those below
    about 4 standard deviations.

    >>> noise = 1 + 0.001 * np.sin(np.arange(200) ** 2)
    >>> classify(noise).kind, classify(np.concatenate([1.1 * noise, noise])).change_points
    ('flat', (200,))
    """
    values = np.asarray(durations, dtype=float)
    edges = [0, *change_points(values), values.size]
    levels = [float(np.median(values[a:b])) for a, b in pairwise(edges) if a < b]
    return Steadiness(_kind(levels), tuple(edges[1:-1]), tuple(levels))


def change_points(values: np.ndarray) -> list[int]:
    """Where the level of `values`, in order of time, changes: indices where a new segment begins, ascending.

    Binary segmentation, seeded (Kovacs et al., Biometrika 2023): each segment is also searched in halves,
    quarters and so on that overlap, since levels that take turns have no best split over the whole.
    """
    if values.size < 2 * SEGMENT_MIN:
        return []
    groups = min(values.size, GROUPS_MAX)
    edges = np.arange(groups + 1) * values.size // groups
    if groups < values.size:
        values = np.array([np.median(values[a:b]) for a, b in pairwise(edges)])
    low, middle, high = np.quantile(values, (0.1, 0.5, 0.9))
    reach = OUTLIER_REACH * max(high - low, RESOLUTION * middle)
    clipped = np.clip(values, middle - reach, middle + reach) - middle
    # What the clock cannot tell apart is no change, so every sum of squares has at least that much.
    floor = (RESOLUTION * middle) ** 2 + np.finfo(float).tiny
    starts, open_segments = [], [(0, groups)]
    while open_segments:
        start, end = open_segments.pop()
        gain, at = max(_best_split(clipped, a, b, floor) for a, b in _stretches(start, end))
        if gain > PENALTY * np.log(groups):
            starts.append(at)
            open_segments += [(start, at), (at, end)]
    return [int(edges[at]) for at in sorted(starts)]


def steadiness_flags(durations: np.ndarray, facts: Mapping[str, Any]) -> set[str]:
    """What the series says against the run: its class unless `flat`, and `thermally_limited`.

    That one is for a run that got slower while its clocks fell. `durations` as of `classify`; `facts`: the
    attempt's, with its readings of clocks in kHz.
    """
    kind = classify(durations).kind
    if kind == FLAT:
        return set()
    is_held_back = kind == SLOWING and _clocks_fell(facts)
    return {kind, THERMALLY_LIMITED} if is_held_back else {kind}


def _stretches(start: int, end: int) -> list[tuple[int, int]]:
    """The segment, and overlapping stretches of it of half its length, a quarter, ..."""
    stretches, length = [(start, end)], (end - start) // 2
    while length >= STRETCH_MIN:
        stretches += [(at, at + length) for at in range(start, end - length + 1, max(1, length // 2))]
        length //= 2
    return stretches


def _best_split(values: np.ndarray, start: int, end: int, floor: float) -> tuple[float, int]:
    """The gain in n log(sum of squares) of the best split of a stretch into two means, and where it is."""
    stretch, n = values[start:end], end - start
    if n < 2 * SEGMENT_MIN:
        return 0.0, start
    lengths = np.arange(SEGMENT_MIN, n - SEGMENT_MIN + 1)
    sums = np.cumsum(stretch)
    left, total = sums[lengths - 1], sums[-1]
    explained = left**2 / lengths + (total - left) ** 2 / (n - lengths) - total**2 / n
    whole = float(((stretch - total / n) ** 2).sum()) + n * floor
    best = int(explained.argmax())
    rest = max(whole - float(explained[best]), n * floor)
    return float(n * np.log(whole / rest)), start + int(lengths[best])


def _kind(levels: list[float]) -> str:
    if not levels:
        return FLAT
    ratios = [level / levels[-1] for level in levels]
    away = [abs(ratio - 1) > TOLERANCE for ratio in ratios]
    if not any(away):
        return FLAT
    before = ratios[: away.index(False)]
    if any(away[len(before) :]):
        return NO_STEADY
    if all(ratio > 1 for ratio in before):
        return WARMING
    return SLOWING if all(ratio < 1 for ratio in before) else NO_STEADY


def _clocks_fell(facts: Mapping[str, Any]) -> bool:
    """Whether the typical clock fell in the window, else from before to after the run; False where unknown.

    Readings in the window are of cores at work; those outside are of idle ones and say less.
    """
    inside = [float(value) for value in facts.get("window_clocks_khz") or ()]
    if len(inside) >= READINGS_MIN:
        half = len(inside) // 2
        return bool(np.median(inside[-half:]) < (1 - CLOCK_DROP) * np.median(inside[:half]))
    clocks = [
        [float(value) for value in (facts.get(name) or {}).get("frequencies_khz") or () if float(value) > 0]
        for name in ("readings_before", "readings_after")
    ]
    return all(clocks) and bool(np.median(clocks[1]) < (1 - CLOCK_DROP) * np.median(clocks[0]))
