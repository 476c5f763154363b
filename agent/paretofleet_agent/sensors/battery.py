"""Batteries through /sys/class/power_supply: what the whole device draws while it runs on them alone.

A fuel gauge refreshes every 1 to 60 s, so only long windows have an energy. While a source is online the
reading is the charger's business, and with a pack that cannot be read the others are not the whole: both are
refused, also where they begin during a run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Sequence

from paretofleet_agent.hardware.sysfs import text
from paretofleet_agent.model import Unavailable
from paretofleet_agent.sensors._files import FileRail, open_rails
from paretofleet_agent.sensors._packs import SUPPLIES, Pack, is_discharging, is_offline, power_uw, supplies_of
from paretofleet_agent.sensors.protocol import FILTERED, NO_SETTINGS, FindResult, Rail, Settings

#: Type B; a fuel gauge is no meter.
GAIN_UNCERTAINTY = 0.05
#: Microwatts. Less is no computer's power but another unit than the kernel's.
POWER_UW_MIN = 100_000
#: Watts. No pack of a computer gives more.
POWER_MAX_W = 1000.0
UNPLUG, METER = "unplug the device for the whole sweep", "measure with an external meter"


def find(sysroot: Path, _settings: Settings = NO_SETTINGS) -> FindResult:
    """The batteries under `sysroot` that carry the whole load, or why there are none.

    No key of `_settings` is for them.
    """
    packs, sources = supplies_of(sysroot)
    if not packs:
        return [], [Unavailable("battery", f"no battery under /{SUPPLIES}")]
    absent = _reasons(packs, sources)
    if absent:
        return [], absent
    sensors, absent = open_rails([_file_rail(pack, packs, sources) for pack in packs if pack.carries])
    if absent:  # a part is no whole
        for sensor in sensors:
            sensor.close()
        return [], absent
    return sensors, []


def _reasons(packs: Sequence[Pack], sources: Sequence[Path]) -> list[Unavailable]:
    """Why the `packs` do not tell what the device draws; empty where they do."""
    discharging = [pack.name for pack in packs if pack.is_discharging]
    if not discharging:
        return [
            Unavailable(
                "battery",
                f"{pack.name} is {pack.state}, and only one that discharges carries the load",
                UNPLUG,
            )
            for pack in packs
        ]
    names = " and ".join(discharging)
    feeding = [path.name for path in sources if not is_offline(text(path / "online"))]
    if feeding:
        why = (
            f"online: {' and '.join(feeding)}; discharging: {names}: none of them alone gives the whole load"
        )
        return [Unavailable("battery", why, UNPLUG)]
    doubtful = [pack for pack in packs if pack.power_uw != 0 and not pack.carries]
    if doubtful:
        return [Unavailable(f"battery/{pack.name}", _doubt(pack), METER, refused=True) for pack in doubtful]
    total_uw = sum(pack.power_uw or 0 for pack in packs)
    if total_uw < POWER_UW_MIN:
        why = f"{names} gives {total_uw / 1e6:g} W, less than a computer draws: not in microwatts, or dead"
        return [Unavailable("battery", why, METER, refused=True)]
    if total_uw > POWER_MAX_W * 1e6:
        why = f"{names} gives {total_uw / 1e6:g} W, more than a computer draws: not in microwatts, or unknown"
        return [Unavailable("battery", why, METER, refused=True)]
    return []


def _doubt(pack: Pack) -> str:
    """Why no sum of packs is the whole while `pack` is as it is."""
    if pack.power_uw is None:
        return f"{pack.name} is {pack.state} and tells no power, so no sum is the whole: {pack.why}"
    return f"{pack.name} is {pack.state} and has {pack.power_uw / 1e6:g} W of its own: no sum is the whole"


def _file_rail(pack: Pack, packs: Sequence[Pack], sources: Sequence[Path]) -> FileRail:
    """The rail of a `pack` that carries load, for as long as no other pack and no source begins to."""
    resting = [each for each in packs if not each.carries]
    guards = [path / "online" for path in sources]
    guards += [file for each in resting for file in each.files]
    rail = Rail(
        source="battery",
        rail=pack.name,
        scope="battery",
        kind=FILTERED,
        primary=True,
        max_power_w=POWER_MAX_W,
        gain_relative_uncertainty=GAIN_UNCERTAINTY,
    )
    paths = (pack.path / "status", *pack.files, *guards)
    sizes = (len(pack.files), len(sources), [len(each.files) for each in resting])
    return FileRail(rail, paths, _converter(*sizes))


def _converter(n_files: int, n_sources: int, resting_sizes: Sequence[int]) -> Callable[[Sequence[str]], int]:
    """What makes microwatts of the texts of a pack's rail.

    They are its status, `n_files` of its power, `n_sources` of sources, and those of each pack that rests.
    """

    def convert(texts: Sequence[str]) -> int:
        """Microwatts of the pack; raises ValueError where it does not carry the load by itself."""
        status, reading = texts[0], texts[1 : 1 + n_files]
        at = 1 + n_files + n_sources
        if not is_discharging(status) or not all(map(is_offline, texts[1 + n_files : at])):
            raise ValueError("the load is no longer carried by the packs alone")
        for size in resting_sizes:
            if power_uw(texts[at : at + size]) != 0:
                raise ValueError("another pack carries a part of the load")
            at += size
        return power_uw(reading)

    return convert
