"""What this device has: targets, runtimes, sensors; for what is absent why, and the fix."""

from __future__ import annotations

import contextlib
import platform
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Callable, ContextManager, Iterator, Mapping

from paretofleet_agent import simulate as simulation
from paretofleet_agent.device.device import DeviceUnderTest, allowed_cpus, split_cpus
from paretofleet_agent.device.runtimes import CPU, gpus, look_for_runtimes
from paretofleet_agent.device.simulated_host import open_simulated_host
from paretofleet_agent.hardware import environment
from paretofleet_agent.model import Inventory, RuntimeInfo, SensorInfo, Target
from paretofleet_agent.power import characterise
from paretofleet_agent.sensors import NO_SETTINGS, FindResult, find_all
from paretofleet_agent.simulate.power import rail_of

#: Who waited for the host lock for less than this did not wait: a meter's lines are as fresh as they were.
AT_ONCE_S = 0.5


def look(
    sysroot: Path,
    simulate: str | None,
    seed: int,
    runtimes: Mapping[str, str],
    *,
    truth_path: Path | None = None,
    sensor_settings: Mapping[str, str] = NO_SETTINGS,
    home: Path | None = None,
    alone: Callable[[], ContextManager[object]] = contextlib.nullcontext,
) -> DeviceUnderTest:
    """Looks at the device. `runtimes` maps a runtime to its interpreter; the others use this interpreter.

    `truth_path` takes the truth of simulated runs. `sensor_settings` is [sensors] of agent.ini. With a `home`
    the sensors of this machine are measured, about 20 s each once after a boot, and remembered there. That
    keeps CPUs busy, so it is done within `alone()`, which holds the host lock where the caller does not.
    Raises `errors.ConfigError` for an unknown class, and what `alone` raises.
    """
    if simulate is not None:
        return _simulated(sysroot, simulate, seed, runtimes, truth_path)
    cpus = allowed_cpus()
    housekeeping, runner_cpus = split_cpus(cpus)
    targets = (Target(target_id=CPU, alias=CPU, description=environment.cpu_model(sysroot)), *gpus(sysroot))
    found, absent = look_for_runtimes(runtimes, targets)
    measured: characterise.Facts | None = {}
    with _opened(sysroot, sensor_settings) as (sensors, missing):
        rails = [rail.info for sensor in sensors for rail in sensor.rails()]
        if home is not None and sysroot.resolve() == Path("/"):
            measured = characterise.remembered(home, sysroot, sensors)
        if home is not None and measured is None:
            begin_s = time.monotonic()
            with alone():
                if time.monotonic() - begin_s < AT_ONCE_S:
                    measured = characterise.of_device(home, sysroot, sensors, len(cpus))
    if home is not None and measured is None:
        # Opened again: while we waited, a meter went on talking, or another agent let go of it.
        with alone(), _opened(sysroot, sensor_settings) as (sensors, missing):
            rails = [rail.info for sensor in sensors for rail in sensor.rails()]
            measured = characterise.of_device(home, sysroot, sensors, len(cpus))
    inventory = Inventory(
        targets=targets,
        runtimes=found,
        sensors=tuple(rails),
        memory_bytes=environment.memory_bytes(sysroot),
        cpus=cpus,
        architecture=platform.machine(),
        simulated=False,
    )
    return DeviceUnderTest(
        inventory=inventory,
        absent=(*absent, *missing),
        sysroot=sysroot,
        seed=seed,
        interpreters=dict(runtimes),
        housekeeping_cpu=housekeeping,
        runner_cpus=runner_cpus,
        sensor_settings=dict(sensor_settings),
        sensor_facts=measured or {},
    )


def as_json(device: DeviceUnderTest) -> dict[str, Any]:
    """The device as JSON-ready values."""
    return {
        "inventory": asdict(device.inventory),
        "absent": [absent.as_json() for absent in device.absent],
        "housekeeping_cpu": device.housekeeping_cpu,
        "runner_cpus": list(device.runner_cpus),
        "simulate": device.simulate,
        "sensor_facts": {name: dict(facts) for name, facts in device.sensor_facts.items()},
        "environment": _environment(device),
    }


def describe(device: DeviceUnderTest) -> str:
    """The device in lines for people."""
    inventory = device.inventory
    lines = [("target", f"{target.alias}  {target.description}".rstrip()) for target in inventory.targets]
    lines += [
        ("runtime", f"{runtime.name} {runtime.version} on {', '.join(runtime.target_ids)}")
        for runtime in inventory.runtimes
    ]
    lines += [
        ("sensor", f"{sensor.source}/{sensor.rail}  {sensor.scope}, {sensor.kind}{_measured(device, sensor)}")
        for sensor in inventory.sensors
    ]
    if not inventory.sensors:
        lines.append(("sensor", "none: this device has no power sensor, so no energy is measured"))
    for absent in device.absent:
        lines.append(("absent", f"{absent.name}: {absent.why}"))
        if absent.fix:
            lines.append(("", f"fix: {absent.fix}"))
    runner = ", ".join(map(str, device.runner_cpus))
    lines.append(("CPUs", f"{runner} for runners, {device.housekeeping_cpu} for the agent and its sampler"))
    lines.append(("memory", f"{inventory.memory_bytes / 1e9:.1f} GB"))
    lines += [(key, str(value)) for key, value in _environment(device).items()]
    width = max(len(key) for key, _ in lines)
    return "\n".join(f"{key:<{width}}  {value}" for key, value in lines)


@contextlib.contextmanager
def _opened(sysroot: Path, settings: Mapping[str, str]) -> Iterator[FindResult]:
    """The sensors, open for as long as this lasts, and what is absent."""
    sensors, absent = find_all(sysroot, settings)
    try:
        yield sensors, absent
    finally:
        for sensor in sensors:
            sensor.close()


def _measured(device: DeviceUnderTest, sensor: SensorInfo) -> str:
    """What was measured of a sensor's refreshes, in words."""
    facts = device.sensor_facts.get(f"power:{sensor.source}/{sensor.rail}")
    if facts is None:
        return ""
    period_s, flags = facts["period_s"], list(facts["flags"])
    refresh = "refresh unknown" if period_s is None else f"refreshed every {period_s * 1e3:.3g} ms"
    return ", ".join(["", refresh, *flags])


def _environment(device: DeviceUnderTest) -> dict[str, Any]:
    if device.simulate is not None:
        return simulation.environment(device.simulate)
    return environment.environment(device.sysroot, device.inventory.cpus)


def _simulated(
    sysroot: Path, name: str, seed: int, runtimes: Mapping[str, str], truth_path: Path | None
) -> DeviceUnderTest:
    kind = simulation.device_class(name)
    cpus = tuple(range(kind.cores))
    housekeeping, runner_cpus = split_cpus(cpus)
    inventory = Inventory(
        targets=(Target(target_id=CPU, alias=CPU, description=kind.description),),
        runtimes=(RuntimeInfo(name="onnxruntime", version=simulation.VERSION, target_ids=(CPU,)),),
        sensors=(rail_of(kind.sensor).info,),
        memory_bytes=kind.memory_bytes,
        cpus=cpus,
        architecture="simulated",
        simulated=True,
    )
    return DeviceUnderTest(
        inventory=inventory,
        sysroot=sysroot,
        seed=seed,
        simulate=name,
        interpreters=dict(runtimes),
        housekeeping_cpu=housekeeping,
        runner_cpus=runner_cpus,
        truth_path=truth_path,
        open_host=open_simulated_host,
    )
