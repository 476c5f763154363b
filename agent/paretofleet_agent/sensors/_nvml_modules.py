"""Superchips: GPUs that share a module with a CPU and its memory, and figures that are the module's.

On a Grace Hopper the energy counter, which takes no scope, is the module's. The power fields take one: some
drivers refuse that of the GPU, some give the same figure for both. Every GPU of one module tells the same.
"""

from __future__ import annotations

import re
from typing import Sequence

from paretofleet_agent.hardware.nvml import GPU_SCOPE, MODULE_SCOPE, Gpu

AVERAGE_FIELD, INSTANT_FIELD, LIMIT_FIELD = 185, 186, 190
#: Grace Hopper and Grace Blackwell; a GB10 knows no module.
SUPERCHIP = re.compile(r"\bG[HB][0-9]{3}\b")
#: Figures that differ by chance between two refreshes are asked for again.
TRIES = 3


def is_superchip(gpu: Gpu) -> bool:
    """Whether the figures of `gpu` that take no scope are those of a module.

    Its name says so, or the driver knows the power of a module: beside a link to its CPU, or instead of the
    GPU's.
    """
    if SUPERCHIP.search(gpu.name):
        return True
    fields = (INSTANT_FIELD, AVERAGE_FIELD)
    of_module = [field for field in fields if gpu.field(field, MODULE_SCOPE)]
    linked = gpu.ask("nvmlDeviceGetC2cModeInfoV")
    is_linked = linked is not None and bool(linked.isC2cEnabled)
    return any(is_linked or not gpu.field(field, GPU_SCOPE) for field in of_module)


def is_of_gpu(gpu: Gpu, field: int) -> bool:
    """Whether the `field` of a superchip `gpu`, asked for the GPU, is not its module's figure once more."""
    pairs = [(gpu.field(field, GPU_SCOPE), gpu.field(field, MODULE_SCOPE)) for _ in range(TRIES)]
    return all(of_gpu and of_gpu != of_module for of_gpu, of_module in pairs)


def sharing_why(gpu: Gpu, superchips: Sequence[Gpu]) -> str | None:
    """Why the module of `gpu` is not that of this GPU alone among the `superchips`; None where it is."""
    cpus = gpu.cpus()
    for other in superchips:
        if other.uuid == gpu.uuid:
            continue
        beside = other.cpus()
        if not cpus or not beside:
            return f"whether {gpu.uuid} and {other.uuid} share a module is not told"
        if cpus & beside:
            return f"{gpu.uuid} shares its module with {other.uuid}, and both would tell its power"
    return None
