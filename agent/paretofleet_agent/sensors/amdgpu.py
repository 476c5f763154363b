"""AMD GPUs through hwmon: power1_average and power1_input in microwatts, of the chip and not of the board.

On an APU the reading includes the CPU; on an MI300A it is the socket's, with CPU cores and memory. The chip's
own energy counter needs AMD's library and was seen wrong or frozen in the field, so it is not read.
"""

from __future__ import annotations

from pathlib import Path

from paretofleet_agent.hardware.sysfs import integer, text
from paretofleet_agent.model import Unavailable
from paretofleet_agent.sensors._bounded_reads import read_within
from paretofleet_agent.sensors._files import FileRail, one_integer, open_rails
from paretofleet_agent.sensors._hwmon import limit_w, of_gpus, pci_id
from paretofleet_agent.sensors.protocol import BOXCAR, INSTANT, NO_SETTINGS, FindResult, Rail, Settings

#: The voltage that only an APU has, and the one that cards have; an MI300A has neither, nor has an MI300X.
APU_VOLTAGE, CARD_VOLTAGE = "vddnb", "vddgfx"
MI300A = "1002:74A0"
FILES = {"average": ("power1_average", BOXCAR), "input": ("power1_input", INSTANT)}
#: Type B; no published calibration.
GAIN_UNCERTAINTY = 0.05


def find(sysroot: Path, _settings: Settings = NO_SETTINGS) -> FindResult:
    """The power of every AMD GPU under `sysroot`, or why there is none. No key of `_settings` is for them."""
    planned = [rail for hwmon, address in of_gpus(sysroot, ("amdgpu",)) for rail in rails(hwmon, address)]
    if not planned:
        return [], [Unavailable("amdgpu", "no AMD GPU with a power sensor under /sys/class/drm")]
    return open_rails(planned)


def rails(hwmon: Path, address: str) -> list[FileRail]:
    """The rails of the GPU at the PCI `address`, with its files in the folder `hwmon`.

    The instantaneous one is primary where both are there and it gives a reading.
    """
    present = {name: file for name, file in FILES.items() if (hwmon / file[0]).exists()}
    preferred = [name for name in ("input", "average") if name in present]
    alive = [name for name in preferred if has_reading(hwmon / FILES[name][0])]
    total = next(iter([*alive, *preferred]), None)
    in_cpu = is_apu(hwmon)
    return [
        FileRail(
            Rail(
                source="amdgpu",
                rail=f"{address}-{name}",
                scope="apu" if in_cpu else "gpu-chip",
                kind=kind,
                primary=name == total,
                gain_relative_uncertainty=GAIN_UNCERTAINTY,
                target_id=None if in_cpu else address,
                max_power_w=limit_w(hwmon / "power1_cap"),
            ),
            (hwmon / file,),
            one_integer,
        )
        for name, (file, kind) in present.items()
    ]


def is_apu(hwmon: Path) -> bool:
    """Whether the power in the folder `hwmon` is that of a processor with its GPU.

    Where neither a voltage nor the PCI device tells, it is not called a card's.
    """
    pci = pci_id(hwmon.parent.parent)
    if text(hwmon / "in1_label") == APU_VOLTAGE or pci == MI300A:
        return True
    if text(hwmon / "in0_label") == CARD_VOLTAGE:
        return False
    return not pci


def has_reading(path: Path) -> bool:
    """Whether the file `path` holds a power above 0 now."""
    try:
        return integer(read_within(path)) > 0
    except (OSError, ValueError):
        return False
