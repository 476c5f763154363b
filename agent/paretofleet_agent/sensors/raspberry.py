"""Raspberry Pi: the rails of a Pi 5's PMIC, see _raspberry_pmic.py; older ones have no current sensor.

The firmware tells of under-voltage and of capped frequencies: `get_throttled` holds hexadecimal bits, 0 to
3 what is true now, 16 to 19 what was true since boot.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable

from paretofleet_agent.hardware.boards import DEVICE_TREE
from paretofleet_agent.hardware.sysfs import text
from paretofleet_agent.model import Unavailable
from paretofleet_agent.sensors._raspberry_pmic import METER_FIX, find_pmic
from paretofleet_agent.sensors.protocol import NO_SETTINGS, FindResult, Settings

MODEL = "Raspberry Pi"
#: The SoC of the Pi 5, the Pi 500 and the Compute Module 5, which have that PMIC.
WITH_PMIC = "brcm,bcm2712"
HERE = Path("/")
FIRMWARE = "sys/devices/platform"
BITS = ("under_voltage", "frequency_capped", "throttled", "soft_temperature_limit")
SINCE_BOOT_SHIFT = 16
#: Flags of a run, by bit; each of the last three slows the processor because of heat or supply.
RUN_FLAGS = {
    "under_voltage": "under_voltage",
    "frequency_capped": "frequency_capped",
    "throttled": "frequency_capped",
    "soft_temperature_limit": "thermally_limited",
}


def find(sysroot: Path, _settings: Settings = NO_SETTINGS) -> FindResult:
    """The rails of a Raspberry Pi 5 under `sysroot`; of an older one why there are none.

    No key of `_settings` changes that.
    """
    if MODEL not in text(sysroot / DEVICE_TREE / "model"):
        return [], []
    if WITH_PMIC in text(sysroot / DEVICE_TREE / "compatible"):
        if sysroot.resolve() == HERE or MODEL not in text(HERE / DEVICE_TREE / "model"):
            return find_pmic(sysroot)
        why = "this is a copied tree, and the PMIC that answers is of the machine it is read on"
        return [], [Unavailable("raspberry", why)]
    why = "a Raspberry Pi has no current sensor at its supply, so its power cannot be read"
    return [], [Unavailable("raspberry", why, METER_FIX)]


def state(sysroot: Path) -> dict[str, Any]:
    """The bits of get_throttled under `sysroot` by name, now and since boot; empty where there are none."""
    folder = sysroot / FIRMWARE
    paths = sorted([*folder.glob("*firmware*/get_throttled"), *folder.glob("*/*firmware*/get_throttled")])
    return parse(text(paths[0])) if paths else {}


def parse(content: str) -> dict[str, Any]:
    """The names of the bits in `content`, a hexadecimal number; nothing where it is none.

    >>> parse("50005")["now"]
    ['under_voltage', 'throttled']
    """
    try:
        bits = int(content, 16)
    except ValueError:
        return {}
    return {
        "now": [name for i, name in enumerate(BITS) if bits >> i & 1],
        "since_boot": [name for i, name in enumerate(BITS) if bits >> i + SINCE_BOOT_SHIFT & 1],
    }


def flags(before: dict[str, Any], after: dict[str, Any]) -> Iterable[str]:
    """Flags of what was true `before` or `after` a run, or became true for the first time in between."""
    new = set(after["since_boot"]) - set(before["since_boot"])
    return {RUN_FLAGS[name] for name in {*before["now"], *after["now"], *new}}
