"""How long a sweep takes each device, as its protocol and the time limits give it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from paretofleet_collector.model.entities import Device, DevicePlan, PlannedConfiguration
from paretofleet_collector.model.run_time import PastTime, Span
from paretofleet_collector.planning.guess import Work, likely_span, mean_times
from paretofleet_collector.planning.protocols import Protocol, protocol_of
from paretofleet_collector.planning.specification import Spec


def device_plans(
    spec: Spec,
    devices: Sequence[Device],
    configurations: Sequence[PlannedConfiguration],
    macs: Mapping[str, int | None],
    past: Sequence[PastTime] = (),
) -> Iterator[DevicePlan]:
    """For each of the `devices` that has any of the `configurations`: how many runs, how many seconds.

    Protocol and repeats are those of `spec`. `macs`: multiply-accumulates of an item, by the SHA-256 of a
    variant. `past`: what runs took in earlier sweeps.
    """
    protocol, repeats = protocol_of(spec.protocol, spec.timeout_s), spec.repeats
    for device in devices:
        planned = [each for each in configurations if each.configuration.device_id == device.device_id]
        count = len(planned)
        if not count:
            continue
        kinds = {sensor.kind for sensor in device.inventory.sensors}
        beside_s = protocol.block_seconds(kinds)
        works = []
        for each in planned:
            configuration = each.configuration
            slow = _is_jetson(device) or configuration.target_id != "cpu"
            least_s = protocol.run_seconds(kinds, wakes_slowly=slow, period_s=configuration.period_s or 0.0)
            items = protocol.iterations_min * configuration.batch_size
            if spec.data:  # an evaluation takes each item of the set once, whatever the protocol asks for
                least_s, items = 0.0, spec.data.get("n", items)
            works.append(
                Work(each.configuration_id, least_s, _times(macs.get(configuration.variant_sha256), items))
            )
        block_s = beside_s + sum(work.least_s for work in works)
        yield DevicePlan(
            device=device.name,
            configurations=count,
            runs_min=count * repeats.runs_min,
            runs_max=count * repeats.runs_max,
            seconds_min=repeats.runs_min * block_s,
            seconds_max=count * repeats.runs_max * (protocol.limits.cool_max_s + protocol.limits.timeout_s),
            likely=_likely(works, past, macs, device, protocol).times(repeats.runs_min, beside_s),
        )


def _likely(
    works: Sequence[Work],
    past: Sequence[PastTime],
    macs: Mapping[str, int | None],
    device: Device,
    protocol: Protocol,
) -> Span:
    """The likely time of a block of `works` on the `device`."""
    least_s = min(work.least_s for work in works)
    alike = [
        (
            Work(
                each.configuration_id,
                least_s,
                _times(macs.get(each.variant_sha256), protocol.iterations_min * each.batch_size),
            ),
            each.seconds,
        )
        for each in past
        if (each.device_id, each.protocol) == (device.device_id, protocol.name)
    ]
    return likely_span(works, mean_times(past, device.device_id), alike)


def _times(macs: int | None, items: int) -> float | None:
    return None if macs is None else float(macs) * items


def _is_jetson(device: Device) -> bool:
    """By its class or by a power monitor that only Jetsons have; one without either is planned too short."""
    return device.device_class.startswith("jetson") or any(
        sensor.source == "ina3221" for sensor in device.inventory.sensors
    )
