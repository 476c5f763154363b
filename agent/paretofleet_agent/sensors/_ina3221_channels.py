"""The channels of INA3221 chips, in the two layouts of the kernel, and of an INA238; see ina3221.py."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator, Sequence, Tuple

from paretofleet_agent.hardware.sysfs import integer, number, text
from paretofleet_agent.sensors._bounded_reads import LEAST_S, read_within
from paretofleet_agent.sensors._files import one_integer

DRIVERS = "sys/bus/i2c/drivers"
INA3221, INA238 = "ina3221", "ina238"
#: Folders of a chip by driver: IIO under two names, and hwmon.
LAYOUTS = (
    *(("ina3221x", ("iio:device*", "iio_device")), (INA3221, ("hwmon/hwmon*",))),
    (INA238, ("hwmon/hwmon*",)),
)
#: Where the chip of a driver that has another name is found, by what its hwmon calls itself.
HWMONS = ("sys/bus/i2c/devices/*-*/hwmon/hwmon*", "sys/class/hwmon/hwmon*")
#: What tegrastats calls the only channel of an INA238 that has no label.
INPUT = "VIN"
UNUSED = ("", "NC")
#: Where the bus voltage of an INA3221 ends, in millivolts.
VOLTAGE_MV_MAX = 32_760
#: Files, and what makes microwatts of their texts.
Source = Tuple[Tuple[Path, ...], Callable[[Sequence[str]], int]]
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
    drivers = {path.parents[2].name for path in folders.values()}
    if not drivers & {INA3221, "ina3221x"}:
        folders.update(_by_name(sysroot, INA3221))
    if INA238 not in drivers:
        folders.update(_by_name(sysroot, INA238))
    return [folders[address] for address in sorted(folders)]


def is_ina238(chip: Path) -> bool:
    """Whether the `chip` with its files in that folder is an INA238, which has one channel."""
    return INA238 in (chip.parents[2].name, text(chip / "name"))


def read_channels(chip: Path) -> Iterator[Channel]:
    """The channels that measure something, of the `chip` with its files in that folder."""
    if is_ina238(chip):
        yield _ina238_channel(chip)
        return
    for index in (0, 1, 2):
        if any(chip.glob("rail_name_*")):
            channel = _iio_channel(chip, index)
        else:
            channel = _hwmon_channel(chip, index + 1)
        if channel.label not in UNUSED:
            yield channel


def milliwatts(texts: Sequence[str]) -> int:
    """Microwatts of the one of `texts`, which holds milliwatts. Raises ValueError where it is no number."""
    return integer(texts[0]) * 1000


def millivolts_milliamperes(texts: Sequence[str]) -> int:
    """Microwatts of `texts`, millivolts and milliamperes: their product.

    Raises ValueError where one is no number, or the voltage none of a bus: a current may flow back, a supply
    is never below ground.
    """
    millivolts, milliamperes = integer(texts[0]), integer(texts[1])
    if not 0 <= millivolts <= VOLTAGE_MV_MAX:
        raise ValueError(f"{millivolts} mV is no voltage of a supply")
    return millivolts * milliamperes


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
    power, voltage, current = (chip / f"in_{name}{index}_input" for name in ("power", "voltage", "current"))
    sources: list[Source] = [((power,), milliwatts), ((voltage, current), millivolts_milliamperes)]
    paths, convert = _readable(sources)
    return Channel(
        label=text(chip / f"rail_name_{index}"),
        paths=paths,
        convert=convert,
        is_averaged=continuous,
        period_s=config_period_s(_cell(node / name) or default),
        quantum_w=_quantum_w(shunt_mohm and shunt_mohm / 1e3, voltage),
    )


def _hwmon_channel(chip: Path, index: int) -> Channel:
    shunt_uohm, interval_ms = number(chip / f"shunt{index}_resistor"), number(chip / "update_interval")
    voltage, current, power = (chip / f"{name}{index}_input" for name in ("in", "curr", "power"))
    sources: list[Source] = [((voltage, current), millivolts_milliamperes), ((power,), one_integer)]
    is_off = number(chip / f"in{index}_enable") == 0
    paths, convert = sources[0] if is_off else _readable(sources)
    return Channel(
        label="" if is_off else text(chip / f"in{index}_label"),
        paths=paths,
        convert=convert,
        is_averaged=True,
        period_s=interval_ms / 1e3 if interval_ms else None,
        quantum_w=_quantum_w(shunt_uohm and shunt_uohm / 1e6, voltage),
    )


def _ina238_channel(chip: Path) -> Channel:
    """The kernel's driver ina238 tells power in microwatts; the chip converts and averages on its own."""
    interval_ms = number(chip / "update_interval")
    labels = [text(chip / name) for name in ("label", "power1_label", "in1_label")]
    power, voltage, current = (chip / f"{name}1_input" for name in ("power", "in", "curr"))
    sources: list[Source] = [((power,), one_integer), ((voltage, current), _input_microwatts)]
    paths, convert = _readable(sources)
    return Channel(
        label=next(filter(None, labels), INPUT),
        paths=paths,
        convert=convert,
        is_averaged=True,
        period_s=interval_ms / 1e3 if interval_ms else None,
        quantum_w=None,
        chip=INA238,
    )


def _by_name(sysroot: Path, name: str) -> dict[str, Path]:
    """The folders of the chips of that `name` under `sysroot`, by their addresses or the hwmons' names."""
    of_devices, of_class = (
        [path for path in sorted(sysroot.glob(pattern)) if text(path / "name") == name] for pattern in HWMONS
    )
    if of_devices:
        return {path.parents[1].name: path for path in of_devices}
    return {path.name: path for path in of_class}


def _input_microwatts(texts: Sequence[str]) -> int:
    """Microwatts of `texts`, millivolts and milliamperes of an INA238, which measures up to 85 V."""
    return integer(texts[0]) * integer(texts[1])


def _readable(sources: Sequence[Source]) -> Source:
    """The first of `sources` that reads now, else the first whose files are there, else the first."""
    there = [source for source in sources if all(path.exists() for path in source[0])]
    if len(there) == 1:
        return there[0]
    for paths, convert in there:
        try:
            convert([read_within(path) for path in paths])
        except (OSError, ValueError):
            continue
        return paths, convert
    return next(iter([*there, *sources]))


def _quantum_w(shunt_ohm: float | None, voltage: Path) -> float | None:
    """The step of the power at the `voltage`, which a file tells in millivolts."""
    if not shunt_ohm:
        return None
    try:
        millivolts = integer(read_within(voltage, LEAST_S))
    except (OSError, ValueError):
        return None
    return SHUNT_STEP_V / shunt_ohm * millivolts / 1e3 if millivolts else None


def _cell(path: Path) -> int | None:
    """A device tree cell: 32 bits, big-endian."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return int.from_bytes(content, "big") if len(content) == 4 else None
