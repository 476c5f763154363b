"""INA3221: the power monitors of NVIDIA Jetson boards, in both layouts of the kernel, and Thor's INA238.

JetPack 3 and 4 (L4T 28 and 32): NVIDIA's driver ina3221x, folders `iio_device` or `iio:deviceN`, channels
0 to 2 with `rail_name_i` and `in_power{i}_input` in mW. JetPack 5 and later: hwmon, channels 1 to 3 with
`in{i}_label`, `in{i}_input` in mV and `curr{i}_input` in mA; in4 to in7 are shunt voltages and no rails.
A chip that runs triggered converts at each read; one that runs continuously averages over its period.
AGX Thor has an INA238 at its input besides, one channel with `power1_input` in microwatts.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Any, Callable, Sequence

from paretofleet_agent.hardware.boards import MODULE, Board, board_ids, board_names, board_of, is_jetson
from paretofleet_agent.hardware.sysfs import number
from paretofleet_agent.model import Unavailable
from paretofleet_agent.sensors._files import FileRail, open_rails
from paretofleet_agent.sensors._ina3221_channels import Channel, chips, read_channels
from paretofleet_agent.sensors._namesakes import without_namesakes
from paretofleet_agent.sensors.protocol import BOXCAR, INSTANT, NO_SETTINGS, PART, FindResult, Rail, Settings

Convert = Callable[[Sequence[str]], int]
METER_FIX = "an external meter at its supply"
SNAPSHOT_FIX = "paretofleet-agent snapshot -o board.tar.gz, and send it to us"
MOUNT_FIX = (
    "in a container: mount the host's /proc/device-tree, which names the board; "
    "/etc/nv_tegra_release alone only says that it is a Jetson"
)
TOTAL = "ina3221 total"
#: Type B: shunt and chip, without a calibration of ours.
GAIN_UNCERTAINTY = 0.03


def find(sysroot: Path, _settings: Settings = NO_SETTINGS) -> FindResult:
    """The rails of a Jetson board under `sysroot`, and its totals; or why there are none.

    No key of `_settings` is for them.
    """
    board = board_of(sysroot)
    if board and not board.monitored:
        return [], [Unavailable("ina3221", board.note, METER_FIX)]
    monitors = chips(sysroot)
    channels = [channel for chip in monitors for channel in read_channels(chip)]
    if not channels and not is_jetson(sysroot):
        return [], [Unavailable("ina3221", "this is not a Jetson board")]
    if not channels and monitors:
        why = f"no channel of the power monitor {monitors[0]} has a name, so what it measures is not known"
        return [], [Unavailable("ina3221", why, SNAPSHOT_FIX, refused=True)]
    if not channels:
        why = "no channel of a power monitor under /sys/bus/i2c/drivers/ina3221x or ina3221"
        return [], [Unavailable("ina3221", why, "a container needs the host's /sys")]
    channels, ambiguous = without_namesakes(
        "ina3221", [(channel.label, channel.paths[0], channel) for channel in channels]
    )
    rails, absent = plan(channels, board)
    if ambiguous and not any(each.rail.primary for each in rails):
        ambiguous, absent = [replace(each, refused=True) for each in ambiguous], []
    if board is None:
        absent.append(unknown_board(f"{board_names(sysroot)} {board_ids(sysroot)}".strip()))
    sensors, unreadable = open_rails(rails, fix="as root: chmod a+r the file")
    return sensors, [*ambiguous, *absent, *unreadable]


def unknown_board(names: str) -> Unavailable:
    """Why a board of which the device tree says `names` has no total: nothing names it, or our list does not.

    >>> unknown_board("").why
    'a power monitor is here, but nothing says which board this is, so none of its rails is called the total'
    """
    if not names:
        why = "a power monitor is here, but nothing says which board this is"
        return Unavailable(TOTAL, f"{why}, so none of its rails is called the total", MOUNT_FIX)
    why = f"this board is not in our list, so none of its rails is called the total; it says {names!r}"
    return Unavailable(TOTAL, why, SNAPSHOT_FIX)


def state(sysroot: Path) -> dict[str, Any]:
    """Whether each chip under `sysroot` runs continuously, by address: it decides what a reading means."""
    modes = {chip.parent.name: number(chip / "running_mode") for chip in chips(sysroot)}
    return {address: {"continuous": mode == 1} for address, mode in modes.items() if mode is not None}


def plan(channels: Sequence[Channel], board: Board | None) -> tuple[list[FileRail], list[Unavailable]]:
    """Each of `channels` as a rail, the totals of the `board`, and what is missing for them.

    No two channels have one label. `board` is None where it is not in our list.
    """
    by_label = {channel.label: channel for channel in channels}
    of_board = board.totals if board else {}
    totals = {
        scope: labels for scope, labels in of_board.items() if all(label in by_label for label in labels)
    }
    limit_w = board.max_power_w if board else None
    whole = {labels[0]: scope for scope, labels in totals.items() if len(labels) == 1}
    rails = [_rail([channel], label, whole.get(label, PART), limit_w) for label, channel in by_label.items()]
    for scope, labels in totals.items():
        if len(labels) > 1:
            rails.append(_rail([by_label[label] for label in labels], "+".join(labels), scope, limit_w))
    absent = []
    smallest = next(iter(of_board), MODULE)
    if board and smallest not in totals:
        why = f"a {board.name} should have {', '.join(of_board[smallest])}, and has {', '.join(by_label)}"
        absent.append(Unavailable(TOTAL, why, SNAPSHOT_FIX))
    elif board and board.note:
        absent.append(Unavailable("power of the whole board", board.note, METER_FIX))
    return rails, absent


def _rail(channels: Sequence[Channel], name: str, scope: str, limit_w: float | None) -> FileRail:
    """The sum of the channels as a rail."""
    periods = [channel.period_s for channel in channels]
    quanta = [channel.quantum_w for channel in channels]
    is_averaged = any(channel.is_averaged for channel in channels)
    period_s = None if None in periods else max(period for period in periods if period is not None)
    rail = Rail(
        source=channels[0].chip,
        rail=name,
        scope=scope,
        kind=BOXCAR if is_averaged else INSTANT,
        primary=scope != PART,
        period_s=period_s,
        window_s=period_s,
        quantum_w=None if None in quanta else sum(quantum for quantum in quanta if quantum is not None),
        gain_relative_uncertainty=GAIN_UNCERTAINTY,
        max_power_w=limit_w,
    )
    paths = tuple(path for channel in channels for path in channel.paths)
    convert = channels[0].convert if len(channels) == 1 else summed(channels)
    return FileRail(rail, paths, convert if scope == PART else more_than_nothing(convert))


def summed(channels: Sequence[Channel]) -> Convert:
    """What makes microwatts of the texts of all `channels`, one after the other: their sum."""
    ends = list(accumulate(len(channel.paths) for channel in channels))
    parts = [(channel.convert, end - len(channel.paths), end) for channel, end in zip(channels, ends)]
    return lambda texts: sum(convert(texts[begin:end]) for convert, begin, end in parts)


def more_than_nothing(convert: Convert) -> Convert:
    """`convert` for a whole board, raising ValueError at 0: a chip shows that before its first conversion."""

    def checked(texts: Sequence[str]) -> int:
        value = convert(texts)
        if value <= 0:
            raise ValueError("a board that works draws power")
        return value

    return checked
