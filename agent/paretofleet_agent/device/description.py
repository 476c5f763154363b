"""The device as `paretofleet-agent probe` prints it: JSON-ready, or in lines for people."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Iterator, Mapping

from paretofleet_agent import terminal
from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.device.energy_sources import energy_sources
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
        "energy": energy_sources(device),
        "environment": device.environment,
    }


def describe(device: DeviceUnderTest, width: int | None = None) -> str:
    """The `device` in lines for people, of at most `width` columns; None folds nothing."""
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
    for sources in energy_sources(device):
        lines += _energy(sources)
    for absent in device.absent:
        lines.append(("absent", f"{absent.name}: {absent.why}"))
        if absent.fix:
            lines.append(("", f"fix: {absent.fix}"))
    runner = ", ".join(map(str, device.runner_cpus))
    lines.append(("CPUs", f"{runner} for runners, {device.housekeeping_cpu} for the agent and its sampler"))
    quota = device.cpu_quota
    if quota is not None:
        threads = device.default_threads(quota)
        lines.append(("threads", f"{threads} by default: a quota allows {quota:.3g} CPUs' worth of time"))
    lines.append(("memory", f"{inventory.memory_bytes / 1e9:.1f} GB"))
    lines += [(key, str(value)) for key, value in device.environment.items()]
    return terminal.facts(lines, width)


def _measured(device: DeviceUnderTest, sensor: SensorInfo) -> str:
    """What was measured of a sensor's refreshes, for people."""
    facts = device.sensor_facts.get(f"power:{sensor.source}/{sensor.rail}")
    if facts is None:
        return ""
    return ", ".join(["", _refresh(facts["period_s"]), *facts["flags"]])


def _energy(sources: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The lines of one target: the rails that speak, then the others by the reason why they do not."""
    if sources["why_none"] is not None:
        yield "energy", f"{sources['target']}: none, because {sources['why_none']}"
    for number, rail in enumerate(sources["rails"]):
        begin = "and" if number else f"{sources['target']}:"
        yield "" if number else "energy", f"{begin} {rail['source']}/{rail['rail']}  {_quality(rail)}"
    rails: dict[str, list[str]] = {}
    for silent in sources["silent"]:
        rails.setdefault(silent["why"], []).append(silent["rail"])
    for why, names in rails.items():
        yield "", f"not {', '.join(names)}: {why}"


def _quality(rail: Mapping[str, Any]) -> str:
    """Scope, refresh and uncertainty of a rail that speaks."""
    gain, noise_w = rail["gain_relative_uncertainty"], rail["noise_w"]
    parts = [
        f"{rail['scope']}, {rail['kind']}",
        _refresh(rail["period_s"]),
        "gain uncertainty unknown" if gain is None else f"gain uncertainty {100 * gain:.3g} %",
    ]
    return ", ".join(parts if noise_w is None else [*parts, f"noise {noise_w:.2g} W"])


def _refresh(period_s: float | None) -> str:
    return "refresh unknown" if period_s is None else f"refreshed every {period_s * 1e3:.3g} ms"
