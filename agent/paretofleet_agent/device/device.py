"""The device under test: what was found on it and how its CPUs are shared out."""

from __future__ import annotations

import math
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Mapping

from paretofleet_agent import simulate
from paretofleet_agent.config import VariableSettings
from paretofleet_agent.device.host import Host, RealHost
from paretofleet_agent.hardware import environment
from paretofleet_agent.hardware.boards import is_jetson
from paretofleet_agent.hardware.cgroups import cpu_quota
from paretofleet_agent.hardware.core_types import CoreTypes
from paretofleet_agent.hardware.variables import RunnerVariables, runner_variables
from paretofleet_agent.model import Inventory, Lease, Unavailable

TRTEXEC, CPU, JETSON = "trtexec", "cpu", "jetson"


def open_real_host(device: DeviceUnderTest, lease: Lease, threads: int) -> Host:
    """The machine that `device` is, for an attempt at `lease` with so many `threads`."""
    return RealHost(
        device.sysroot,
        device.inventory.cpus,
        lease.configuration["target_id"],
        runner_cpus=device.cpus_for(threads),
        variables=device.variables.recorded,
    )


@dataclass(frozen=True)
class Simulation:
    """Which class of device is simulated, and the seed from which everything follows.

    `truth_path` takes the truth of its runs as JSON lines; it is for tests and never uploaded.
    """

    device_class: str
    seed: int = 1
    truth_path: Path | None = None


def simulation_of(device_class: str | None, seed: int, truth_path: Path | None = None) -> Simulation | None:
    """The simulation of a `device_class` from its `seed`, with a `truth_path`; None without a class."""
    return None if device_class is None else Simulation(device_class, seed, truth_path)


@dataclass(frozen=True)
class DeviceUnderTest:
    """Everything that `measure` must know about the device it runs on.

    `sysroot` is where /sys, /proc and /etc are read from. `simulation` is None where the device is real.
    `interpreters` maps a runtime to the Python that has it, and `trtexec` to the program. The daemon and the
    sampler keep to `housekeeping_cpu`, runners to `runner_cpus`; on a device with one CPU these are the same.
    `sensor_settings` and `variable_settings` are those of agent.ini; `sensor_facts` is what was measured of
    each stream here, `rails` all that is known of each.
    `open_host` gives the machine as an attempt sees it, from the device, the lease and its threads.
    """

    inventory: Inventory
    sysroot: Path
    housekeeping_cpu: int
    runner_cpus: tuple[int, ...]
    absent: tuple[Unavailable, ...] = ()
    simulation: Simulation | None = None
    interpreters: Mapping[str, str] = field(default_factory=dict)
    open_host: Callable[[DeviceUnderTest, Lease, int], Host] = field(
        default=open_real_host, compare=False, repr=False
    )
    #: The CPUs of each type of core, fastest first; empty where all are alike.
    core_types: CoreTypes = field(default_factory=dict)
    sensor_settings: Mapping[str, str] = field(default_factory=dict)
    sensor_facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rails: tuple[Mapping[str, Any], ...] = ()
    variable_settings: VariableSettings = field(default_factory=VariableSettings)
    #: Where engines of TensorRT are kept that several runs load; None: nowhere.
    engines: Path | None = None
    #: Blocks of sweeps in which the power without a loaded model is known; a device idles once for it.
    cold_idles: set[tuple[str, int]] = field(default_factory=set, compare=False, repr=False)
    #: Degrees Celsius before the first run of a sweep on a target, which later runs wait for.
    start_temperatures_c: dict[tuple[str, str], float] = field(
        default_factory=dict, compare=False, repr=False
    )

    def needs_cold_idle(self, sweep_name: str, block: int) -> bool:
        """Whether this is the first run of a block here, which is noted. Simulated time costs nothing."""
        key = (sweep_name, block)
        is_first = key not in self.cold_idles
        self.cold_idles.add(key)
        return is_first or self.simulation is not None

    @property
    def boot_id(self) -> str:
        """The boot of the machine that runs this agent, which is real even where the device is simulated."""
        return environment.boot_id(self.sysroot)

    @property
    def environment(self) -> dict[str, Any]:
        """What two runs here have in common now, whatever their target and threads."""
        if self.simulation is not None:
            return simulate.environment(self.simulation.device_class)
        recorded = self.variables.recorded
        variables = {"variables": dict(recorded)} if recorded else {}
        return {**environment.environment(self.sysroot, self.inventory.cpus), **variables}

    @property
    def variables(self) -> RunnerVariables:
        """What a runner starts with now, and what of it is part of its environment."""
        return runner_variables(self.sysroot, self.variable_settings)

    @property
    def has_power(self) -> bool:
        """Whether there is a power source, for which guards and idle are spent."""
        return bool(self.inventory.sensors)

    def wakes_slowly(self, target_id: str) -> bool:
        """Whether a target's clocks take a while to rise after idling: a GPU's, and all of a Jetson."""
        if self.simulation is not None:
            return target_id != CPU or self.simulation.device_class.startswith(JETSON)
        return target_id != CPU or is_jetson(self.sysroot)

    def interpreter_of(self, runtime: str) -> str:
        """The Python that drives a runtime: its own, or this one, which also drives `trtexec`."""
        return sys.executable if runtime == TRTEXEC else self.interpreters.get(runtime, sys.executable)

    @property
    def cpu_quota(self) -> float | None:
        """How many CPUs' worth of time this process gets now; None without a limit. A simulation has none."""
        return cpu_quota(self.sysroot) if self.simulation is None else None

    def default_threads(self, quota: float | None) -> int:
        """The threads of a runner that is not asked for a number: one for each of its CPUs, or fewer.

        `quota`: how many CPUs' worth of time there is; more threads would only stop one another.
        """
        threads_max = len(self.runner_cpus)
        return threads_max if quota is None else max(1, min(threads_max, math.floor(quota)))

    def cpus_for(self, threads: int | None) -> tuple[int, ...]:
        """The CPUs of a runner with so many threads; None is one on each.

        Of the fewest types of cores that suffice, the fastest first. All CPUs of the device, with its
        housekeeping CPU, only where the rest do not suffice.
        """
        if threads is not None and threads > len(self.runner_cpus):
            return self.inventory.cpus
        chosen: list[int] = []
        for members in self.core_types.values():
            chosen += [cpu for cpu in self.runner_cpus if cpu in members]
            if threads is not None and threads <= len(chosen):
                return tuple(sorted(chosen))
        return self.runner_cpus


def allowed_cpus() -> tuple[int, ...]:
    """The CPUs that this process may use, in ascending order."""
    return tuple(sorted(os.sched_getaffinity(0)))


def split_cpus(cpus: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """Of `cpus` the highest-numbered, for housekeeping, and the rest for the runner; both the same of one."""
    return cpus[-1], cpus[:-1] or cpus
