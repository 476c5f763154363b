"""What tells this machine and this agent's folder from a copy of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Iterator

#: Serial numbers of boards and computers; the second is for root's eyes only, and then left out.
_SERIALS = ("proc/device-tree/serial-number", "sys/class/dmi/id/product_uuid", "etc/machine-id")
_INTERFACES = "sys/class/net"


def machine_of(home: Path, device_id: str, root: Path = Path("/")) -> str:
    """A hash of the machine below `root` and of the folder `home`, the same after a reboot.

    A folder that was copied, on this machine or to another, has another one. `device_id` salts it, so that
    it says nothing of the machine to those who do not have the folder.
    """
    parts = [device_id, str(home.resolve()), str(home.stat().st_ino), *sorted(_serials(root))]
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()


def _serials(root: Path) -> Iterator[str]:
    for name in _SERIALS:
        yield _text(root / name)
    try:
        interfaces = list((root / _INTERFACES).iterdir())
    except OSError:
        return
    for interface in interfaces:
        # Virtual interfaces have no device, and another address after each boot.
        if (interface / "device").exists():
            yield _text(interface / "address")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    except OSError:
        return ""
