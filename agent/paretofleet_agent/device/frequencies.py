"""How fast the device runs at this moment, read while a block works: between blocks its cores are idle."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Mapping, Sequence

from paretofleet_agent.hardware import gpu_state
from paretofleet_agent.hardware.environment import CPUS
from paretofleet_agent.hardware.sysfs import text


def reading_khz(sysroot: Path, cpus: Sequence[int], target_id: str) -> Mapping[str, int]:
    """Clock rates in kHz under `sysroot`: of the fastest of `cpus`, since those without work idle, as `cpu`.

    As `gpu` that of the target with `target_id`, where it is one. What the device does not tell is left out.
    """
    khz: dict[str, int] = {}
    paths = [sysroot / CPUS / f"cpu{cpu}" / "cpufreq/scaling_cur_freq" for cpu in cpus]
    values = [int(value) for value in map(text, paths) if value.isdigit()]
    if values:
        khz["cpu"] = max(values)
    gpu = gpu_state.state_of(sysroot, target_id)
    if gpu.get("sm_clock_mhz"):
        khz["gpu"] = int(gpu["sm_clock_mhz"]) * 1000
    return khz


class FrequencyLog:
    """The readings of one run in `khz`, in their order; stays empty where `reading_khz` gives nothing."""

    def __init__(self, reading_khz: Callable[[], Mapping[str, int]]) -> None:
        self._reading_khz = reading_khz
        self.khz: list[Mapping[str, int]] = []

    def read(self) -> None:
        """Reads once; call it while a block works."""
        reading = self._reading_khz()
        if reading:
            self.khz.append(reading)
