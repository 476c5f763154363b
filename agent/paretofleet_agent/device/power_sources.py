"""The power sensors of this device: what they are, why others are absent, and what was measured of each."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, ContextManager, Iterator, Mapping, Sequence

from paretofleet_agent.device.device import allowed_cpus
from paretofleet_agent.model import SensorInfo, Unavailable
from paretofleet_agent.power import characterise
from paretofleet_agent.power.estimators import with_measured
from paretofleet_agent.power.missing_rails import missing_parts
from paretofleet_agent.sensors import FindResult, Sensor, Settings, find_all

#: Holds the host lock, after a wait while another agent measures; or nothing where the caller holds it.
Alone = Callable[[], ContextManager[object]]


@dataclass(frozen=True)
class PowerSources:
    """What was found. `facts`: what was measured of each stream, empty where nothing was.

    `rails`: what is known of each rail, and where it was measured what that says in its place; the missing
    parts of sums are among them.
    """

    sensors: tuple[SensorInfo, ...]
    rails: tuple[Mapping[str, Any], ...]
    absent: tuple[Unavailable, ...]
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def find_power_sources(sysroot: Path, settings: Settings, home: Path | None, alone: Alone) -> PowerSources:
    """Opens the sensors of the device at `sysroot` once, and measures those that this boot has no facts of.

    `settings` is [sensors] of agent.ini. What is measured is kept in `home`; without one, and of a copied
    tree, nothing is. Measuring keeps CPUs busy, so it is done within `alone()`; raises what that raises.
    """
    if home is None or sysroot.resolve() != Path("/"):
        with _opened(sysroot, settings) as (sensors, absent):
            return _power_sources(sensors, absent, {})
    if characterise.is_of_this_boot(home, sysroot):
        with _opened(sysroot, settings) as (sensors, absent):
            facts = characterise.remembered(home, sysroot, sensors)
            if facts is not None:
                return _power_sources(sensors, absent, facts)
    # Nothing is open during the wait: a meter serves one agent, and the one that measures now may need it.
    with alone(), _opened(sysroot, settings) as (sensors, absent):
        facts = characterise.of_device(home, sysroot, sensors, len(allowed_cpus()))
        return _power_sources(sensors, absent, facts)


@contextlib.contextmanager
def _opened(sysroot: Path, settings: Settings) -> Iterator[FindResult]:
    """The sensors, open for as long as this lasts, and what is absent."""
    sensors, absent = find_all(sysroot, settings)
    try:
        yield sensors, absent
    finally:
        for sensor in sensors:
            sensor.close()


def _power_sources(
    sensors: Sequence[Sensor], absent: Sequence[Unavailable], facts: Mapping[str, Mapping[str, Any]]
) -> PowerSources:
    rails = [rail for sensor in sensors for rail in sensor.rails()]
    there = [with_measured(rail.facts(), facts.get(rail.stream)) for rail in rails]
    return PowerSources(
        sensors=tuple(rail.info for rail in rails),
        rails=(*there, *missing_parts(there, [each.as_json() for each in absent])),
        absent=tuple(absent),
        facts=facts,
    )
