"""What a power sensor is: its rails and three methods."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, List, Mapping, Optional, Protocol, Sequence, Tuple

from paretofleet_agent.model import SensorInfo, Unavailable

COUNTER, INSTANT, BOXCAR, FILTERED = "counter", "instant", "boxcar", "filtered"
ENERGY_SCHEMA, POWER_SCHEMA = "energy/1", "power/1"
#: The scope of a rail that is part of another one, so that it never stands for the whole.
PART = "part"

#: The section [sensors] of agent.ini.
Settings = Mapping[str, str]
NO_SETTINGS: Settings = {}
#: (CLOCK_MONOTONIC ns, microjoules or microwatts).
Reading = Tuple[int, int]
#: What is new of a rail since the last read, mostly one reading; None where reading failed.
Readings = Optional[Sequence[Reading]]
#: The sensors that were found, open, and what is unavailable.
FindResult = Tuple[List["Sensor"], List[Unavailable]]


@dataclass(frozen=True)
class Rail:
    """One power reading of a source and what is known of it; None is unknown.

    A counter gives microjoules that wrap at `max_range_uj`, every other kind microwatts. Primary rails are
    what a run's energy is taken from: those of one scope add up, no other rails ever do.
    `period_s` is the time between refreshes, `window_s` what a refresh averages over (less than the period:
    a part-time sensor), `lag_s` how long ago that average ended when the refresh came; neither holds the
    other. `target_id` is the one target whose power this is, None for more than one. `is_self_timed`: each
    refresh comes once and with its own time, not with that of the read. `max_power_w`: more than this it
    cannot draw over a second, such as a card's enforced limit; a mean above it is no power.
    """

    source: str
    rail: str
    scope: str
    kind: str
    primary: bool = False
    max_range_uj: int | None = None
    period_s: float | None = None
    lag_s: float | None = None
    quantum_w: float | None = None
    quantum_j: float | None = None
    gain_relative_uncertainty: float | None = None
    window_s: float | None = None
    target_id: str | None = None
    is_self_timed: bool = False
    max_power_w: float | None = None

    @property
    def stream(self) -> str:
        """The name of its stream of samples."""
        return f"power:{self.source}/{self.rail}"

    @property
    def schema(self) -> str:
        """The schema of its samples: energy for counters, power for all else."""
        return ENERGY_SCHEMA if self.kind == COUNTER else POWER_SCHEMA

    @property
    def info(self) -> SensorInfo:
        """What the inventory says of it."""
        return SensorInfo(self.source, self.rail, self.scope, self.kind, self.primary, self.target_id)

    def facts(self) -> dict[str, Any]:
        """What the facts of an attempt say of it."""
        return dict(asdict(self), stream=self.stream, schema=self.schema)


class Sensor(Protocol):
    """A power source that was found, open for reading."""

    def rails(self) -> Sequence[Rail]:
        """Its rails, in the order of `read`."""

    def read(self) -> Sequence[Readings]:
        """What is new of each rail: (CLOCK_MONOTONIC ns, microjoules or microwatts); None where it failed."""

    def close(self) -> None:
        """Gives back its descriptors."""
