"""How fast the device runs at this moment, read while a block works: between blocks its cores are idle."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping, Sequence

from paretofleet_agent import sensors
from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.hardware.environment import CPUS, text


def reading_khz(sysroot: Path, cpus: Sequence[int], target_id: str) -> Mapping[str, int]:
    """`cpu`: the fastest of the runner's CPUs, since those without work idle; `gpu`: of a target that is one.

    What the device does not tell is left out.
    """
    found: dict[str, int] = {}
    paths = [sysroot / CPUS / f"cpu{cpu}" / "cpufreq/scaling_cur_freq" for cpu in cpus]
    values = [int(value) for value in map(text, paths) if value.isdigit()]
    if values:
        found["cpu"] = max(values)
    gpu = sensors.gpu_state(sysroot, target_id)
    if gpu.get("sm_clock_mhz"):
        found["gpu"] = int(gpu["sm_clock_mhz"]) * 1000
    return found


class Watch:
    """The readings of one run in `khz`, in their order; a simulated device has none."""

    def __init__(self, device: DeviceUnderTest, cpus: Sequence[int], target_id: str) -> None:
        self._device, self._cpus, self._target_id = device, cpus, target_id
        self.khz: list[Mapping[str, int]] = []

    def read(self) -> None:
        """Reads once; call it while a block works."""
        if self._device.simulate is None:
            found = reading_khz(self._device.sysroot, self._cpus, self._target_id)
            self.khz += [found] if found else []
