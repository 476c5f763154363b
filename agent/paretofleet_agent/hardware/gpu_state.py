"""What NVML knows of a GPU beside its power: throttling, clocks, temperature, limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable

from paretofleet_agent.hardware.nvml import Gpu, gpus, load
from paretofleet_agent.model import Unavailable

#: Bits of the reasons why the clocks are not higher, and the flag that each gives a run.
REASONS = {
    0x4: ("power_cap", "power_capped"),
    0x8: ("hardware_slowdown", "thermally_limited"),
    0x20: ("software_thermal", "thermally_limited"),
    0x40: ("hardware_thermal", "thermally_limited"),
    0x80: ("power_brake", "power_capped"),
}
#: Counters of the time spent so, cumulative; those above 100 came with newer drivers.
TIMES = {
    "power_cap": 74,
    "thermal": 75,
    "software_thermal": 269,
    "hardware_thermal": 270,
    "power_brake": 271,
}
POWER = ("power_cap", "power_brake")
SM_CLOCK, MEMORY_CLOCK, GPU_TEMPERATURE = 1, 2, 0


def state(sysroot: Path, library: Any = None) -> dict[str, Any]:
    """The state of every GPU by its UUID; empty where `nvml.load(sysroot, library)` gives none."""
    library = load(sysroot, library)
    if isinstance(library, Unavailable):
        return {}
    by_uuid = {gpu.uuid: _state(gpu) for gpu in gpus(library)}
    library.nvmlShutdown()
    return by_uuid


def state_of(sysroot: Path, target_id: str) -> dict[str, Any]:
    """The state of the GPU with the UUID `target_id`, as the driver of the device at `sysroot` has it.

    Empty for other targets; no other sensor is looked at, which would cost time while a block works.
    """
    gpu_state: dict[str, Any] = {} if target_id == "cpu" else state(sysroot).get(target_id, {})
    return gpu_state


def flags(before: dict[str, Any], after: dict[str, Any]) -> Iterable[str]:
    """What limited the clocks in the states `before` or `after` a run, or by their counters in between."""
    limits = set()
    for uuid in before.keys() & after.keys():
        for gpu in (before[uuid], after[uuid]):
            limits |= {flag for bit, (_, flag) in REASONS.items() if (gpu["clock_reasons"] or 0) & bit}
        for name, end in after[uuid]["limited_times"].items():
            if end > before[uuid]["limited_times"].get(name, end):
                limits.add("power_capped" if name in POWER else "thermally_limited")
    return limits


def _state(gpu: Gpu) -> dict[str, Any]:
    reasons = gpu.ask("nvmlDeviceGetCurrentClocksEventReasons")
    if reasons is None:
        reasons = gpu.ask("nvmlDeviceGetCurrentClocksThrottleReasons")
    temperature_c = gpu.ask("nvmlDeviceGetTemperatureV", GPU_TEMPERATURE)
    if temperature_c is None:
        temperature_c = gpu.ask("nvmlDeviceGetTemperature", GPU_TEMPERATURE)
    times = {name: gpu.field(field, 0) for name, field in TIMES.items()}
    limit_mw = gpu.ask("nvmlDeviceGetEnforcedPowerLimit")
    return {
        "name": gpu.name,
        "clock_reasons": reasons,
        "limited_by": [name for bit, (name, _) in REASONS.items() if (reasons or 0) & bit],
        "limited_times": {name: time for name, time in times.items() if time is not None},
        "sm_clock_mhz": gpu.ask("nvmlDeviceGetClockInfo", SM_CLOCK),
        "memory_clock_mhz": gpu.ask("nvmlDeviceGetClockInfo", MEMORY_CLOCK),
        "temperature_c": temperature_c,
        "power_limit_w": None if limit_mw is None else limit_mw / 1000,
        "performance_state": gpu.ask("nvmlDeviceGetPerformanceState"),
    }
