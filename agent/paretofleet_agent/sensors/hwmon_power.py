"""Power and energy of servers' processors through hwmon, by the drivers of which it is known what they read.

`power_meter` (drivers/hwmon/acpi_power_meter.c): averages in microwatts; on NVIDIA Grace `power1_oem_info`
names each, as its performance tuning guide lists them under "Power Telemetry". Their files stand in the
device's folder. `apm_xgene` (drivers/hwmon/xgene-hwmon.c), on the hosts of Ampere eMAG and Altra: microwatts
of the cores' and of the SoC's regulators. `amd_energy` (Linux 5.8 to 5.12, then github.com/amd/amd_energy)
and `zenergy`, made of it: the counters that RAPL reads, in microjoules, made 64 bits long.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from paretofleet_agent.hardware.sysfs import number, text
from paretofleet_agent.model import Unavailable
from paretofleet_agent.sensors._files import FileRail, one_integer, open_rails
from paretofleet_agent.sensors._namesakes import without_namesakes
from paretofleet_agent.sensors.protocol import (
    BOXCAR,
    COUNTER,
    INSTANT,
    NO_SETTINGS,
    PART,
    FindResult,
    Rail,
    Settings,
)

HWMONS = "sys/class/hwmon/hwmon*"
RAPL_ENERGIES = "sys/class/powercap/intel-rapl*/energy_uj"
PERMISSION_FIX = "as root: chmod a+r the file; a udev rule keeps it after a boot"
#: Type B; no published calibration.
GAIN_UNCERTAINTY = 0.05
PACKAGE = "package"


@dataclass(frozen=True)
class Driver:
    """A hwmon driver: its values are in files like `values`, their names in files that end in `label`.

    `scopes`: what a value of a name is, by an expression for the whole name; one that is not in it is left
    out. `sum_of`: the names whose sum is a package, where the driver gives no package.
    """

    name: str
    values: str
    label: str
    kind: str
    scopes: Sequence[tuple[str, str]]
    sum_of: tuple[str, ...] = ()
    period_s: float | None = None

    def scope(self, label: str) -> str | None:
        """The scope of the value with that `label`; None where it is not known."""
        return next((scope for name, scope in self.scopes if re.fullmatch(name, label)), None)


@dataclass(frozen=True)
class Value:
    """A value of a driver that is known: its file, its name among all of the machine, its scope."""

    driver: Driver
    path: Path
    label: str
    scope: str


SOCKETS = ((r"Esocket\d+", PACKAGE),)
DRIVERS = (
    # A socket of Grace is its cores' rail, its SoC's rail, memory and losses. The module is the GPU besides.
    Driver(
        *("power_meter", "power*_average", "_oem_info", BOXCAR),
        scopes=(
            *((r"Grace Power Socket \d+", PACKAGE), (r"Module Power Socket \d+", "module")),
            *((r"CPU Power Socket \d+", PART), (r"SysIO Power Socket \d+", PART)),
        ),
    ),
    # PMD and SoC regulators; the first version of the driver had their sum as "SoC power".
    Driver(
        *("apm_xgene", "power*_input", "_label", INSTANT),
        scopes=(("CPU power", PART), ("IO power", PART)),
        sum_of=("CPU power", "IO power"),
    ),
    # The registers change every millisecond; zenergy does not tell each change.
    Driver("amd_energy", "energy*_input", "_label", COUNTER, SOCKETS, period_s=0.001),
    Driver("zenergy", "energy*_input", "_label", COUNTER, SOCKETS),
)


def find(sysroot: Path, _settings: Settings = NO_SETTINGS) -> FindResult:
    """The known values under `sysroot`, opened; nothing is said of a machine that has none.

    No key of `_settings` is for them.
    """
    planned: list[FileRail] = []
    absent: list[Unavailable] = []
    for driver in DRIVERS:
        folders = [path for path in sorted(sysroot.glob(HWMONS)) if text(path / "name") == driver.name]
        if driver.kind == COUNTER and folders and is_counted_by_rapl(sysroot):
            absent.append(Unavailable(driver.name, "it shows the counters of RAPL, which is read"))
            continue
        rails, unknown = plan(driver, folders)
        planned += rails
        absent += unknown
    sensors, unreadable = open_rails(planned, fix=PERMISSION_FIX) if planned else ([], [])
    return sensors, absent + unreadable


def is_counted_by_rapl(sysroot: Path) -> bool:
    """Whether a counter of RAPL can be read under `sysroot`."""
    return any(text(path) for path in sysroot.glob(RAPL_ENERGIES))


def plan(driver: Driver, folders: Sequence[Path]) -> tuple[list[FileRail], list[Unavailable]]:
    """The rails of the `driver` whose hwmon devices are `folders`, and what is in them and not known."""
    values, absent = [], []
    rails = []
    for place, folder in enumerate(folders):
        suffix = f" {place}" if driver.sum_of and len(folders) > 1 else ""
        by_label = read_values(driver, folder, suffix)
        values += by_label
        parts = [value for name in driver.sum_of for value in by_label if value.label == f"{name}{suffix}"]
        if driver.sum_of and len(parts) == len(driver.sum_of):
            rails.append(_rail(parts, f"{PACKAGE}{suffix}", PACKAGE))
        elif driver.sum_of or not by_label:
            why = f"{folder} has not all of {', '.join(driver.sum_of)}" if driver.sum_of else _unnamed(folder)
            absent.append(Unavailable(driver.name, why))
    unique, ambiguous = without_namesakes(driver.name, [(value.label, value.path, value) for value in values])
    return rails + [_rail([value], value.label, value.scope) for value in unique], absent + ambiguous


def read_values(driver: Driver, folder: Path, suffix: str) -> list[Value]:
    """The known values of a `driver` in the hwmon `folder` or its device's; their names end in `suffix`."""
    values = []
    for path in [*sorted(folder.glob(driver.values)), *sorted((folder / "device").glob(driver.values))]:
        label = text(path.with_name(path.name.partition("_")[0] + driver.label))
        scope = driver.scope(label)
        if scope is not None:
            values.append(Value(driver, path, label + suffix, scope))
    return values


def summed(texts: Sequence[str]) -> int:
    """The sum of `texts`, microwatts each. Raises ValueError where one is no whole number."""
    return sum(one_integer([each]) for each in texts)


def _rail(values: Sequence[Value], name: str, scope: str) -> FileRail:
    """The sum of the values as a rail."""
    driver, path = values[0].driver, values[0].path
    interval_ms = number(path.with_name(f"{path.name}_interval")) if driver.kind == BOXCAR else None
    average_s = interval_ms / 1e3 if interval_ms else None
    rail = Rail(
        source=driver.name,
        rail=name,
        scope=scope,
        kind=driver.kind,
        primary=scope == PACKAGE,
        period_s=driver.period_s or average_s,
        window_s=average_s,
        gain_relative_uncertainty=GAIN_UNCERTAINTY,
    )
    return FileRail(rail, tuple(value.path for value in values), summed if len(values) > 1 else one_integer)


def _unnamed(folder: Path) -> str:
    return f"the power meter {folder} has no name that we know, so what it measures is not known"
