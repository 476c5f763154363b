"""Packs what describes a board, so that it can be read elsewhere with --sysroot and become a fixture.

Only files that are named here are read: no serial numbers, no logs, no network. What names this machine or
its users inside them is taken out. Each file keeps its path; one that may not be read stays, empty and
closed.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import socket
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Iterator, Sequence

from paretofleet_agent.errors import PfError
from paretofleet_agent.hardware.boards import GPUS, ID_FOLDERS, IDS, NAMES
from paretofleet_agent.hardware.sysfs import text

HWMON_RHYTHM = ("update_interval", "samples")
#: What is read, with wild cards that never cross a folder.
PARTS = (
    *(f"proc/{name}" for name in ("cpuinfo", "meminfo", "loadavg", "pressure/cpu", "sys/kernel/osrelease")),
    *(f"proc/device-tree/{name}" for name in (*NAMES, *IDS, *(f"{folder}/*" for folder in ID_FOLDERS))),
    *("sys/devices/soc0/family", *(f"{folder}/load" for folder in GPUS)),
    "proc/driver/nvidia/version",
    *(f"proc/{name}" for name in ("vmstat", "sys/kernel/randomize_va_space")),
    *("etc/nv_tegra_release", "etc/nvpmodel.conf", "var/lib/nvpmodel/status"),
    *("sys/module/nvidia/version", "sys/devices/system/node/online"),
    *(f"sys/class/powercap/*/{name}" for name in ("name", "enabled", "energy_uj", "max_energy_range_uj")),
    *(
        f"sys/bus/i2c/drivers/ina3221x/*/{folder}/{name}"
        for folder in ("iio:device*", "iio_device")
        for name in (
            "rail_name_*",
            "in_*_input",
            "ui_input_*",
            "*_limit_*",
            "polling_delay_*",
            "running_mode",
        )
    ),
    *(f"sys/bus/i2c/drivers/ina3221*/*/of_node/{name}" for name in ("ti,*", "channel@*/ti,*")),
    *(
        f"sys/bus/i2c/drivers/ina*/*/hwmon/hwmon*/{name}"
        for name in ("name", "label", "*_label", "*_input", "*_enable", "*_resistor", *HWMON_RHYTHM)
    ),
    *(f"sys/class/hwmon/hwmon*/{name}" for name in ("name", "power*", "energy*", "in*_label", "*_alarm")),
    *(f"sys/class/hwmon/hwmon*/device/power*_{name}" for name in ("average", "average_interval", "oem_info")),
    *(f"sys/class/drm/card*/device/{name}" for name in ("uevent", "vendor", "device")),
    *(
        f"sys/class/drm/card*/device/hwmon/hwmon*/{name}"
        for name in ("name", "power*", "energy*", "in*_label", "in*_input")
    ),
    *(
        f"sys/class/power_supply/*/{name}"
        for name in (
            *("type", "scope", "status", "online", "present"),
            *("power_now", "voltage_now", "current_now", "current_avg"),
        )
    ),
    "sys/devices/platform/*firmware*/get_throttled",
    "sys/devices/platform/*/*firmware*/get_throttled",
    *(
        f"sys/devices/system/cpu/{name}"
        for name in ("online", "isolated", "possible", "present", "smt/active")
    ),
    *(
        f"sys/devices/system/cpu/cpu[0-9]*/{name}"
        for name in ("cpu_capacity", "regs/identification/midr_el1")
    ),
    "sys/devices/cpu_*/cpus",
    *(f"sys/devices/system/cpu/{name}" for name in ("cpufreq/boost", "intel_pstate/no_turbo")),
    *(
        f"sys/devices/system/cpu/cpufreq/policy*/{name}"
        for name in ("scaling_*", "cpuinfo_*", "related_cpus")
    ),
    *(f"sys/class/thermal/thermal_zone*/{name}" for name in ("type", "temp")),
    *(f"sys/class/thermal/cooling_device*/{name}" for name in ("type", "cur_state", "max_state")),
    *(f"sys/class/devfreq/*/{name}" for name in ("cur_freq", "min_freq", "max_freq", "governor")),
    *(f"sys/class/dmi/id/{name}" for name in ("product_name", "sys_vendor")),
    "sys/kernel/mm/transparent_hugepage/enabled",
    *(f"sys/fs/cgroup/{name}" for name in ("cpu.max", "memory.max", "cpu.stat")),
)
#: A file that says more than this is not one of those that were meant.
FILE_BYTES_MAX = 2**20
#: Where a host's name may stand; a board's own strings may hold the same word.
NAMED, DEVICE_TREE = ("proc/", "etc/"), "proc/device-tree/"
#: A power supply of this scope is that of something beside the board; its name may be its address.
SUPPLIES, DEVICE = "power_supply", "Device"
SERIAL_LINE = re.compile(rb"^[^\n]*\b(?:serial|uuid)\b[^\n]*\n?", re.IGNORECASE | re.MULTILINE)
HARDWARE_ADDRESS = re.compile(rb"(?<![0-9a-f])(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}(?![0-9a-f])", re.IGNORECASE)
NO_ADDRESS = b"00:00:00:00:00:00"
USER_FOLDER = re.compile(rb"/(?:home|Users|root)/[^/\0\n]*")


@dataclass(frozen=True)
class Part:
    """A file of the board: its path below the root, and its content; None where it may not be read."""

    path: str
    content: bytes | None


def pack(sysroot: Path, target: Path) -> list[Part]:
    """Writes the snapshot of the device under `sysroot` to the .tar.gz `target`, equal for equal content.

    Raises PfError when it cannot be written, is named as something else, or there is nothing to pack.
    """
    if not target.name.endswith((".tar.gz", ".tgz")):
        raise PfError(f"{target} is not named as what a snapshot is: let it end in .tar.gz.")
    parts = list(collect(sysroot))
    if not parts:
        raise PfError(f"There is nothing that describes a board below {sysroot}: give the root of a device.")
    temporary = target.with_name(f".{target.name}.part")
    try:
        with temporary.open("wb") as file:
            _write(file, parts)
        os.replace(temporary, target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise PfError(f"{target} cannot be written: {error.strerror}.") from error
    return parts


def collect(sysroot: Path) -> Iterator[Part]:
    """The files that describe the device under `sysroot`, by path, without what names it or its users."""
    paths = {path for part in PARTS for path in sysroot.glob(part) if not _names_one_device(path)}
    host = socket.gethostname().encode()
    for path in sorted(paths):
        name = path.relative_to(sysroot).as_posix()
        name = os.fsdecode(HARDWARE_ADDRESS.sub(NO_ADDRESS, os.fsencode(name)))
        try:
            if not path.is_file():
                continue
            with path.open("rb") as file:
                content = file.read(FILE_BYTES_MAX)
        except PermissionError:
            yield Part(name, None)
        except OSError:  # a rail without a reading now
            continue
        else:
            named = name.startswith(NAMED) and not name.startswith(DEVICE_TREE)
            yield Part(name, scrub(content, host if named else b""))


def scrub(content: bytes, host: bytes) -> bytes:
    """The content without lines on serial numbers, addresses of hardware, home folders and the host's name.

    >>> scrub(b"Linux on lab-3", b"lab-3")
    b'Linux on host'
    """
    content = SERIAL_LINE.sub(b"", content)
    content = HARDWARE_ADDRESS.sub(NO_ADDRESS, content)
    content = USER_FOLDER.sub(b"/home/user", content)
    if host and host != b"localhost":
        content = re.sub(rb"(?<![A-Za-z0-9])" + re.escape(host) + rb"(?![A-Za-z0-9])", b"host", content)
    return content


def _names_one_device(path: Path) -> bool:
    """Whether a file holds a serial number, or is of the battery of a mouse or a headset."""
    if path.name.endswith("serial_number"):
        return True
    return path.parent.parent.name == SUPPLIES and text(path.parent / "scope") == DEVICE


def describe(parts: list[Part], target: Path) -> str:
    """One sentence on the `parts` that were packed into `target`."""
    closed = sum(part.content is None for part in parts)
    missing = f", {closed} of them closed to this user (as root they would be in it)" if closed else ""
    return f"{target} holds {len(parts)} files{missing}. Look through it, then send it."


def _write(file: BinaryIO, parts: Sequence[Part]) -> None:
    with gzip.GzipFile("", "wb", mtime=0, fileobj=file) as packed:
        archive = tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        for part in parts:
            archive.addfile(_member(part), io.BytesIO(part.content or b""))
        archive.close()


def _member(part: Part) -> tarfile.TarInfo:
    member = tarfile.TarInfo(part.path)
    member.size = len(part.content or b"")
    member.mode = 0o000 if part.content is None else 0o644
    return member
