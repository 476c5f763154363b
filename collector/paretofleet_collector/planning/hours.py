"""How long a sweep takes each device, as its protocol and the time limits give it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from paretofleet_collector.model.entities import Device, DevicePlan, PlannedConfiguration
from paretofleet_collector.planning.protocols import protocol_of
from paretofleet_collector.planning.specification import Spec


def device_plans(
    spec: Spec, devices: Sequence[Device], configurations: Sequence[PlannedConfiguration]
) -> Iterator[DevicePlan]:
    """For each of the `devices` that has any of the `configurations`: how many runs, how many seconds.

    Protocol and repeats are those of `spec`.
    """
    protocol, repeats = protocol_of(spec.protocol, spec.timeout_s), spec.repeats
    for device in devices:
        planned = [each for each in configurations if each.configuration.device_id == device.device_id]
        count = len(planned)
        if not count:
            continue
        kinds = {sensor.kind for sensor in device.inventory.sensors}
        block_s = protocol.block_seconds(kinds)
        for each in planned:
            slow = _is_jetson(device) or each.configuration.target_id != "cpu"
            period_s = each.configuration.period_s or 0.0
            block_s += protocol.run_seconds(kinds, wakes_slowly=slow, period_s=period_s)
        yield DevicePlan(
            device=device.name,
            configurations=count,
            runs_min=count * repeats.runs_min,
            runs_max=count * repeats.runs_max,
            seconds_min=repeats.runs_min * block_s,
            seconds_max=count * repeats.runs_max * (protocol.limits.cool_max_s + protocol.limits.timeout_s),
        )


def _is_jetson(device: Device) -> bool:
    """By its class or by a power monitor that only Jetsons have; one without either is planned too short."""
    return device.device_class.startswith("jetson") or any(
        sensor.source == "ina3221" for sensor in device.inventory.sensors
    )
