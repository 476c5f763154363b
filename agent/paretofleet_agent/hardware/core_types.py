"""Which types of cores a machine has: performance and efficiency cores of Intel, big and LITTLE ones of Arm.

A time on one type is none on another, so that runs on them must never be repeats of one another. Machines
whose cores are all alike have no types.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterable, Mapping, Sequence

from paretofleet_agent.hardware.sysfs import number, text

CPUS = "sys/devices/system/cpu"
#: What the kernel names the counters of Intel's types, and what Intel names the types.
INTEL = {"cpu_core": "P", "cpu_atom": "E", "cpu_lowpower": "LP-E"}
#: Names of types that are known by their capacity only, by their number, the fastest first.
OF_INTEL = {2: ("P", "E"), 3: ("P", "E", "LP-E")}
OF_OTHERS = {2: ("big", "LITTLE"), 3: ("big", "middle", "LITTLE")}
#: Cores of one type differ by less: their best ones may have a slightly higher clock.
CAPACITY_RATIO_MIN = 0.9
#: Implementer and part of MIDR_EL1. Others are named by both numbers.
PARTS = {
    (0x41, 0xD03): "Cortex-A53",
    (0x41, 0xD04): "Cortex-A35",
    (0x41, 0xD05): "Cortex-A55",
    (0x41, 0xD07): "Cortex-A57",
    (0x41, 0xD08): "Cortex-A72",
    (0x41, 0xD09): "Cortex-A73",
    (0x41, 0xD0A): "Cortex-A75",
    (0x41, 0xD0B): "Cortex-A76",
    (0x41, 0xD0D): "Cortex-A77",
    (0x41, 0xD41): "Cortex-A78",
    (0x41, 0xD42): "Cortex-A78AE",
    (0x41, 0xD44): "Cortex-X1",
    (0x41, 0xD46): "Cortex-A510",
    (0x41, 0xD47): "Cortex-A710",
    (0x41, 0xD48): "Cortex-X2",
    (0x41, 0xD4D): "Cortex-A715",
    (0x41, 0xD4E): "Cortex-X3",
    (0x41, 0xD80): "Cortex-A520",
    (0x41, 0xD81): "Cortex-A720",
    (0x41, 0xD82): "Cortex-X4",
    (0x41, 0xD85): "Cortex-X925",
    (0x41, 0xD87): "Cortex-A725",
    (0x4E, 0x003): "Denver 2",
    (0x4E, 0x004): "Carmel",
}

CoreTypes = Mapping[str, Sequence[int]]


def core_types(sysroot: Path) -> dict[str, list[int]]:
    """The CPUs of each type of core of the machine under `sysroot`, the fastest type first.

    Empty where all cores are alike, or where nothing tells them apart.
    """
    by_counters = {
        name: cpu_list(text(sysroot / f"sys/devices/{folder}/cpus")) for folder, name in INTEL.items()
    }
    of_intel = {name: cpus for name, cpus in by_counters.items() if cpus}
    return of_intel if len(of_intel) > 1 else _by_part_and_capacity(sysroot)


def of_cpus(types: CoreTypes, cpus: Iterable[int]) -> dict[str, list[int]]:
    """Those of `cpus` that belong to each of the `types`; a type without any is left out."""
    chosen = set(cpus)
    members = {name: sorted(chosen.intersection(every)) for name, every in types.items()}
    return {name: each for name, each in members.items() if each}


def cpu_list(ranges: str) -> list[int]:
    """The CPUs that the kernel's text `ranges` names; none where it is no such text.

    >>> cpu_list("0-2,8")
    [0, 1, 2, 8]
    """
    cpus: list[int] = []
    for part in filter(None, ranges.split(",")):
        match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", part.strip())
        if match is None:
            return []
        cpus += range(int(match.group(1)), int(match.group(2) or match.group(1)) + 1)
    return cpus


def _by_part_and_capacity(sysroot: Path) -> dict[str, list[int]]:
    parts = _parts(sysroot)
    folders = {int(path.name[3:]): path for path in (sysroot / CPUS).glob("cpu[0-9]*")}
    capacities = {cpu: number(path / "cpu_capacity") for cpu, path in folders.items()}
    kinds: dict[str, list[int]] = {}
    for cpu in sorted(parts or folders):
        kinds.setdefault(parts.get(cpu, ""), []).append(cpu)
    groups = [(part, group) for part, cpus in kinds.items() for group in _of_like_capacity(cpus, capacities)]
    if len(groups) < 2:
        return {}

    def speed(group: Sequence[int]) -> tuple[int, int, int, int]:
        clocks_khz = [number(folders[cpu] / "cpufreq/cpuinfo_max_freq") for cpu in group if cpu in folders]
        capacity = max(capacities.get(cpu) or 0 for cpu in group)
        return capacity, max((khz or 0 for khz in clocks_khz), default=0), len(group), -group[0]

    groups.sort(key=lambda item: speed(item[1]), reverse=True)
    is_intel = "GenuineIntel" in text(sysroot / "proc/cpuinfo")
    ranks = (OF_INTEL if is_intel else OF_OTHERS).get(len(groups), ())
    names = _names([part for part, _ in groups], [speed(group)[0] for _, group in groups], ranks)
    return {name: group for name, (_, group) in zip(names, groups)}


def _of_like_capacity(cpus: Sequence[int], capacities: Mapping[int, int | None]) -> list[list[int]]:
    """The `cpus` in groups between which the capacity falls by a step; one group where it is not known."""
    ordered = sorted(cpus, key=lambda cpu: (-(capacities.get(cpu) or 0), cpu))
    if not all(capacities.get(cpu) for cpu in cpus):
        return [list(cpus)]
    groups = [[ordered[0]]]
    for before, cpu in zip(ordered, ordered[1:]):
        if (capacities[cpu] or 0) < CAPACITY_RATIO_MIN * (capacities[before] or 0):
            groups.append([])
        groups[-1].append(cpu)
    return [sorted(group) for group in groups]


def _names(parts: Sequence[str], capacities: Sequence[int], ranks: Sequence[str]) -> list[str]:
    """A name for each group: its part, with the capacity where a part has several, else its rank."""
    names = []
    for at, (part, capacity) in enumerate(zip(parts, capacities)):
        if not part:
            names.append(ranks[at] if ranks else f"capacity {capacity}")
        else:
            names.append(part if parts.count(part) == 1 else f"{part} of capacity {capacity}")
    return names


def _parts(sysroot: Path) -> dict[int, str]:
    """What each core of an Arm processor is, by its CPU; those that are off are not told."""
    parts: dict[int, str] = {}
    for path in (sysroot / CPUS).glob("cpu[0-9]*/regs/identification/midr_el1"):
        with_digits = re.fullmatch(r"0x([0-9a-fA-F]+)", text(path))
        if with_digits is not None:
            midr = int(with_digits.group(1), 16)
            parts[int(path.parent.parent.parent.name[3:])] = _part(midr >> 24 & 0xFF, midr >> 4 & 0xFFF)
    if parts:
        return parts
    for block in text(sysroot / "proc/cpuinfo").split("\n\n"):
        lines = dict(re.findall(r"^([\w ]+?)\s*:\s*(\S+)$", block, re.MULTILINE))
        about = [lines.get(key, "") for key in ("CPU implementer", "CPU part")]
        if lines.get("processor", "").isdigit() and all(re.fullmatch("0x[0-9a-f]+", each) for each in about):
            parts[int(lines["processor"])] = _part(int(about[0], 16), int(about[1], 16))
    return parts


def _part(implementer: int, part: int) -> str:
    return PARTS.get((implementer, part), f"0x{implementer:02x} 0x{part:03x}")
