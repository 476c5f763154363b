"""The channels of INA3221 chips, in the two layouts of the kernel, and of an INA238; see ina3221.py."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator, Sequence

from paretofleet_agent.hardware.sysfs import number, text
from paretofleet_agent.sensors._files import one_integer

DRIVERS = "sys/bus/i2c/drivers"
INA3221, INA238 = "ina3221", "ina238"
#: Folders of a chip by driver: IIO under two names, and hwmon.
LAYOUTS = (
    *(("ina3221x", ("iio:device*", "iio_device")), (INA3221, ("hwmon/hwmon*",))),
    (INA238, ("hwmon/hwmon*",)),
)
#: What tegrastats calls the only channel of an INA238 that has no label.
INPUT = "VIN"
UNUSED = ("", "NC")
#: One step of the shunt voltage; the current's step is this over the shunt's resistance.
SHUNT_STEP_V = 40e-6
AVERAGES = (1, 4, 16, 64, 128, 256, 512, 1024)
CONVERSION_S = (140e-6, 204e-6, 332e-6, 588e-6, 1.1e-3, 2.116e-3, 4.156e-3, 8.244e-3)
#: The driver's configurations where the device tree names none.
TRIGGERED, CONTINUOUS = 0x7003, 0x7727


@dataclass(frozen=True)
class Channel:
    """A named channel: its files, what makes microwatts of their texts, how often and how fine it measures.

    `convert` raises ValueError where the texts are no reading.
    """

    label: str
    paths: tuple[Path, ...]
    convert: Callable[[Sequence[str]], int]
    is_averaged: bool
    period_s: float | None
    quantum_w: float | None
    chip: str = INA3221


def chips(sysroot: Path) -> list[Path]:
    """The folder of the files of every chip under `sysroot`, in the order of their addresses."""
    folders: dict[str, Path] = {}
    for driver, patterns in LAYOUTS:
        folder = sysroot / DRIVERS / driver
        for pattern in patterns:
            for path in sorted(folder.glob(f"*-*/{pattern}")):
                folders.setdefault(path.relative_to(folder).parts[0], path)
    return [folders[address] for address in sorted(folders)]


def is_ina238(chip: Path) -> bool:
    """Whether the `chip` with its files in that folder is an INA238, which has one channel."""
    return chip.parents[2].name == INA238


def read_channels(chip: Path) -> Iterator[Channel]:
    """The channels that measure something, of the `chip` with its files in that folder."""
    if is_ina238(chip):
        yield _ina238_channel(chip)
        return
    for index in (0, 1, 2):
        if (chip / "rail_name_0").exists():
            channel = _iio_channel(chip, index)
        else:
            channel = _hwmon_channel(chip, index + 1)
        if channel.label not in UNUSED:
            yield channel


def milliwatts(texts: Sequence[str]) -> int:
    """Microwatts of the one of `texts`, which holds milliwatts."""
    return int(texts[0]) * 1000


def millivolts_milliamperes(texts: Sequence[str]) -> int:
    """Microwatts of `texts`, millivolts and milliamperes: their product."""
    return int(texts[0]) * int(texts[1])


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
        convert=milliwatts,
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
        convert=millivolts_milliamperes,
        is_averaged=True,
        period_s=interval_ms / 1e3 if interval_ms else None,
        quantum_w=_quantum_w(shunt_uohm and shunt_uohm / 1e6, number(voltage)),
    )


def _ina238_channel(chip: Path) -> Channel:
    """The kernel's driver ina238 tells power in microwatts; the chip converts and averages on its own."""
    interval_ms = number(chip / "update_interval")
    labels = [text(chip / name) for name in ("label", "power1_label", "in1_label")]
    return Channel(
        label=next(filter(None, labels), INPUT),
        paths=(chip / "power1_input",),
        convert=one_integer,
        is_averaged=True,
        period_s=interval_ms / 1e3 if interval_ms else None,
        quantum_w=None,
        chip=INA238,
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
