"""The device as `paretofleet-agent probe` prints it: JSON-ready, or in lines for people."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from paretofleet_agent import simulate
from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.hardware import environment
from paretofleet_agent.model import SensorInfo


def as_json(device: DeviceUnderTest) -> dict[str, Any]:
    """The `device` as JSON-ready values."""
    return {
        "inventory": asdict(device.inventory),
        "absent": [absent.as_json() for absent in device.absent],
        "housekeeping_cpu": device.housekeeping_cpu,
        "runner_cpus": list(device.runner_cpus),
        "simulate": None if device.simulation is None else device.simulation.device_class,
        "sensor_facts": {name: dict(facts) for name, facts in device.sensor_facts.items()},
        "environment": _environment(device),
    }


def describe(device: DeviceUnderTest) -> str:
    """The `device` in lines for people."""
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


def _measured(device: DeviceUnderTest, sensor: SensorInfo) -> str:
    """What was measured of a sensor's refreshes, for people."""
    facts = device.sensor_facts.get(f"power:{sensor.source}/{sensor.rail}")
    if facts is None:
        return ""
    period_s, flags = facts["period_s"], list(facts["flags"])
    refresh = "refresh unknown" if period_s is None else f"refreshed every {period_s * 1e3:.3g} ms"
    return ", ".join(["", refresh, *flags])


def _environment(device: DeviceUnderTest) -> dict[str, Any]:
    if device.simulation is not None:
        return simulate.environment(device.simulation.device_class)
    return environment.environment(device.sysroot, device.inventory.cpus)
