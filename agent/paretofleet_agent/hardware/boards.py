"""Jetson boards: how each is known, and which of its rails make up the module and the carrier board.

From NVIDIA's device trees and developer guides. Rails are matched by their whole name. Sub-rails are fed
from an input rail, so they are never added to it; boards without an input rail have only the sum.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from paretofleet_agent.hardware.sysfs import text

DEVICE_TREE = "proc/device-tree"
TEGRA_RELEASE = "etc/nv_tegra_release"
TEGRA = "nvidia,tegra"


@dataclass(frozen=True)
class Board:
    """A board: part numbers that name it, the rails whose sum is the module, those of the carrier board.

    `note` says what a user must know of the total.
    """

    name: str
    parts: tuple[str, ...]
    module: tuple[str, ...]
    carrier: tuple[str, ...] = ()
    note: str = ""

    def totals(self) -> dict[str, tuple[str, ...]]:
        """The rails to add up, by the scope of their sum."""
        totals = {"module": self.module}
        if self.carrier:
            totals["module+carrier"] = self.module + self.carrier
        return totals if self.module else {}

    @property
    def monitored(self) -> bool:
        """Whether it has a power monitor at all."""
        return bool(self.module)


#: The first whose part number stands in the device tree; narrower numbers stand before wider ones.
BOARDS: tuple[Board, ...] = (
    Board("Jetson TX1", ("p2180", "p2371-2180", "p2597-2180"), ("VDD_IN",), ("VDD_MUX",)),
    Board("Jetson Nano 2GB", ("p3448-0003",), (), note="the Nano 2GB has no power monitor"),
    Board("Jetson Nano", ("p3448",), ("POM_5V_IN",)),
    Board("Jetson TX2 NX", ("p3636",), ("VDD_IN",)),
    Board("Jetson TX2", ("p3310", "p3489"), ("VDD_IN",), ("VDD_MUX",)),
    Board("Jetson Xavier NX", ("p3668",), ("VDD_IN",)),
    Board("Jetson AGX Xavier", ("p2888", "p2972"), ("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V")),
    Board(
        "Jetson AGX Orin",
        ("p3701",),
        ("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0", "VDDQ_VDD2_1V8AO"),
        note="the AGX Orin has no input rail: the sum of its rails is less than what it draws",
    ),
    Board("Jetson Orin NX or Nano", ("p3767",), ("VDD_IN",)),
)


def is_jetson(sysroot: Path) -> bool:
    """Whether the device under `sysroot` is a Jetson; ask before NVML, which lies there."""
    return TEGRA in text(sysroot / DEVICE_TREE / "compatible") or bool(text(sysroot / TEGRA_RELEASE))


def board_of(sysroot: Path) -> Board | None:
    """The board under `sysroot`; None where it is not in the list."""
    names = ("compatible", "nvidia,dtsfilename", "model")
    return identify(" ".join(text(sysroot / DEVICE_TREE / name) for name in names))


def identify(device_tree: str) -> Board | None:
    """The board whose part number stands in the strings of its `device_tree`; None where none does."""
    lower = device_tree.lower()
    return next((board for board in BOARDS if any(part in lower for part in board.parts)), None)
