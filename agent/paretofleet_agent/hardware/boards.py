"""Jetson boards: how each is known, and which of its rails make up the module and the carrier board.

From NVIDIA's device trees and developer guides. Rails are matched by their whole name. Sub-rails are fed
from an input rail, so they are never added to it; boards without an input rail have only the sum. That of
the AGX Orin is in the Jetson Linux guide, r36.4.3, "Software-Based Power Consumption Modeling": the memory's
VDDQ_VDD2_1V8AO is fed from VIN_SYS_5V0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Mapping

from paretofleet_agent.hardware.sysfs import text

DEVICE_TREE = "proc/device-tree"
#: Where the kernel has it: of a copied tree the link in /proc points nowhere.
KERNEL_DEVICE_TREE = "sys/firmware/devicetree/base"
TEGRA_RELEASE = "etc/nv_tegra_release"
TEGRA = "nvidia,tegra"
#: The family of the SoC by the driver of its fuses; it is there where the device tree is hidden.
FAMILY, TEGRA_FAMILY = "sys/devices/soc0/family", "Tegra"
#: The GPU of a Jetson under its name, or its address with that of its kind: that of TX1 and Nano, later ones.
GPU_NAMES = (
    *("gpu.0", "57000000.gpu", "57000000.gm20b"),
    *("17000000.gpu", "17000000.gp10b", "17000000.gv11b", "17000000.ga10b"),
)
#: Where it stands up to JetPack 5, and from JetPack 6 on.
GPU_FOLDERS = ("sys/devices", "sys/devices/platform", "sys/devices/platform/bus@0")
GPUS = tuple(f"{folder}/{name}" for folder in GPU_FOLDERS for name in GPU_NAMES)
#: Its clocks; under the first name also on Thor, whose GPU is a PCI device.
GPU_CLOCKS = tuple(f"sys/class/devfreq/{name}" for name in ("gpu-gpc-0", *GPU_NAMES))
MODULE, BOTH = "module", "module+carrier"
#: Properties that name a board by its part number.
NAMES = ("compatible", "nvidia,dtsfilename", "model")
#: Properties that hold the numbers that the boot loader read from the EEPROMs of module and carrier, and a
#: folder whose files are named by them.
IDS, ID_FOLDERS = ("nvidia,boardids", "chosen/ids"), ("chosen/plugin-manager/ids",)
#: An AGX module that is flashed to behave as a smaller one: p2888-0001-as-p3668-0001.
EMULATED = re.compile(r"-as-p\d{4}(-\d{4})?")
#: 3489:0000:A0, 3489-0000-400 or 699-83489-0000-A0: board and variant.
ID = re.compile(r"(?<!\d)(?:699-\d)?(\d{4})(?:[:-](\d{4}))?(?!\d)")


@dataclass(frozen=True)
class Board:
    """A board: part numbers that name it, and by scope the rails whose sum is the power of that scope.

    `note` says what a user must know of the totals. `max_power_w`: what its supply can give at the most,
    None where no maximum is documented; a module's nominal power is none, for it is exceeded for a while.
    """

    name: str
    parts: tuple[str, ...]
    totals: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    note: str = ""
    max_power_w: float | None = None

    @property
    def monitored(self) -> bool:
        """Whether it has a power monitor at all."""
        return bool(self.totals)


#: VDD_IN feeds the module, VDD_MUX the developer kit's carrier board beside it.
INPUTS = {MODULE: ("VDD_IN",), BOTH: ("VDD_IN", "VDD_MUX")}
XAVIER = {MODULE: ("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V")}
#: The supply that comes with the developer kits of TX1, TX2 and AGX Orin: 19 V, 4.74 A.
KIT_SUPPLY_W = 90.0
#: The first whose part number stands in the device tree; narrower numbers stand before wider ones.
BOARDS: tuple[Board, ...] = (
    Board("Jetson TX1", ("p2180", "p2371-2180", "p2597-2180"), INPUTS, max_power_w=KIT_SUPPLY_W),
    Board("Jetson Nano 2GB", ("p3448-0003",), note="the Nano 2GB has no power monitor"),
    # The developer kit's header J6 takes 6 A at 5 V, more than its other connectors.
    Board("Jetson Nano", ("p3448",), {MODULE: ("POM_5V_IN",)}, max_power_w=30.0),
    Board("Jetson TX2 NX", ("p3636",), {MODULE: ("VDD_IN",)}),
    Board("Jetson TX2", ("p3310", "p3489", "p2771"), INPUTS, max_power_w=KIT_SUPPLY_W),
    Board("Jetson Xavier NX", ("p3668",), {MODULE: ("VDD_IN",)}),
    # An AGX Xavier's module on a carrier board with a card; the card is none of these rails.
    Board("Clara AGX", ("p3904", "e3900"), XAVIER),
    Board("Jetson AGX Xavier", ("p2888", "p2972"), XAVIER),
    Board(
        "Jetson AGX Orin",
        ("p3701",),
        {MODULE: ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0")},
        note="the AGX Orin has no input rail: the sum of its rails is less than what it draws",
        max_power_w=KIT_SUPPLY_W,
    ),
    Board("Jetson Orin NX or Nano", ("p3767",), {MODULE: ("VDD_IN",)}),
    # The INA238 at the carrier board's input; what the INA3221 shows of the module has no documented sum.
    Board("Jetson AGX Thor", ("p3834",), {BOTH: ("VIN",)}),
)


def is_jetson(sysroot: Path) -> bool:
    """Whether the device under `sysroot` is a Jetson; ask before NVML, which lies there."""
    return (
        TEGRA in text(device_tree(sysroot) / "compatible")
        or bool(text(sysroot / TEGRA_RELEASE))
        or text(sysroot / FAMILY) == TEGRA_FAMILY
        or has_gpu_folder(sysroot)
    )


def has_gpu_folder(sysroot: Path) -> bool:
    """Whether the GPU of a Jetson, or its clocks, stands under `sysroot` where only a Jetson's does."""
    return any((sysroot / folder).exists() for folder in (*GPUS, *GPU_CLOCKS))


