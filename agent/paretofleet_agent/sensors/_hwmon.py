"""The hwmon folders of GPUs, with the PCI address of each."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

from paretofleet_agent.hardware.sysfs import number, text

HWMONS = "sys/class/drm/card*/device/hwmon/hwmon*"


def of_gpus(sysroot: Path, drivers: Sequence[str]) -> list[tuple[Path, str]]:
    """(folder, PCI address) of every hwmon of a GPU under `sysroot` whose name is one of `drivers`."""
    folders = [path for path in sorted(sysroot.glob(HWMONS)) if text(path / "name") in drivers]
    return [(path, pci_address(path.parent.parent)) for path in folders]


def pci_address(device: Path) -> str:
    """The PCI address of the folder `device`, its name where it does not tell one."""
    return _uevent(device).get("PCI_SLOT_NAME") or device.parent.name


def pci_id(device: Path) -> str:
    """Vendor and device of the folder `device` as the kernel prints them, 1002:74A0; empty if unknown."""
    uevent_id = _uevent(device).get("PCI_ID", "")
    vendor, model = (text(device / name).partition("x")[2] for name in ("vendor", "device"))
    return (uevent_id or (f"{vendor}:{model}" if vendor and model else "")).upper()


def limit_w(*paths: Path) -> float | None:
    """The largest of the limits in microwatts that the files `paths` tell, in watts; None without any.

    0 is a limit that is switched off.
    """
    limits = [number(path) or 0 for path in paths]
    return max(limits) / 1e6 if any(limit > 0 for limit in limits) else None


def _uevent(device: Path) -> dict[str, str]:
    lines = (line.partition("=") for line in text(device / "uevent").splitlines())
    return {key: value for key, _, value in lines}
