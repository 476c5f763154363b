"""Batteries through /sys/class/power_supply: what the whole device draws while it runs on one.

`power_now` in microwatts, or `voltage_now` in microvolts times `current_now` in microamperes. A fuel gauge
refreshes every 1 to 60 s, so only long windows have an energy. On mains power the reading is the charger's
business and is refused, also when the plug goes in during a run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Sequence

from paretofleet_agent.hardware.sysfs import text
from paretofleet_agent.model import Unavailable
from paretofleet_agent.sensors._files import FileRail, open_rails
from paretofleet_agent.sensors.protocol import FILTERED, NO_SETTINGS, FindResult, Rail, Settings

SUPPLIES = "sys/class/power_supply"
DISCHARGING = "Discharging"
#: Type B; a fuel gauge is no meter.
GAIN_UNCERTAINTY = 0.05


def find(sysroot: Path, _settings: Settings = NO_SETTINGS) -> FindResult:
    """The batteries under `sysroot` that are carrying the load, or why there are none.

    No key of `_settings` is for them.
    """
    batteries = [path for path in sorted((sysroot / SUPPLIES).glob("*")) if text(path / "type") == "Battery"]
    batteries = [path for path in batteries if text(path / "scope") != "Device"]  # not a mouse's
    if not batteries:
        return [], [Unavailable("battery", "no battery under /sys/class/power_supply")]
    planned, absent = [], []
    for path in batteries:
        status = text(path / "status")
        files = _files(path)
        if status != DISCHARGING:
            why = f"{path.name} is {status.lower() or 'in an unknown state'}, so it does not carry the load"
            absent.append(Unavailable("battery", why, "unplug the device for the whole sweep"))
        elif files is None:
            absent.append(Unavailable("battery", f"{path.name} tells neither power nor voltage and current"))
        else:
            planned.append(FileRail(_rail(path.name), (path / "status", *files[0]), files[1]))
    sensors, unreadable = open_rails(planned) if planned else ([], [])
    return sensors, absent + unreadable


def power_now(texts: Sequence[str]) -> int:
    """Microwatts of `texts`: status, power_now in microwatts. Raises ValueError when not discharging."""
    _check(texts[0])
    return abs(int(texts[1]))


def voltage_times_current(texts: Sequence[str]) -> int:
    """Microwatts of `texts`: status, microvolts, microamperes. Raises ValueError when not discharging."""
    _check(texts[0])
    return int(texts[1]) * abs(int(texts[2])) // 10**6


def _check(status: str) -> None:
    if status.strip() != DISCHARGING:
        raise ValueError(status)


def _rail(name: str) -> Rail:
    return Rail(
        source="battery",
        rail=name,
        scope="battery",
        kind=FILTERED,
        primary=True,
        gain_relative_uncertainty=GAIN_UNCERTAINTY,
    )


def _files(path: Path) -> tuple[tuple[Path, ...], Callable[[Sequence[str]], int]] | None:
    if (path / "power_now").exists():
        return (path / "power_now",), power_now
    if (path / "voltage_now").exists() and (path / "current_now").exists():
        return (path / "voltage_now", path / "current_now"), voltage_times_current
    return None
