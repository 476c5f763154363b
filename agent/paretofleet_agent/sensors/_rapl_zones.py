"""The zones of powercap: what their files say, and what follows."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from paretofleet_agent.hardware.sysfs import number, text

CONTROL_TYPES = ("intel-rapl", "intel-rapl-mmio")
#: Twice what the largest package of today draws; the power limits of its zone may be lower.
PACKAGE_POWER_MAX_W = 1000.0


@dataclass(frozen=True)
class Zone:
    """A zone of powercap, such as intel-rapl:0:1, by the texts of its files.

    `name` is empty where it cannot be read. `max_range_uj` is None where it is unknown, which 0 says too.
    `power_limits_uw`: by constraint the limit, or the most that can be set if that is more; none where the
    zone's limits are not in force.
    """

    zone: str
    name: str
    max_range_uj: int | None
    power_limits_uw: Sequence[int] = ()
    is_there: bool = True

    @property
    def parent(self) -> str:
        """The zone that it lies in; of a package its control type."""
        return self.zone.rpartition(":")[0]

    @property
    def scope(self) -> str:
        """What it covers. A zone without a name that lies in no other is a package for all that we know."""
        if self.name.startswith("package") or (not self.name and ":" not in self.parent):
            return "package"
        return {"psys": "platform"}.get(self.name, self.name or self.zone)

    @property
    def max_power_w(self) -> float | None:
        """Watts that it cannot draw over a second; one limit alone may be that of half a minute."""
        if self.scope == "platform":
            return None
        limits_w = [limit_uw / 1e6 for limit_uw in self.power_limits_uw]
        return min(max(limits_w), PACKAGE_POWER_MAX_W) if len(limits_w) > 1 else PACKAGE_POWER_MAX_W


def read_zones(folder: Path) -> list[Zone]:
    """The zones of the first control type of which `folder` has any that are there, else of the first."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    of_types = [
        [_zone(folder / name) for name in names if re.fullmatch(re.escape(control_type) + r"(:\d+)+", name)]
        for control_type in CONTROL_TYPES
    ]
    there = [zones for zones in of_types if any(zone.is_there for zone in zones)]
    return next(iter([*there, *filter(None, of_types)]), [])


def _zone(folder: Path) -> Zone:
    # What is no letter, digit or mark of a name would not survive in a stream's name.
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", text(folder / "name")).strip("_")
    limits_uw: list[int] = []
    if text(folder / "enabled") == "1":
        for path in sorted(folder.glob("constraint_*_power_limit_uw")):
            most = path.with_name(path.name.replace("power_limit", "max_power"))
            limits_uw.append(max(number(path) or 0, number(most) or 0))
    max_range_uj = number(folder / "max_energy_range_uj")
    return Zone(
        zone=folder.name,
        name=name,
        max_range_uj=max_range_uj if max_range_uj and max_range_uj > 0 else None,
        power_limits_uw=[limit_uw for limit_uw in limits_uw if limit_uw > 0],
        is_there=folder.exists(),
    )
