"""What this process's own control groups allow it of CPUs and memory, and how often they stopped it.

A limit holds for a group and for all below it. So every group from the process's own up to the root of what
is mounted here is looked at, in version 1 and in version 2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Iterator, Sequence

from paretofleet_agent.hardware.sysfs import text

CPU, MEMORY = "cpu", "memory"
#: Where groups of a controller are mounted, with their version, on a system that does not list its mounts.
USUAL_PLACES = {
    CPU: (
        (2, "sys/fs/cgroup"),
        (2, "sys/fs/cgroup/unified"),
        (1, "sys/fs/cgroup/cpu"),
        (1, "sys/fs/cgroup/cpu,cpuacct"),
    ),
    MEMORY: ((2, "sys/fs/cgroup"), (2, "sys/fs/cgroup/unified"), (1, "sys/fs/cgroup/memory")),
}
#: The files of a group that hold its limit of memory, version 2 before version 1.
MEMORY_LIMITS = ("memory.max", "memory.limit_in_bytes")
#: Beyond it version 2 slows a group down and takes its memory back.
MEMORY_THROTTLES = ("memory.high",)
#: Version 1 writes "no limit" as the largest multiple of a page.
NO_LIMIT_BYTES = 2**62
#: The period of a quota that names none, in microseconds.
PERIOD_US = 100_000
PARENT = ".."


@dataclass(frozen=True)
class Throttled:
    """How often groups of this process had used up their quota, since they were made.

    `periods`: of the scheduler. `cpu_s`: seconds for which CPUs stood still, added over CPUs and groups; None
    where the kernel does not count them.
    """

    periods: int
    cpu_s: float | None


@dataclass(frozen=True)
class _Mount:
    version: int
    #: Which group is mounted at `folder`, as /proc/self/cgroup names it.
    group: str
    folder: Path


def cpu_quota(sysroot: Path) -> float | None:
    """How many CPUs' worth of time the groups of this process under `sysroot` allow; None without a limit."""
    quotas = [_quota(folder) for folder in groups_of(sysroot, CPU)]
    return min((quota for quota in quotas if quota is not None), default=None)


def throttled(sysroot: Path) -> Throttled | None:
    """How often the quotas of these groups under `sysroot` were used up; None where no group counts it."""
    counts = [_counts(folder) for folder in groups_of(sysroot, CPU)]
    counting = [each for each in counts if each is not None]
    if not counting:
        return None
    seconds = [each.cpu_s for each in counting if each.cpu_s is not None]
    is_whole = len(seconds) == len(counting)
    return Throttled(sum(each.periods for each in counting), sum(seconds) if is_whole else None)


def memory_limit_bytes(sysroot: Path) -> int | None:
    """The tightest limit of memory of the groups of this process under `sysroot`; None without one."""
    return _least_bytes(sysroot, MEMORY_LIMITS)


def memory_throttle_bytes(sysroot: Path) -> int | None:
    """The memory beyond which groups of this process under `sysroot` slow it down; None without a limit."""
    return _least_bytes(sysroot, MEMORY_THROTTLES)


def _least_bytes(sysroot: Path, names: Sequence[str]) -> int | None:
    values = [text(folder / name) for folder in groups_of(sysroot, MEMORY) for name in names]
    limits = [int(value) for value in values if value.isdigit() and int(value) < NO_LIMIT_BYTES]
    return min(limits, default=None)


def groups_of(sysroot: Path, controller: str) -> list[Path]:
    """The folders of the groups whose limits hold for this process under `sysroot`, its own one first.

    `controller`: CPU or MEMORY.
    """
    groups = _groups_of_this_process(sysroot, controller) or {1: "/", 2: "/"}
    folders: list[Path] = []
    for mount in _mounts(sysroot, controller):
        group = groups.get(mount.version)
        below = None if group is None else _below(mount.group, group)
        if below is not None:
            levels = [mount.folder.joinpath(*below[:depth]) for depth in range(len(below), -1, -1)]
            folders += [level for level in levels if level.is_dir() and level not in folders]
    return folders


def _groups_of_this_process(sysroot: Path, controller: str) -> dict[int, str]:
    """The group of this process by which the `controller` goes, by version."""
    groups: dict[int, str] = {}
    for line in text(sysroot / "proc/self/cgroup").splitlines():
        parts = line.split(":", 2)
        if len(parts) < 3:
            continue
        group = re.sub(r" \(deleted\)$", "", parts[2])
        if not parts[1]:
            groups[2] = group
        elif controller in parts[1].split(","):
            groups[1] = group
    return groups


def _mounts(sysroot: Path, controller: str) -> Sequence[_Mount]:
    listed = tuple(_listed_mounts(sysroot, controller))
    usual = USUAL_PLACES[controller]
    return listed or tuple(_Mount(version, "/", sysroot / place) for version, place in usual)


def _listed_mounts(sysroot: Path, controller: str) -> Iterator[_Mount]:
    for line in text(sysroot / "proc/self/mountinfo").splitlines():
        about, _, kind = line.partition(" - ")
        fields, kinds = about.split(" "), kind.split(" ")
        if len(fields) < 5:
            continue
        is_version_1 = kinds[0] == "cgroup" and controller in kinds[-1].split(",")
        if is_version_1 or kinds[0] == "cgroup2":
            folder = sysroot / _unescaped(fields[4]).lstrip("/")
            yield _Mount(1 if is_version_1 else 2, _unescaped(fields[3]), folder)


def _unescaped(path: str) -> str:
    """A path of mountinfo, in which white space and backslashes are octal escapes."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), path)


def _below(mounted: str, group: str) -> tuple[str, ...] | None:
    """The folders from the `mounted` group down to `group`; None where that is not below it."""
    top, parts = PurePosixPath(mounted).parts[1:], PurePosixPath(group).parts[1:]
    if top and set(top) == {PARENT}:  # the namespace begins further down: how far down is not told
        return ()
    if PARENT in parts or parts[: len(top)] != top:
        return None
    return parts[len(top) :]


def _quota(folder: Path) -> float | None:
    """The CPUs' worth of time of one group."""
    amounts = text(folder / "cpu.max").split() or [
        text(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period")
    ]
    if not amounts[0].isdigit():  # "max" in version 2, -1 in version 1
        return None
    period = amounts[1] if len(amounts) > 1 else str(PERIOD_US)
    return int(amounts[0]) / int(period) if period.isdigit() and int(period) else None


def _counts(folder: Path) -> Throttled | None:
    counts = dict(re.findall(r"^(\w+) (\d+)$", text(folder / "cpu.stat"), re.MULTILINE))
    if "nr_throttled" not in counts:
        return None
    units = {"throttled_usec": 1e6, "throttled_time": 1e9}
    seconds = [int(counts[name]) / unit for name, unit in units.items() if name in counts]
    return Throttled(int(counts["nr_throttled"]), seconds[0] if seconds else None)
