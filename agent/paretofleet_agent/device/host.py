"""What an attempt asks of its machine, beside its processes: a real one here, else see `simulated_host`."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Mapping, Protocol, Sequence

from paretofleet_agent import sensors
from paretofleet_agent.device import frequencies
from paretofleet_agent.device.clock import Clock, RealClock
from paretofleet_agent.device.contention import ContentionMeter
from paretofleet_agent.device.frequencies import FrequencyLog
from paretofleet_agent.hardware import environment, gpu, gpu_state
from paretofleet_agent.hardware.cgroups import Throttled, throttled
from paretofleet_agent.hardware.processor import processor


class Host(Protocol):
    """The machine during one attempt. What it cannot tell is left out, empty or None, never guessed."""

    @property
    def clock(self) -> Clock:
        """The clock of all times of the attempt."""

    @property
    def rest_temperature_c(self) -> float | None:
        """Degrees Celsius that every run cools down to; None where the first run of a sweep sets them."""

    @property
    def runs_models(self) -> bool:
        """Whether models really run here: in the time of this machine, where others may disturb them."""

    def temperature_c(self) -> float | None:
        """Degrees Celsius of the target, or of the hottest part of the machine."""

    def boot_id(self) -> str:
        """The boot in which the clock's times compare."""

    def started_unix_s(self) -> float:
        """Wall time of the start, for people."""

    def environment(self) -> dict[str, Any]:
        """What must be the same for two runs to be repeats of one another."""

    def readings(self) -> dict[str, Any]:
        """What moves by itself and is read before and after a run."""

    def flags(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
        """What two `readings` around a run say of it."""

    def frequency_log(self, cpus: Sequence[int], target_id: str) -> FrequencyLog:
        """Keeps the clock rates of `cpus`, and of the target where that is a GPU, while blocks work."""

    def watch_contention(self, cpus: Sequence[int], pids: Sequence[int]) -> Callable[[], bool]:
        """Counts work on `cpus` from now on; the answer says whether others than `pids` did much of it."""

    def processor(self) -> dict[str, Any]:
        """What bounds how fast the runner's CPUs can compute: their clock in kHz, their instructions."""

    def throttled(self) -> Throttled | None:
        """How often a quota of CPU time was used up so far; None where nothing counts it."""

    def other_processes(self, pids: Sequence[int]) -> list[int]:
        """Processes that compute on the target's GPU and are not among `pids`."""

    def device_memory_bytes(self, pid: int) -> int | None:
        """What the process holds of the memory of the target's GPU."""

    def suspended_s(self) -> float:
        """Seconds that the machine has slept since its boot."""

    def sampler_request(self) -> dict[str, Any]:
        """What a sampler on this host is asked for that differs from one to another."""

    def runner_request(self) -> dict[str, Any]:
        """What a runner on this host is asked for that differs from one to another."""

    def write_truth(self) -> None:
        """Writes down what is really so, where that is known and asked for."""


@dataclass(frozen=True)
class RealHost:
    """This machine: files below `sysroot`, the CPUs that the agent may use, and the target's own driver."""

    sysroot: Path
    cpus: Sequence[int]
    target_id: str
    clock: Clock = field(default_factory=RealClock)
    rest_temperature_c: float | None = None
    #: Those of `cpus` on which the runner works.
    runner_cpus: Sequence[int] = ()
    #: Those of the runner that change speed or numbers.
    variables: Mapping[str, str] = field(default_factory=dict)
    runs_models: bool = True

    def temperature_c(self) -> float | None:
        """Degrees Celsius of the GPU that is the target, else of the hottest zone; None without any."""
        state = gpu_state.state_of(self.sysroot, self.target_id)
        if state.get("temperature_c") is not None:
            return float(state["temperature_c"])
        return max(environment.temperatures_c(self.sysroot).values(), default=None)

    def boot_id(self) -> str:
        """The kernel's id of this boot."""
        return environment.boot_id(self.sysroot)

    def started_unix_s(self) -> float:
        """Wall time now."""
        return time.time()

    def environment(self) -> dict[str, Any]:
        """The settings of the machine, the modes of the target's GPU, and the runner's variables if any."""
        modes = gpu.modes(self.sysroot, self.target_id)
        variables = {"variables": dict(self.variables)} if self.variables else {}
        return dict(environment.environment(self.sysroot, self.cpus, self.runner_cpus), **modes, **variables)

    def readings(self) -> dict[str, Any]:
        """Load, temperatures, memory, and what the sensors know beside power."""
        return dict(environment.readings(self.sysroot), sensors=sensors.states(self.sysroot))

    def flags(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
        """The flags of the sensors' states and of the counters among two readings."""
        of_sensors = sensors.flags(before.get("sensors", {}), after.get("sensors", {}))
        return [*of_sensors, *environment.flags(before, after)]

    def frequency_log(self, cpus: Sequence[int], target_id: str) -> FrequencyLog:
        """A log that reads the rates anew each time."""
        return FrequencyLog(lambda: frequencies.reading_khz(self.sysroot, cpus, target_id))

    def watch_contention(self, cpus: Sequence[int], pids: Sequence[int]) -> Callable[[], bool]:
        """Whether others kept `cpus` busy since this call, by the kernel's ticks."""
        return ContentionMeter(self.sysroot, cpus, pids).contaminates

    def processor(self) -> dict[str, Any]:
        """What the kernel tells of the CPUs."""
        return processor(self.sysroot, self.cpus)

    def throttled(self) -> Throttled | None:
        """What this process's own groups count."""
        return throttled(self.sysroot)

    def other_processes(self, pids: Sequence[int]) -> list[int]:
        """Processes of others on the target's GPU."""
        return gpu.other_processes(self.sysroot, self.target_id, pids)

    def device_memory_bytes(self, pid: int) -> int | None:
        """What the driver counts for the process."""
        return gpu.memory_bytes(self.sysroot, self.target_id, pid)

    def suspended_s(self) -> float:
        """Seconds of sleep since the boot."""
        return environment.suspended_s()

    def sampler_request(self) -> dict[str, Any]:
        """The same for all real sensors."""
        return {}

    def runner_request(self) -> dict[str, Any]:
        """The same for all real runtimes."""
        return {}

    def write_truth(self) -> None:
        """Nobody knows it."""