def device_tree(sysroot: Path) -> Path:
    """The folder of the device tree under `sysroot`: that in /proc, else the kernel's."""
    in_proc = sysroot / DEVICE_TREE
    return in_proc if in_proc.exists() else sysroot / KERNEL_DEVICE_TREE


def board_of(sysroot: Path) -> Board | None:
    """The board under `sysroot`; None where it is not in the list.

    Where no name is in the list but the module's number, the carrier board is a stranger's, and the board
    has no total but that of the module.
    """
    board = identify(board_names(sysroot))
    return board or by_module(board_ids(sysroot))


def board_names(sysroot: Path) -> str:
    """What the device tree under `sysroot` calls the board, in one line; empty without a device tree."""
    return " ".join(filter(None, (text(device_tree(sysroot) / name) for name in NAMES)))


def board_ids(sysroot: Path) -> str:
    """The numbers of modules and carrier boards that the device tree under `sysroot` has from the boot."""
    tree = device_tree(sysroot)
    files = [path.name for folder in ID_FOLDERS for path in sorted((tree / folder).glob("*"))]
    return " ".join(filter(None, (*(text(tree / name) for name in IDS), *files)))


def identify(device_tree: str) -> Board | None:
    """The board whose part number stands in the strings of its `device_tree`; None where none does."""
    lower = EMULATED.sub("", device_tree.lower())
    return next((board for board in BOARDS if any(part in lower for part in board.parts)), None)


def by_module(ids: str) -> Board | None:
    """The module of which a number stands in `ids`, without its carrier board; None where none does, or two.

    >>> by_module("3489:0000:A0").name
    'Jetson TX2'
    """
    numbers = (f"p{board}-{variant}" for board, variant in ID.findall(ids))
    boards = {board.name: board for board in map(identify, numbers) if board}
    if len(boards) != 1:
        return None
    (board,) = boards.values()
    of_module = {scope: labels for scope, labels in board.totals.items() if scope == MODULE}
    is_of_carrier = board.monitored and not of_module
    return None if is_of_carrier else replace(board, totals=of_module, max_power_w=None)
