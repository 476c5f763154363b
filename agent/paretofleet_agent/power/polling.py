"""When each sensor is read: at its own rhythm, and at random within it where the read makes the reading."""

from __future__ import annotations

import random
from typing import Any, Mapping

from paretofleet_agent.power.estimators import POLLING_S_MIN, polling_s
from paretofleet_agent.sensors import Rail, Sensor
from paretofleet_agent.sensors.protocol import INSTANT

#: More reads than this must not fail, after retries.
FAILED_SHARE_MAX = 0.01
#: A sensor of which more reads than this are missed is read less often than is said.
MISSED_SHARE_MAX = 0.1
#: What was measured of a stream: `period_s` and `polling_s`.
Measured = Mapping[str, Mapping[str, Any]]


class Rhythm:
    """The times at which one sensor is read, a grid of `period_s`, and how well it was kept.

    `is_spread`: each read comes at a random time of its part of the grid. A sensor that converts when it is
    read has our rhythm; on a strict grid it would see work of the same rhythm at the same place for ever.
    """

    def __init__(self, period_s: float, *, is_spread: bool, begin_ns: int) -> None:
        self.period_s, self.is_spread, self.due_ns = period_s, is_spread, begin_ns
        self._period_ns = int(period_s * 1e9)
        self._grid_ns = begin_ns
        self._last_ns: int | None = None
        self.reads = self.missed = self.longest_ns = 0

    def begins(self, now_ns: int) -> None:
        """A read begins."""
        if self._last_ns is not None:
            self.longest_ns = max(self.longest_ns, now_ns - self._last_ns)
        self._last_ns = now_ns
        self.reads += 1

    def ends(self, now_ns: int) -> None:
        """It has ended: the next one is due. A missed point of the grid is left out, never made up for."""
        if now_ns < self.due_ns:  # a read out of turn
            return
        late_ns = now_ns - self._grid_ns - (self._period_ns if self.is_spread else 0)
        behind = max(0, late_ns) // self._period_ns
        self.missed += behind
        self._grid_ns += (behind + 1) * self._period_ns
        self.due_ns = self._grid_ns + int(random.random() * self._period_ns if self.is_spread else 0)

    def report(self) -> dict[str, Any]:
        """Reads, missed ones and the longest gap since the start."""
        return {
            "period_s": self.period_s,
            "reads": self.reads,
            "missed": self.missed,
            "longest_gap_s": self.longest_ns / 1e9,
        }


def rhythm_of(sensor: Sensor, period_s: float | None, measured: Measured, begin_ns: int) -> Rhythm:
    """The rhythm of a `sensor` from `begin_ns` on: `period_s`, or what the fastest of its rails asks for.

    `measured`: what is known of each stream.
    """
    rails = sensor.rails()
    read_s = min(_polling_s(rail, measured) for rail in rails) if period_s is None else period_s
    is_spread = any(is_made_by_reads(rail, measured) for rail in rails)
    return Rhythm(read_s, is_spread=is_spread, begin_ns=begin_ns)


def is_made_by_reads(rail: Rail, measured: Measured) -> bool:
    """Whether a `rail` shows the moment of the read, or is `measured` to refresh too often to differ."""
    return rail.kind == INSTANT and (_period_s(rail, measured) or 0.0) / 2 < POLLING_S_MIN


def of_request(facts: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What a sampler needs of the measured `facts` of each stream.

    >>> of_request({"power:x/y": {"period_s": 0.1, "polling_s": 0.05, "flags": []}})
    {'power:x/y': {'period_s': 0.1, 'polling_s': 0.05}}
    """
    return {
        stream: {"period_s": measured.get("period_s"), "polling_s": measured.get("polling_s")}
        for stream, measured in facts.items()
    }


def slowest_share(report: Mapping[str, Any]) -> float:
    """The share of its reads that the slowest sensor of a sampler's `report` missed."""
    sensors = [sensor for sensor in report["sensors"] if sensor["reads"]]
    shares = [sensor["missed"] / (sensor["missed"] + sensor["reads"]) for sensor in sensors]
    return max(shares, default=0.0)


def failing(report: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """(failed reads, reads) of the streams of a sampler's `report` of which more than 1 % failed."""
    return {
        stream: (report["failed"][stream], sensor["reads"])
        for sensor in report["sensors"]
        for stream in sensor["streams"]
        if report["failed"].get(stream, 0) > FAILED_SHARE_MAX * sensor["reads"]
    }


def _period_s(rail: Rail, measured: Measured) -> float | None:
    period_s = measured.get(rail.stream, {}).get("period_s")
    return rail.period_s if period_s is None else float(period_s)


def _polling_s(rail: Rail, measured: Measured) -> float:
    read_s = measured.get(rail.stream, {}).get("polling_s")
    return polling_s(rail.kind, rail.period_s, 0.0) if read_s is None else float(read_s)
