"""The channels of INA3221 chips, in the two layouts of the kernel; see ina3221.py."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from paretofleet_agent.hardware.sysfs import number, text

DRIVERS = "sys/bus/i2c/drivers"
#: Folders of a chip by driver: IIO under two names, and hwmon.
LAYOUTS = (("ina3221x", ("iio:device*", "iio_device")), ("ina3221", ("hwmon/hwmon*",)))
UNUSED = ("", "NC")
#: One step of the shunt voltage; the current's step is this over the shunt's resistance.
SHUNT_STEP_V = 40e-6
AVERAGES = (1, 4, 16, 64, 128, 256, 512, 1024)
CONVERSION_S = (140e-6, 204e-6, 332e-6, 588e-6, 1.1e-3, 2.116e-3, 4.156e-3, 8.244e-3)
#: The driver's configurations where the device tree names none.
TRIGGERED, CONTINUOUS = 0x7003, 0x7727


@dataclass(frozen=True)
class Channel:
    """A named channel: its files, whether they hold mW or mV and mA, how often and how fine it measures."""

    label: str
    paths: tuple[Path, ...]
    is_averaged: bool
    period_s: float | None
    quantum_w: float | None


def chips(sysroot: Path) -> list[Path]:
    """The folder of the files of every chip under `sysroot`, in the order of their addresses."""
    folders: dict[str, Path] = {}
    for driver, patterns in LAYOUTS:
        folder = sysroot / DRIVERS / driver
        for pattern in patterns:
            for path in sorted(folder.glob(f"*-*/{pattern}")):
                folders.setdefault(path.relative_to(folder).parts[0], path)
    return [folders[address] for address in sorted(folders)]


def read_channels(chip: Path) -> Iterator[Channel]:
    """The channels that measure something, of the `chip` with its files in that folder."""
    for index in (0, 1, 2):
        if (chip / "rail_name_0").exists():
            channel = _iio_channel(chip, index)
        else:
            channel = _hwmon_channel(chip, index + 1)
        if channel.label not in UNUSED:
            yield channel


def config_period_s(register: int) -> float:
    """The refresh period in seconds that the 16 bits of a configuration `register` mean.

    >>> round(config_period_s(0x7727), 4)
    0.4224
    """
    channels = bin(register >> 12 & 0b111).count("1")
    voltage, shunt = CONVERSION_S[register >> 6 & 0b111], CONVERSION_S[register >> 3 & 0b111]
    return channels * AVERAGES[register >> 9 & 0b111] * (voltage + shunt)


def _iio_channel(chip: Path, index: int) -> Channel:
    node = chip.parent / "of_node"
    continuous = number(chip / "running_mode") == 1
    name, default = ("ti,continuous-config", CONTINUOUS) if continuous else ("ti,trigger-config", TRIGGERED)
    shunt_mohm = _cell(node / f"channel@{index}" / "ti,shunt-resistor-mohm")
    return Channel(
        label=text(chip / f"rail_name_{index}"),
        paths=(chip / f"in_power{index}_input",),
        is_averaged=continuous,
        period_s=config_period_s(_cell(node / name) or default),
        quantum_w=_quantum_w(shunt_mohm and shunt_mohm / 1e3, number(chip / f"in_voltage{index}_input")),
    )


def _hwmon_channel(chip: Path, index: int) -> Channel:
    shunt_uohm, interval_ms = number(chip / f"shunt{index}_resistor"), number(chip / "update_interval")
    voltage = chip / f"in{index}_input"
    return Channel(
        label="" if number(chip / f"in{index}_enable") == 0 else text(chip / f"in{index}_label"),
        paths=(voltage, chip / f"curr{index}_input"),
        is_averaged=True,
        period_s=interval_ms / 1e3 if interval_ms else None,
        quantum_w=_quantum_w(shunt_uohm and shunt_uohm / 1e6, number(voltage)),
    )


def _quantum_w(shunt_ohm: float | None, millivolts: int | None) -> float | None:
    return SHUNT_STEP_V / shunt_ohm * millivolts / 1e3 if shunt_ohm and millivolts else None


def _cell(path: Path) -> int | None:
    """A device tree cell: 32 bits, big-endian."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return int.from_bytes(content, "big") if len(content) == 4 else None
