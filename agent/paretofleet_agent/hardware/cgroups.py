"""What this process's own control groups allow it of the CPUs, and how often they stopped it.

A quota holds for a group and for all below it. So every group from the process's own up to the root of what
is mounted here is looked at, in version 1 and in version 2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Iterator, Sequence

from paretofleet_agent.hardware.sysfs import text

#: Where groups are mounted, with their version, on a system that does not list its mounts.
USUAL_PLACES = (
    (2, "sys/fs/cgroup"),
    (2, "sys/fs/cgroup/unified"),
    (1, "sys/fs/cgroup/cpu"),
    (1, "sys/fs/cgroup/cpu,cpuacct"),
)
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
    quotas = [_quota(folder) for folder in cpu_groups(sysroot)]
    return min((quota for quota in quotas if quota is not None), default=None)


def throttled(sysroot: Path) -> Throttled | None:
    """How often the quotas of `cpu_groups(sysroot)` were used up; None where no group counts it."""
    counts = [_counts(folder) for folder in cpu_groups(sysroot)]
    counting = [each for each in counts if each is not None]
    if not counting:
        return None
    seconds = [each.cpu_s for each in counting if each.cpu_s is not None]
    is_whole = len(seconds) == len(counting)
    return Throttled(sum(each.periods for each in counting), sum(seconds) if is_whole else None)


def cpu_groups(sysroot: Path) -> list[Path]:
    """The folders of the groups whose quotas hold for this process under `sysroot`, its own one first."""
    groups = _groups_of_this_process(sysroot) or {1: "/", 2: "/"}
    folders: list[Path] = []
    for mount in _mounts(sysroot):
        group = groups.get(mount.version)
        below = None if group is None else _below(mount.group, group)
        if below is not None:
            levels = [mount.folder.joinpath(*below[:depth]) for depth in range(len(below), -1, -1)]
            folders += [level for level in levels if level.is_dir() and level not in folders]
    return folders


def _groups_of_this_process(sysroot: Path) -> dict[int, str]:
    """The group that counts the CPU time of this process, by version."""
    groups: dict[int, str] = {}
    for line in text(sysroot / "proc/self/cgroup").splitlines():
        parts = line.split(":", 2)
        if len(parts) < 3:
            continue
        group = re.sub(r" \(deleted\)$", "", parts[2])
        if not parts[1]:
            groups[2] = group
        elif "cpu" in parts[1].split(","):
            groups[1] = group
    return groups


def _mounts(sysroot: Path) -> Sequence[_Mount]:
    listed = tuple(_listed_mounts(sysroot))
    return listed or tuple(_Mount(version, "/", sysroot / place) for version, place in USUAL_PLACES)


def _listed_mounts(sysroot: Path) -> Iterator[_Mount]:
    for line in text(sysroot / "proc/self/mountinfo").splitlines():
        about, _, kind = line.partition(" - ")
        fields, kinds = about.split(" "), kind.split(" ")
        if len(fields) < 5:
            continue
        is_version_1 = kinds[0] == "cgroup" and "cpu" in kinds[-1].split(",")
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
