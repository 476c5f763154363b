"""INA3221: the power monitors of NVIDIA Jetson boards, in both layouts of the kernel.

JetPack 3 and 4 (L4T 28 and 32): NVIDIA's driver ina3221x, folders `iio_device` or `iio:deviceN`, channels
0 to 2 with `rail_name_i` and `in_power{i}_input` in mW. JetPack 5 and 6: hwmon, channels 1 to 3 with
`in{i}_label`, `in{i}_input` in mV and `curr{i}_input` in mA; in4 to in7 are shunt voltages and no rails.
A chip that runs triggered converts at each read; one that runs continuously averages over its period.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Sequence

from paretofleet_agent.hardware.boards import Board, board_of, is_jetson
from paretofleet_agent.hardware.sysfs import number
from paretofleet_agent.model import Unavailable
from paretofleet_agent.sensors._files import FileRail, open_rails
from paretofleet_agent.sensors._ina3221_channels import Channel, chips, read_channels
from paretofleet_agent.sensors.protocol import BOXCAR, INSTANT, NO_SETTINGS, PART, FindResult, Rail, Settings

Convert = Callable[[Sequence[str]], int]
SNAPSHOT_FIX = "paretofleet-agent snapshot -o board.tar.gz, and send it to us"
#: Type B: shunt and chip, without a calibration of ours.
GAIN_UNCERTAINTY = 0.03


def find(sysroot: Path, _settings: Settings = NO_SETTINGS) -> FindResult:
    """The rails of a Jetson board under `sysroot`, and its totals; or why there are none.

    No key of `_settings` is for them.
    """
    if not is_jetson(sysroot):
        return [], [Unavailable("ina3221", "this is not a Jetson board")]
    board = board_of(sysroot)
    channels = [channel for chip in chips(sysroot) for channel in read_channels(chip)]
    if board and not board.monitored:
        return [], [Unavailable("ina3221", board.note, "an external meter at its supply")]
    if not channels:
        why = "no channel of a power monitor under /sys/bus/i2c/drivers/ina3221x or ina3221"
        return [], [Unavailable("ina3221", why, "a container needs the host's /sys")]
    rails, absent = plan(channels, board)
    sensors, unreadable = open_rails(rails, fix="as root: chmod a+r the file")
    return sensors, absent + unreadable


def state(sysroot: Path) -> dict[str, Any]:
    """Whether each chip under `sysroot` runs continuously, by address: it decides what a reading means."""
    modes = {chip.parent.name: number(chip / "running_mode") for chip in chips(sysroot)}
    return {address: {"continuous": mode == 1} for address, mode in modes.items() if mode is not None}


def plan(channels: Sequence[Channel], board: Board | None) -> tuple[list[FileRail], list[Unavailable]]:
    """Each of `channels` as a rail, the totals of the `board`, and what is missing for them.

    `board` is None where it is not in our list.
    """
    by_label = {channel.label: channel for channel in channels}
    totals = {
        scope: labels
        for scope, labels in (board.totals() if board else {}).items()
        if all(label in by_label for label in labels)
    }
    whole = {labels[0]: scope for scope, labels in totals.items() if len(labels) == 1}
    rails = [_rail([channel], label, whole.get(label, PART)) for label, channel in by_label.items()]
    for scope, labels in totals.items():
        if len(labels) > 1:
            rails.append(_rail([by_label[label] for label in labels], "+".join(labels), scope))
    absent = []
    if board is None:
        why = "this board is not in our list, so none of its rails is called the total"
        absent.append(Unavailable("ina3221 total", why, SNAPSHOT_FIX))
    elif board.module and "module" not in totals:
        why = f"a {board.name} should have {', '.join(board.module)}, and has {', '.join(by_label)}"
        absent.append(Unavailable("ina3221 total", why, SNAPSHOT_FIX))
    elif board.note:
        absent.append(Unavailable("power of the whole board", board.note, "an external meter at its supply"))
    return rails, absent


def _rail(channels: Sequence[Channel], name: str, scope: str) -> FileRail:
    """The sum of the channels as a rail."""
    periods = [channel.period_s for channel in channels]
    quanta = [channel.quantum_w for channel in channels]
    is_averaged = any(channel.is_averaged for channel in channels)
    period_s = None if None in periods else max(period for period in periods if period is not None)
    rail = Rail(
        source="ina3221",
        rail=name,
        scope=scope,
        kind=BOXCAR if is_averaged else INSTANT,
        primary=scope != PART,
        period_s=period_s,
        window_s=period_s,
        quantum_w=None if None in quanta else sum(quantum for quantum in quanta if quantum is not None),
        gain_relative_uncertainty=GAIN_UNCERTAINTY,
    )
    paths = tuple(path for channel in channels for path in channel.paths)
    convert = milliwatts_summed if len(paths) == len(channels) else products_summed
    return FileRail(rail, paths, convert if scope == PART else more_than_nothing(convert))


def more_than_nothing(convert: Convert) -> Convert:
    """`convert` for a whole board, raising ValueError at 0: a chip shows that before its first conversion."""

    def checked(texts: Sequence[str]) -> int:
        value = convert(texts)
        if value <= 0:
            raise ValueError("a board that works draws power")
        return value

    return checked


def milliwatts_summed(texts: Sequence[str]) -> int:
    """Microwatts of `texts`, one of each channel in milliwatts."""
    return sum(int(each) for each in texts) * 1000


def products_summed(texts: Sequence[str]) -> int:
    """Microwatts of `texts`, for each channel millivolts and milliamperes: their product is microwatts."""
    return sum(int(volts) * int(amperes) for volts, amperes in zip(texts[::2], texts[1::2]))
