"""Finds out what this device has, or makes up what a simulated one has: targets, runtimes, sensors."""

from __future__ import annotations

import contextlib
import platform
from pathlib import Path
from typing import Mapping

from paretofleet_agent.config import VariableSettings
from paretofleet_agent.device.device import DeviceUnderTest, Simulation, allowed_cpus, split_cpus
from paretofleet_agent.device.power_sources import Alone, find_power_sources
from paretofleet_agent.device.runtimes import CPU, find_gpus, find_runtimes
from paretofleet_agent.hardware import environment
from paretofleet_agent.hardware.core_types import core_types
from paretofleet_agent.hardware.processor import processor
from paretofleet_agent.hardware.variables import runner_variables
from paretofleet_agent.model import Inventory, Target
from paretofleet_agent.sensors import NO_SETTINGS

NO_VARIABLES = VariableSettings()


def probe_device(
    sysroot: Path,
    simulation: Simulation | None,
    interpreters: Mapping[str, str],
    *,
    sensor_settings: Mapping[str, str] = NO_SETTINGS,
    variable_settings: VariableSettings = NO_VARIABLES,
    home: Path | None = None,
    alone: Alone = contextlib.nullcontext,
) -> DeviceUnderTest:
    """Probes the device whose files are below `sysroot`, or makes one up by its `simulation`.

    `interpreters` maps a runtime to its Python; the others use this one. `sensor_settings` is [sensors] of
    agent.ini, `variable_settings` what it says of a runner's variables. With a `home` the sensors of this
    machine are measured, about 20 s each once after a boot, and remembered there. That keeps CPUs busy, so it
    is done within `alone()`, which holds the host lock where the caller does not. Raises ConfigError for an
    unknown class, and what `alone` raises.
    """
    if simulation is not None:
        # Not at the top: the daemon of a real device stays lighter without it.
        from paretofleet_agent.device.simulated_host import simulated_device

        return simulated_device(sysroot, simulation, interpreters)
    cpus = allowed_cpus()
    housekeeping_cpu, runner_cpus = split_cpus(cpus)
    cpu = Target(target_id=CPU, alias=CPU, description=environment.cpu_model(sysroot))
    targets = (cpu, *find_gpus(sysroot))
    variables = runner_variables(sysroot, variable_settings)
    runtimes, absent_runtimes = find_runtimes(interpreters, targets, variables.all)
    power = find_power_sources(sysroot, sensor_settings, home, alone)
    inventory = Inventory(
        targets=targets,
        runtimes=runtimes,
        sensors=power.sensors,
        memory_bytes=environment.memory_bytes(sysroot),
        cpus=cpus,
        architecture=platform.machine(),
        simulated=False,
        isa=tuple(processor(sysroot, cpus).get("isa", ())),
    )
    return DeviceUnderTest(
        inventory=inventory,
        absent=(*absent_runtimes, *power.absent),
        sysroot=sysroot,
        interpreters=dict(interpreters),
        housekeeping_cpu=housekeeping_cpu,
        runner_cpus=runner_cpus,
        core_types=core_types(sysroot),
        sensor_settings=dict(sensor_settings),
        variable_settings=variable_settings,
        sensor_facts=power.facts,
        rails=power.rails,
        engines=None if home is None else home / "engines",
    )
