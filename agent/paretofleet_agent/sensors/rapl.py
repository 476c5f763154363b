"""RAPL: energy counters of x86 CPUs through /sys/class/powercap.

Zones: a package and, inside it, core, uncore and dram. `psys` covers the packages too. intel-rapl-mmio
repeats the packages and is read only where intel-rapl is missing. Counters wrap at max_energy_range_uj.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Sequence

from paretofleet_agent.model import Absent
from paretofleet_agent.sensors._protocol import COUNTER, Rail

ZONES = "sys/class/powercap"
CONTROL_TYPES = ("intel-rapl", "intel-rapl-mmio")
PERMISSION_FIX = (
    "as root: chmod a+r /sys/class/powercap/intel-rapl*:*/energy_uj; a udev rule keeps it after a boot"
)
#: The nominal rhythm of the counters.
PERIOD_S = 0.001
#: The hardware counter has 32 bits, so the range tells its unit.
COUNTER_STEPS = 2**32 - 1


class RaplSensor:
    """All readable zones, each an open descriptor of its energy_uj."""

    def __init__(self, opened: Sequence[tuple[Rail, int]]) -> None:
        self._opened = list(opened)

    def rails(self) -> Sequence[Rail]:
        """Its rails, in the order of `read`."""
        return [rail for rail, _ in self._opened]

    def read(self) -> Sequence[tuple[int, int] | None]:
        """(ns at the middle of the read, microjoules) of each zone; None where reading failed."""
        return [_read_counter(fd) for _, fd in self._opened]

    def close(self) -> None:
        """Gives back its descriptors."""
        while self._opened:
            os.close(self._opened.pop()[1])


def find(sysroot: Path) -> tuple[list[RaplSensor], list[Absent]]:
    """The RAPL zones under `sysroot`, opened, or why there are none."""
    zones = read_zones(sysroot / ZONES)
    if not zones:
        return [], [
            Absent(
                what="rapl",
                why=f"no intel-rapl zone under /{ZONES}: not an x86 CPU, a virtual machine, or a hidden /sys",
                fix="on bare x86: modprobe intel_rapl_msr; a container needs the host's /sys",
            )
        ]
    opened: list[tuple[Rail, int]] = []
    absent: list[Absent] = []
    for zone, rail in rails(zones):
        path = sysroot / ZONES / zone / "energy_uj"
        try:
            fd = os.open(path, os.O_RDONLY)
        except PermissionError:
            absent.append(Absent(f"rapl/{rail.rail}", f"permission denied: {path}", PERMISSION_FIX))
        except OSError as error:
            absent.append(Absent(f"rapl/{rail.rail}", f"{path}: {error.strerror}"))
        else:
            opened.append((rail, fd))
    return ([RaplSensor(opened)] if opened else []), absent


def read_zones(folder: Path) -> dict[str, dict[str, str]]:
    """The text of `name` and `max_energy_range_uj` of every zone of the first control type that has any."""
    for control_type in CONTROL_TYPES:
        pattern = re.compile(re.escape(control_type) + r"(:\d+)+$")
        try:
            names = sorted(name for name in os.listdir(folder) if pattern.match(name))
        except OSError:
            return {}
        if names:
            return {
                name: {key: _text(folder / name / key) for key in ("name", "max_energy_range_uj")}
                for name in names
            }
    return {}


def rails(zones: dict[str, dict[str, str]]) -> list[tuple[str, Rail]]:
    """(zone, rail) of each zone. A zone within a package is named after it; only packages are primary."""
    found = []
    for zone, texts in zones.items():
        name = texts["name"] or zone
        parent, _, _ = zone.rpartition(":")
        label = f"{zones[parent]['name']}-{name}" if parent in zones else name
        max_range_uj = int(texts["max_energy_range_uj"]) if texts["max_energy_range_uj"].isdigit() else None
        scope = "package" if name.startswith("package") else {"psys": "platform"}.get(name, name)
        found.append(
            (
                zone,
                Rail(
                    source="rapl",
                    rail=label,
                    scope=scope,
                    kind=COUNTER,
                    primary=scope == "package",
                    max_range_uj=max_range_uj,
                    period_s=PERIOD_S,
                    lag_s=0.0,
                    quantum_j=max_range_uj / COUNTER_STEPS / 1e6 if max_range_uj else None,
                ),
            )
        )
    return found


def _read_counter(fd: int) -> tuple[int, int] | None:
    before = time.perf_counter_ns()
    try:
        text = os.pread(fd, 32, 0)
        after = time.perf_counter_ns()
        return (before + after) // 2, int(text)
    except (OSError, ValueError):
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
