"""A machine whose runtime, sensors and clock are simulated, as an attempt sees it."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

from paretofleet_agent import simulate
from paretofleet_agent.device.clock import VirtualClock
from paretofleet_agent.device.device import CPU, DeviceUnderTest, Simulation, split_cpus
from paretofleet_agent.device.frequencies import FrequencyLog
from paretofleet_agent.device.host import Host
from paretofleet_agent.hardware import environment
from paretofleet_agent.hardware.cgroups import Throttled
from paretofleet_agent.model import Inventory, Lease, RuntimeInfo, Target
from paretofleet_agent.simulate.power import rail_of


@dataclass(frozen=True)
class SimulatedHost:
    """A simulated device during one run, whose numbers are drawn before; nothing else uses it."""

    simulation: Simulation
    run: simulate.DrawnRun
    clock: VirtualClock
    rest_temperature_c: float | None = simulate.REST_C
    runs_models: bool = False

    def temperature_c(self) -> float | None:
        """Degrees Celsius at this virtual time."""
        return self.run.temperature_c(self.clock.now_ns())

    def boot_id(self) -> str:
        """The one boot of a virtual clock."""
        return simulate.boot_id(self.simulation.device_class, self.simulation.seed)

    def started_unix_s(self) -> float:
        """The label of the virtual start."""
        return simulate.EPOCH_UNIX_S + self.run.start_ns / 1e9

    def environment(self) -> dict[str, Any]:
        """That of the class."""
        return simulate.environment(self.simulation.device_class)

    def readings(self) -> dict[str, Any]:
        """Nothing moves by itself."""
        return {}

    def flags(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
        """Nothing is said of empty readings."""
        del before, after
        return []

    def frequency_log(self, cpus: Sequence[int], target_id: str) -> FrequencyLog:
        """A log that stays empty: there is no clock rate."""
        del cpus, target_id
        return FrequencyLog(dict)

    def watch_contention(self, cpus: Sequence[int], pids: Sequence[int]) -> Callable[[], bool]:
        """Nobody else works here."""
        del cpus, pids
        return lambda: False

    def processor(self) -> dict[str, Any]:
        """Its times are drawn, so nothing bounds them."""
        return {}

    def throttled(self) -> Throttled | None:
        """There is no quota."""
        return None

    def other_processes(self, pids: Sequence[int]) -> list[int]:
        """Nobody else computes here."""
        del pids
        return []

    def device_memory_bytes(self, pid: int) -> int | None:
        """There is no GPU."""
        del pid
        return None

    def suspended_s(self) -> float:
        """Seconds of sleep of the machine that simulates: it runs the same processes."""
        return environment.suspended_s()

    def sampler_request(self) -> dict[str, Any]:
        """The modelled sensor, from this virtual time on."""
        return {"simulate": dict(self.run.sampler, start_ns=self.clock.now_ns())}

    def runner_request(self) -> dict[str, Any]:
        """The modelled runtime, from this virtual time on, on any CPU of this machine."""
        model = dict(self.run.runner, start_ns=self.clock.now_ns())
        return {"runtime": "simulated", "cpus": [], "simulate": model}

    def write_truth(self) -> None:
        """Adds the truth of the run to the file that was asked for."""
        if self.simulation.truth_path is not None:
            with self.simulation.truth_path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(self.run.truth, sort_keys=True) + "\n")


def open_simulated_host(simulation: Simulation, device: DeviceUnderTest, lease: Lease, threads: int) -> Host:
    """The `device` of a `simulation` during a run of `lease` with so many `threads`; raises ConfigError."""
    del device  # its machine lends processes only
    run = simulate.simulate(simulation.device_class, simulation.seed, lease, threads)
    return SimulatedHost(simulation, run, VirtualClock(run.start_ns))


def simulated_device(
    sysroot: Path, simulation: Simulation, interpreters: Mapping[str, str]
) -> DeviceUnderTest:
    """The device that `simulation` makes up; what runs it has the files of `sysroot` and the `interpreters`.

    Raises ConfigError for an unknown class.
    """
    kind = simulate.device_class(simulation.device_class)
    cpus, rail = tuple(range(kind.cores)), rail_of(kind.sensor)
    housekeeping_cpu, runner_cpus = split_cpus(cpus)
    inventory = Inventory(
        targets=(Target(target_id=CPU, alias=CPU, description=kind.description),),
        runtimes=(RuntimeInfo(name="onnxruntime", version=simulate.VERSION, target_ids=(CPU,)),),
        sensors=(rail.info,),
        memory_bytes=kind.memory_bytes,
        cpus=cpus,
        architecture="simulated",
        simulated=True,
    )
    return DeviceUnderTest(
        inventory=inventory,
        sysroot=sysroot,
        simulation=simulation,
        interpreters=dict(interpreters),
        housekeeping_cpu=housekeeping_cpu,
        runner_cpus=runner_cpus,
        rails=(rail.facts(),),
        open_host=functools.partial(open_simulated_host, simulation),
    )
