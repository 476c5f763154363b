"""RAPL: energy counters of x86 CPUs through /sys/class/powercap.

Zones: a package and, inside it, core, uncore and dram. `psys` covers the packages too. intel-rapl-mmio
repeats the packages and is read only where intel-rapl is missing. Counters wrap at max_energy_range_uj.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from paretofleet_agent.hardware.sysfs import text
from paretofleet_agent.model import Unavailable
from paretofleet_agent.sensors._files import FileRail, one_integer, open_rails
from paretofleet_agent.sensors.protocol import COUNTER, NO_SETTINGS, FindResult, Rail, Settings

ZONES = "sys/class/powercap"
CONTROL_TYPES = ("intel-rapl", "intel-rapl-mmio")
PERMISSION_FIX = (
    "as root: chmod a+r /sys/class/powercap/intel-rapl*:*/energy_uj; a udev rule keeps it after a boot"
)
#: The nominal rhythm of the counters.
PERIOD_S = 0.001
#: A model or a measurement of the package, good to a few percent.
GAIN_UNCERTAINTY = 0.03
#: The hardware counter has 32 bits, so the range tells its unit.
COUNTER_STEPS = 2**32 - 1


def find(sysroot: Path, _settings: Settings = NO_SETTINGS) -> FindResult:
    """The RAPL zones under `sysroot`, opened, or why there are none. No key of `_settings` is for them."""
    zones = read_zones(sysroot / ZONES)
    if not zones:
        return [], [
            Unavailable(
                name="rapl",
                why=f"no intel-rapl zone under /{ZONES}: not an x86 CPU, a virtual machine, or a hidden /sys",
                fix="on bare x86: modprobe intel_rapl_msr; a container needs the host's /sys",
            )
        ]
    planned = [
        FileRail(rail, (sysroot / ZONES / zone / "energy_uj",), one_integer) for zone, rail in rails(zones)
    ]
    return open_rails(planned, fix=PERMISSION_FIX)


def read_zones(folder: Path) -> dict[str, dict[str, str]]:
    """The texts of `name` and `max_energy_range_uj` by zone, of the first control type that `folder` has."""
    for control_type in CONTROL_TYPES:
        pattern = re.compile(re.escape(control_type) + r"(:\d+)+$")
        try:
            names = sorted(name for name in os.listdir(folder) if pattern.match(name))
        except OSError:
            return {}
        if names:
            return {
                name: {key: text(folder / name / key) for key in ("name", "max_energy_range_uj")}
                for name in names
            }
    return {}


def rails(zones: dict[str, dict[str, str]]) -> list[tuple[str, Rail]]:
    """(zone, rail) of each of `zones`, which `read_zones` gave.

    A zone within a package is named after it; only packages are primary.
    """
    by_zone = []
    for zone, texts in zones.items():
        name = texts["name"] or zone
        parent, _, _ = zone.rpartition(":")
        label = f"{zones[parent]['name']}-{name}" if parent in zones else name
        max_range_uj = int(texts["max_energy_range_uj"]) if texts["max_energy_range_uj"].isdigit() else None
        scope = "package" if name.startswith("package") else {"psys": "platform"}.get(name, name)
        rail = Rail(
            source="rapl",
            rail=label,
            scope=scope,
            kind=COUNTER,
            primary=scope == "package",
            max_range_uj=max_range_uj,
            period_s=PERIOD_S,
            lag_s=0.0,
            gain_relative_uncertainty=GAIN_UNCERTAINTY,
            quantum_j=max_range_uj / COUNTER_STEPS / 1e6 if max_range_uj else None,
        )
        by_zone.append((zone, rail))
    return by_zone
