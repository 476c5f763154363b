"""How long runs took, and how long others are expected to take: frozen data, no logic."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RunTime:
    """A run of a sweep: when it began and ended, in seconds since 1970, and whether it still has to end.

    A run that begins is leased: its time holds what the process takes to start, to load and to cool down.
    """

    device_id: str
    configuration_id: str
    started_unix_s: float | None
    ended_unix_s: float | None
    is_open: bool


@dataclass(frozen=True)
class PastTime:
    """The mean `seconds` that runs of a configuration took on a device, in earlier sweeps."""

    device_id: str
    configuration_id: str
    protocol: str
    variant_sha256: str
    batch_size: int
    seconds: float


@dataclass(frozen=True)
class Span:
    """A time in seconds with the ends of its likely range."""

    seconds: float
    least_s: float
    most_s: float

    def at_most(self, seconds: float) -> Span:
        """The span as far as so many `seconds` let it be."""
        return Span(*(min(part, seconds) for part in (self.seconds, self.least_s, self.most_s)))

    def times(self, count: int, beside_s: float = 0.0) -> Span:
        """The span of `count` such times, with `beside_s` more in each."""
        return Span(*(count * (part + beside_s) for part in (self.seconds, self.least_s, self.most_s)))
