"""The packs of a machine and what else feeds it, in the files of /sys/class/power_supply.

A pack tells `power_now` in microwatts, or `voltage_now` in microvolts and `current_now` in microamperes. The
sign of a current differs between drivers. Mains, USB, Wireless and UPS are sources: `online` is 0 where they
give nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from paretofleet_agent.hardware.sysfs import integer, text
from paretofleet_agent.sensors._bounded_reads import read_within

SUPPLIES = "sys/class/power_supply"
BATTERY, DISCHARGING, OFFLINE = "Battery", "Discharging", "0"
#: What feeds a device also where it has no file `online` to say whether.
FEEDS = ("Mains", "UPS")
#: ACPI's word for "unknown", in milliamperes and milliwatts of 16 and 32 bits, as some firmware reports it.
UNKNOWN_U = (0xFFFF * 1000, 0xFFFFFFFF * 1000, 0xFFFFFFFF)
#: The files of a pack's power, the best first, and the gauges' other names for the same quantities.
POWERS = (("power_now",), ("voltage_now", "current_now"), ("voltage_now", "current_avg"))
#: No pack of a computer is outside of this; a driver that tells millivolts is.
VOLTAGE_UV_MIN, VOLTAGE_UV_MAX = 10**6, 10**8


@dataclass(frozen=True)
class Pack:
    """A pack as it was when it was looked at.

    `files`: those of its power, empty where none tells it. `power_uw`: microwatts, None where it tells none,
    and `why` then says why.
    """

    path: Path
    status: str
    files: tuple[Path, ...]
    power_uw: int | None
    why: str = ""

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.path.name

    @property
    def is_discharging(self) -> bool:
        """Whether it says that it carries the load, or a part of it."""
        return is_discharging(self.status)

    @property
    def carries(self) -> bool:
        """Whether it carries load by its word and by its figures."""
        return self.is_discharging and bool(self.power_uw)

    @property
    def state(self) -> str:
        """Its status within a sentence."""
        if not self.status:
            return "in a state that cannot be read"
        return "in an unknown state" if self.status == "Unknown" else self.status.lower()


def supplies_of(sysroot: Path) -> tuple[list[Pack], list[Path]]:
    """The packs of the machine under `sysroot`, and the folders of the sources that may feed it.

    What belongs to a mouse or another device (`scope`) is left out, and an empty bay (`present`).
    """
    folders = [path for path in sorted((sysroot / SUPPLIES).glob("*")) if text(path / "scope") != "Device"]
    of_type = {path: text(path / "type") for path in folders}
    packs = [path for path, kind in of_type.items() if kind == BATTERY and text(path / "present") != "0"]
    sources = [
        path
        for path, kind in of_type.items()
        if kind != BATTERY and ((path / "online").exists() or kind in FEEDS)
    ]
    return [_pack(path) for path in packs], sources


def is_discharging(status: str) -> bool:
    """Whether the text of a pack's file `status` says that it carries load."""
    return status.strip() == DISCHARGING


def is_offline(online: str) -> bool:
    """Whether the source of whose file `online` is the text gives nothing, for certain."""
    return online.strip() == OFFLINE


def power_uw(texts: Sequence[str]) -> int:
    """Microwatts of the `texts` of a pack's files: power_now, or voltage and current.

    Raises ValueError where they are no reading.
    """
    if abs(integer(texts[-1])) in UNKNOWN_U:
        raise ValueError("the firmware says that it does not know")
    if len(texts) == 1:
        return abs(integer(texts[0]))
    voltage_uv = integer(texts[0])
    if not VOLTAGE_UV_MIN <= voltage_uv <= VOLTAGE_UV_MAX:
        raise ValueError(f"{voltage_uv / 1e6:g} V is no voltage of a battery in microvolts")
    return voltage_uv * abs(integer(texts[1])) // 10**6


def _pack(path: Path) -> Pack:
    """The pack in the folder `path`, read now by the first files that tell a power above 0, else by any."""
    readings: list[tuple[tuple[Path, ...], int]] = []
    reasons: list[str] = []
    for names in POWERS:
        files = tuple(path / name for name in names)
        if all(file.exists() for file in files):
            try:
                readings.append((files, power_uw([read_within(file) for file in files])))
            except OSError as error:
                reasons.append(f"{error.filename}: {error.strerror}")
            except ValueError as error:
                reasons.append(f"{' and '.join(names)}: {error}")
    status = text(path / "status")
    if not readings:
        why = "; ".join(reasons) or "it has neither power_now nor voltage_now and current_now"
        return Pack(path, status, (), None, why)
    files, reading = next((each for each in readings if each[1]), readings[0])
    return Pack(path, status, files, reading)
