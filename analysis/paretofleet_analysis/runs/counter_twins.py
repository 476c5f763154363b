"""Counters that would be added up and are one: they move together, reading by reading, whatever their names.

Two packages draw alike at best on average. Their counts drift apart with time, while the counts of one
counter that is read twice differ by what it counted between the two reads, however long the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from paretofleet_analysis.runs.counted_energy import joules_counted
from paretofleet_analysis.runs.sample_schemas import Streams, sensor_readings

ALIKE = "counters_alike"
#: Fewer readings than this, or a shorter time in which two counters could drift apart, tell nothing.
READINGS_MIN, LAGS_MIN = 20, 100
#: One counter read twice shows its counts this much apart: so many periods, or such a part of our reads.
LAG_PERIODS, LAG_READS = 2.0, 0.1

Counted = tuple[np.ndarray, np.ndarray]


def with_twins(
    entries: Sequence[dict[str, Any]], streams: Streams, sensors: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The `entries` of a run's rails, flagged where a counter moves as another one.

    `streams` and `sensors` as in `alike_streams`.
    """
    alike = alike_streams(streams, sensors)
    return [
        {**entry, "flags": [*entry["flags"], *([ALIKE] if entry["stream"] in alike else [])]}
        for entry in entries
    ]


def alike_streams(streams: Streams, sensors: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """The streams of those `sensors`, the run's facts, whose counters would be added up and move as one.

    `streams`: the run's samples. Raises `SampleError` where columns contradict each other.
    """
    counters = [sensor for sensor in sensors if sensor.get("primary") and sensor.get("kind") == "counter"]
    counters = [sensor for sensor in counters if not sensor.get("missing")]
    alike = set()
    for first, second in combinations(counters, 2):
        if _sum_of(first) != _sum_of(second):
            continue
        counts, others = _counted(streams, first), _counted(streams, second)
        if counts is None or others is None:
            continue
        if move_together(counts, others, first.get("period_s")):
            alike |= {str(first["stream"]), str(second["stream"])}
    return frozenset(alike)


def move_together(first: Counted, second: Counted, period_s: float | None) -> bool:
    """Whether two counters count the same all the time, but for the moments at which they are read.

    `first`, `second`: seconds and joules of each reading; `period_s`: between two refreshes, None where
    nobody knows.

    >>> seconds = np.arange(400) * 0.05
    >>> move_together((seconds, 68 * seconds), (seconds, 68 * (seconds + 0.001) + 300), 0.001)
    True
    >>> move_together((seconds, 68 * seconds), (seconds, 68.2 * seconds), 0.001)
    False
    """
    (times_s, counted_j), (other_s, other_j) = first, second
    inside = (times_s >= other_s[0]) & (times_s <= other_s[-1])
    times_s, counted_j = times_s[inside], counted_j[inside]
    if times_s.size < READINGS_MIN:
        return False
    length_s, total_j = times_s[-1] - times_s[0], counted_j[-1] - counted_j[0]
    lag_s = max(LAG_PERIODS * (period_s or 0.0), LAG_READS * float(np.median(np.diff(times_s))))
    if total_j <= 0 or length_s < LAGS_MIN * lag_s:
        return False
    apart_j = counted_j - np.interp(times_s, other_s, other_j)
    low, high = np.quantile(apart_j, [0.05, 0.95])
    return bool(high - low <= total_j / length_s * lag_s)


def _sum_of(sensor: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a primary sensor is a part of: those with equal ones add up."""
    return sensor.get("source"), sensor.get("scope"), sensor.get("target_id")


def _counted(streams: Streams, sensor: Mapping[str, Any]) -> Counted | None:
    """Seconds and joules of a counter's readings; None where there are too few, or it started anew."""
    times_ns, values_uj = sensor_readings(streams, sensor)
    times_ns, first = np.unique(times_ns, return_index=True)
    if times_ns.size < READINGS_MIN:
        return None
    counted_j = joules_counted(
        times_ns,
        values_uj[first],
        max_range_uj=sensor.get("max_range_uj"),
        max_power_w=sensor.get("max_power_w"),
        period_s=sensor.get("period_s"),
    )
    return None if counted_j is None else (times_ns / 1e9, counted_j)
