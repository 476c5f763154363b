"""What bounds how fast a processor can compute: its clock and its vector instructions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Sequence

from paretofleet_agent.hardware.core_types import CPUS
from paretofleet_agent.hardware.sysfs import number, text

#: Instructions by which processors differ in multiplications a cycle, as /proc/cpuinfo names them.
VECTOR_INSTRUCTIONS = frozenset(
    {
        *("sse2", "avx", "avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16"),
        *("amx_tile", "amx_int8", "amx_bf16", "neon", "asimd", "asimdhp", "asimddp", "i8mm", "bf16"),
        *("sve", "sve2", "svei8mm", "svebf16", "sme", "sme2"),
    }
)


def processor(sysroot: Path, cpus: Sequence[int]) -> dict[str, Any]:
    """What the files under `sysroot` tell of the processor; what they do not is left out.

    `clock_khz`: the highest clock of any of `cpus`, or where no driver tells one, the clock in /proc/cpuinfo.
    `isa`: those of its vector instructions by which the multiplications of a cycle differ.
    """
    limits_khz = [number(sysroot / CPUS / f"cpu{cpu}" / "cpufreq/cpuinfo_max_freq") for cpu in cpus]
    cpuinfo = text(sysroot / "proc/cpuinfo")
    listed_khz = [
        round(float(mhz) * 1e3) for mhz in re.findall(r"^cpu MHz\s*:\s*(\d+\.?\d*)$", cpuinfo, re.MULTILINE)
    ]
    words = re.findall(r"^(?:flags|Features)\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    facts = {
        "clock_khz": max(filter(None, limits_khz), default=None) or max(listed_khz, default=None),
        "isa": sorted(VECTOR_INSTRUCTIONS.intersection(" ".join(words).split())),
    }
    return {key: value for key, value in facts.items() if value}
