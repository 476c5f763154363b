"""A machine whose runtime, sensors and clock are simulated, as an attempt sees it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

from paretofleet_agent import simulate
from paretofleet_agent.device.clock import VirtualClock
from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.device.frequencies import FrequencyLog
from paretofleet_agent.device.host import Host
from paretofleet_agent.hardware import environment
from paretofleet_agent.model import Lease


@dataclass(frozen=True)
class SimulatedHost:
    """A device of a simulated class during one run, which is drawn; nothing else uses it.

    `truth_path` takes the truth of the run as a line of JSON, None keeps it from everybody.
    """

    device_class: str
    seed: int
    run: simulate.SimulatedRun
    clock: VirtualClock
    truth_path: Path | None = None
    rest_temperature_c: float | None = simulate.REST_C

    def temperature_c(self) -> float | None:
        """Degrees Celsius at this virtual time."""
        return self.run.temperature_c(self.clock.now_ns())

    def boot_id(self) -> str:
        """The one boot of a virtual clock."""
        return simulate.boot_id(self.device_class, self.seed)

    def started_unix_s(self) -> float:
        """The label of the virtual start."""
        return simulate.EPOCH_UNIX_S + self.run.start_ns / 1e9

    def environment(self) -> dict[str, Any]:
        """That of the class."""
        return simulate.environment(self.device_class)

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
        if self.truth_path is not None:
            with self.truth_path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(self.run.truth, sort_keys=True) + "\n")


def open_simulated_host(device: DeviceUnderTest, lease: Lease, threads: int) -> Host:
    """The simulated `device` during a run of `lease` with so many `threads`; raises ConfigError."""
    device_class = device.simulate or ""
    run = simulate.simulate(device_class, device.seed, lease, threads)
    return SimulatedHost(device_class, device.seed, run, VirtualClock(run.start_ns), device.truth_path)
