"""How fast a processor can be at most, far above any kernel: what is faster does not do its work.

A bound in multiply-accumulates a second is runner's CPUs x clock x multiply-accumulates of a cycle x margin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

NO_WORK = "no_work"
#: Instructions -> the most multiply-accumulates of a core in a cycle: in fp32 (and wider), and in anything
#: narrower. The first that a processor has counts. Twice what the widest such core is known to do.
MACS_PER_CYCLE: Mapping[str, tuple[int, int]] = {
    "amx_tile": (64, 2048),
    "avx512f": (64, 256),
    "avx2": (32, 256),
    "sse2": (16, 64),
    "sme": (1024, 4096),
    "sve": (128, 512),
    "asimd": (64, 512),
    "neon": (16, 32),
}
WIDE = ("fp32", "fp64")
#: Winograd's and Fourier's convolutions compute a fraction of the counted products: of 3 x 3 a fifth, of the
#: largest in use about a tenth. A driver may not tell a boost that doubles the clock.
MARGIN = 16 * 2


def macs_per_s_max(processor: Mapping[str, Any], cpus: int, precision: str | None) -> float | None:
    """The multiply-accumulates a second that so many `cpus` cannot exceed in `precision`.

    `processor`: the facts `clock_khz` and `isa` of an attempt. None where one of them is not known.

    >>> macs_per_s_max({"clock_khz": 4_000_000, "isa": ["avx2", "sse2"]}, cpus=2, precision="fp32")
    8192000000000.0
    """
    clock_khz, isa = processor.get("clock_khz"), processor.get("isa") or ()
    per_cycle = next((each for name, each in MACS_PER_CYCLE.items() if name in isa), None)
    if not clock_khz or per_cycle is None or not cpus:
        return None
    return float(cpus * clock_khz * 1e3 * per_cycle[0 if precision in WIDE else 1] * MARGIN)


def is_faster_than_its_work(row: Mapping[str, Any], facts: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an item of the `row` takes less time than its multiply-accumulates need on its device at least.

    `facts`: those of the row's runs. False where MACs, clock, instructions or CPUs are not known, and for
    other targets than a CPU.
    """
    macs, seconds, cpus = row["macs"], row["time_per_item_s"], row["effective_cpus"]
    if row["target"] != "cpu" or row["simulated"] or not macs or not seconds or not cpus or not facts:
        return False
    bounds = [
        macs_per_s_max(each.get("processor") or {}, len(cpus), row["effective_precision"]) for each in facts
    ]
    known = [bound for bound in bounds if bound is not None]
    return len(known) == len(bounds) and bool(macs / seconds > max(known))
