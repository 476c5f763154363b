"""Other programs that poll the power sensors: they disturb the readings, and draw power themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable

from paretofleet_agent.hardware.sysfs import text
from paretofleet_agent.model import Unavailable

#: Monitors that read the same chips again and again, by the name of their process.
NAMES = ("tegrastats", "jtop", "nv-hostengine", "dcgmi", "dcgm-exporter", "nvidia-smi", "nvtop")
POLLED = "power_polled"


def state(sysroot: Path) -> dict[str, Any]:
    """The monitors that run now by the /proc of `sysroot`; empty where there are none."""
    programs = {text(path) for path in (sysroot / "proc").glob("[0-9]*/comm")} & set(NAMES)
    return {"programs": sorted(programs)} if programs else {}


def flags(_before: dict[str, Any], _after: dict[str, Any]) -> Iterable[str]:
    """The flag of a run that saw a monitor at both ends; which, in `_before` and `_after`, is no matter."""
    return [POLLED]


def warnings(sysroot: Path) -> list[Unavailable]:
    """What probe says of the monitors under `sysroot`."""
    programs = state(sysroot).get("programs")
    if not programs:
        return []
    why = f"{', '.join(programs)} polls the power sensors too, and its work is in their readings"
    return [Unavailable("undisturbed power", why, "stop it while you measure")]
