"""RAPL: energy counters of x86 CPUs through /sys/class/powercap.

Zones: a package and, inside it, core, uncore and dram. `psys` covers the packages too. intel-rapl-mmio
repeats the packages and is read only where intel-rapl is missing. Counters wrap at max_energy_range_uj.
Packages add up; so do the dies of an Intel package, while those of AMD and Hygon all show their package's
counter. Where one package tells nothing, the sum is unknown.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Sequence

from paretofleet_agent.hardware.sysfs import number, text
from paretofleet_agent.model import Unavailable
from paretofleet_agent.sensors._files import FileRail, one_integer, open_rails
from paretofleet_agent.sensors._rapl_zones import Zone, read_zones
from paretofleet_agent.sensors.protocol import COUNTER, NO_SETTINGS, FindResult, Rail, Settings

ZONES = "sys/class/powercap"
CPUS = "sys/devices/system/cpu"
#: Vendors of which every die's zone is the counter of the whole package.
ONE_COUNTER_VENDORS = ("AuthenticAMD", "HygonGenuine")
PERMISSION_FIX = (
    "as root: chmod a+r /sys/class/powercap/intel-rapl*:*/energy_uj; a udev rule keeps it after a boot"
)
LINK_FIX = (
    "a container needs the host's /sys/devices/virtual/powercap; elsewhere, as root: "
    "modprobe -r intel_rapl_msr; modprobe intel_rapl_msr"
)
#: The nominal rhythm of the counters.
PERIOD_S = 0.001
#: A model or a measurement of the package, good to a few percent.
GAIN_UNCERTAINTY = 0.03
#: The hardware counter has 32 bits, so the range tells its unit.
COUNTER_STEPS = 2**32 - 1
#: The zone of a package, or of one of its dies.
PACKAGE = re.compile(r"(package-\d+)(?:-die-(\d+))?")


def find(sysroot: Path, _settings: Settings = NO_SETTINGS) -> FindResult:
    """The RAPL zones under `sysroot`, opened, or why there are none. No key of `_settings` is for them."""
    zones = read_zones(sysroot / ZONES)
    if not zones:
        why = f"no intel-rapl zone under /{ZONES}: not an x86 CPU, a virtual machine, or a hidden /sys"
        fix = "on bare x86: modprobe intel_rapl_msr; a container needs the host's /sys"
        return [], [Unavailable("rapl", why, fix)]
    if not any(zone.is_there for zone in zones):
        why = f"the links of /{ZONES} point at devices that are not there"
        return [], [Unavailable("rapl", why, LINK_FIX)]
    planned = [
        FileRail(rail, (sysroot / ZONES / zone.zone / "energy_uj",), one_integer)
        for zone, rail in rails(zones)
        if zone.name
    ]
    planned, absent = _each_counter_once(planned, sysroot)
    sensors, unreadable = open_rails(planned, fix=PERMISSION_FIX)
    absent += [_nameless(zone, rail) for zone, rail in rails(zones) if not zone.name]
    return sensors, [*unreadable, *absent, *_without_zone(zones, sysroot)]


def rails(zones: Sequence[Zone]) -> list[tuple[Zone, Rail]]:
    """Each of `zones` with its rail.

    A zone within a package is named after it; only packages are primary.
    """
    names = {zone.zone: zone.name or zone.zone for zone in zones}
    return [
        (
            zone,
            Rail(
                source="rapl",
                rail=f"{names[zone.parent]}-{names[zone.zone]}" if zone.parent in names else names[zone.zone],
                scope=zone.scope,
                kind=COUNTER,
                primary=zone.scope == "package",
                max_range_uj=zone.max_range_uj,
                period_s=PERIOD_S,
                lag_s=0.0,
                gain_relative_uncertainty=GAIN_UNCERTAINTY,
                quantum_j=zone.max_range_uj / COUNTER_STEPS / 1e6 if zone.max_range_uj else None,
                max_power_w=zone.max_power_w,
            ),
        )
        for zone in zones
    ]


def _each_counter_once(
    planned: Sequence[FileRail], sysroot: Path
) -> tuple[list[FileRail], list[Unavailable]]:
    """The rails without those that repeat the counter of another die's, and why these are left out."""
    if not _has_one_counter(sysroot):
        return list(planned), []
    firsts: dict[str, str] = {}
    kept, absent = [], []
    for each in planned:
        name = each.rail.rail
        die = re.fullmatch(r"(package-\d+)-die-\d+", name)
        first = name if die is None else firsts.setdefault(die.group(1), name)
        if first == name:
            kept.append(each)
        else:
            why = f"the counter of {first} again: a package of {_vendor(sysroot)} has one for all of its dies"
            absent.append(Unavailable(f"rapl/{name}", why))
    return kept, absent


def _nameless(zone: Zone, rail: Rail) -> Unavailable:
    """A zone without a name: a package, perhaps, so that the others may be a part of the sum."""
    name = f"rapl/{rail.rail}"
    sensor = rail.info if rail.primary else None
    if not zone.is_there:
        why = f"the link /{ZONES}/{zone.zone} points at a device that is not there"
        return Unavailable(name, why, LINK_FIX, refused=rail.primary, sensor=sensor)
    why = f"no name in /{ZONES}/{zone.zone}: what it counts is unknown"
    return Unavailable(name, why, refused=rail.primary, sensor=sensor)


def _without_zone(zones: Sequence[Zone], sysroot: Path) -> list[Unavailable]:
    """The packages and dies of the machine that no zone counts: without them no sum is the whole."""
    names = [zone.name for zone in zones if zone.scope == "package"]
    matches = [match for match in map(PACKAGE.match, names) if match is not None]
    if not names or len(matches) < len(names):
        return []
    places = _places(sysroot)
    lacking = _more({package for package, _ in places}, {match.group(1) for match in matches})
    if _vendor(sysroot) is not None and not _has_one_counter(sysroot):
        for package in {match.group(1) for match in matches if match.group(2)}:
            dies = {f"{package}-die-{die}" for at, die in places if at == package and die is not None}
            lacking |= _more(dies, {match.group() for match in matches if match.group(1) == package})
    absent = []
    for name in sorted(lacking):
        rail = Rail(source="rapl", rail=name, scope="package", kind=COUNTER, primary=True)
        part = "die" if "-die-" in name else "package"
        why = f"no zone under /{ZONES} counts this processor {part}, so the others are not the whole"
        absent.append(Unavailable(f"rapl/{name}", why, refused=True, sensor=rail.info))
    return absent


def _more(there: set[str], counted: set[str]) -> set[str]:
    """What of `there` is not `counted`; nothing where as many are, under whatever numbers."""
    return there - counted if len(there) > len(counted) else set()


def _places(sysroot: Path) -> set[tuple[str, int | None]]:
    """The packages of the machine by name, each with its dies; None where a die has no number."""
    places = set()
    for folder in (sysroot / CPUS).glob("cpu[0-9]*/topology"):
        package = number(folder / "physical_package_id")
        if package is not None:
            places.add((f"package-{package}", number(folder / "die_id")))
    return places


def _has_one_counter(sysroot: Path) -> bool:
    """Whether every die's zone of a package shows the counter of the whole package."""
    vendor = _vendor(sysroot)
    return vendor is not None and vendor in ONE_COUNTER_VENDORS


def _vendor(sysroot: Path) -> str | None:
    match = re.search(r"^vendor_id\s*:\s*(\S+)$", text(sysroot / "proc/cpuinfo"), re.MULTILINE)
    return None if match is None else match.group(1)
