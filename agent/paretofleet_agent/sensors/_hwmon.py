"""The hwmon folders of GPUs, with the PCI address of each."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

from paretofleet_agent.hardware.sysfs import text

HWMONS = "sys/class/drm/card*/device/hwmon/hwmon*"


def of_gpus(sysroot: Path, drivers: Sequence[str]) -> list[tuple[Path, str]]:
    """(folder, PCI address) of every hwmon of a GPU under `sysroot` whose name is one of `drivers`."""
    folders = [path for path in sorted(sysroot.glob(HWMONS)) if text(path / "name") in drivers]
    return [(path, pci_address(path.parent.parent)) for path in folders]


def pci_address(device: Path) -> str:
    """The PCI address of the folder `device`, its name where it does not tell one."""
    for line in text(device / "uevent").splitlines():
        key, _, value = line.partition("=")
        if key == "PCI_SLOT_NAME":
            return value
    return device.parent.name
