"""The messages between the command and the collector. In a message 0 or "" stands for an absent wall time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from paretofleet_proto.v1 import control_pb2 as pb

from paretofleet_collector.model.entities import DevicePlan, Refusal, SensorInfo
from paretofleet_collector.model.run_time import Span
from paretofleet_collector.model.views import (
    ConfigurationState,
    DeviceView,
    FilePart,
    PlannedView,
    PlanView,
    RunningNow,
    SweepDetail,
    SweepProgress,
    SweepView,
)


def _optional(message: Any, name: str) -> Any:
    return getattr(message, name) if message.HasField(name) else None


def device_to_proto(device: DeviceView) -> pb.Device:
    """`device` as a message."""
    return pb.Device(
        device_id=device.device_id,
        name=device.name,
        device_class=device.device_class,
        state=device.state,
        labels=dict(device.labels),
        targets=device.targets,
        runtimes=device.runtimes,
        sensors=[
            pb.DeviceSensor(source=sensor.source, rail=sensor.rail, scope=sensor.scope, kind=sensor.kind)
            for sensor in device.sensors
        ],
        simulated=device.simulated,
        agent_version=device.agent_version,
        last_seen_unix_s=device.last_seen_unix_s or 0.0,
        running=device.running,
        pool=device.pool,
        identity=device.identity,
        queue=device.queue,
        environment_json=device.environment_json,
    )


def device_from_proto(message: pb.Device) -> DeviceView:
    """The device in a `message`."""
    return DeviceView(
        device_id=message.device_id,
        name=message.name,
        device_class=message.device_class,
        state=message.state,
        labels=dict(message.labels),
        targets=tuple(message.targets),
        runtimes=tuple(message.runtimes),
        sensors=tuple(
            SensorInfo(sensor.source, sensor.rail, sensor.scope, sensor.kind) for sensor in message.sensors
        ),
        simulated=message.simulated,
        agent_version=message.agent_version,
        last_seen_unix_s=message.last_seen_unix_s or None,
        running=message.running,
        pool=message.pool,
        identity=message.identity,
        queue=tuple(message.queue),
        environment_json=message.environment_json,
    )


def planned_to_proto(planned: PlannedView) -> pb.PlannedConfiguration:
    """A `planned` configuration as a message."""
    return pb.PlannedConfiguration(
        configuration_id=planned.configuration_id,
        device=planned.device,
        model=planned.model,
        variant=planned.variant,
        target=planned.target,
        runtime=planned.runtime,
        precision=planned.precision,
        batch_size=planned.batch_size,
        threads=planned.threads,
        mode=planned.mode,
        fed=planned.fed,
    )


def planned_from_proto(message: pb.PlannedConfiguration) -> PlannedView:
    """The planned configuration in a `message`."""
    return PlannedView(
        configuration_id=message.configuration_id,
        device=message.device,
        model=message.model,
        variant=message.variant,
        target=message.target,
        runtime=message.runtime,
        precision=message.precision,
        batch_size=message.batch_size,
        threads=_optional(message, "threads"),
        mode=message.mode,
        fed=message.fed,
    )


def refusals_to_proto(refusals: Iterable[Refusal]) -> list[pb.Refusal]:
    """`refusals` as messages."""
    return [pb.Refusal(what=refusal.combination, why=refusal.why) for refusal in refusals]


def refusals_from_proto(messages: Iterable[pb.Refusal]) -> tuple[Refusal, ...]:
    """The refusals in `messages`."""
    return tuple(Refusal(message.what, message.why) for message in messages)


def plan_to_proto(plan: PlanView) -> pb.PlanSweepReply:
    """`plan` as a message."""
    return pb.PlanSweepReply(
        configurations=[planned_to_proto(planned) for planned in plan.configurations],
        devices=[
            pb.DevicePlan(
                device=device.device,
                configurations=device.configurations,
                runs_min=device.runs_min,
                runs_max=device.runs_max,
                seconds_min=device.seconds_min,
                seconds_max=device.seconds_max,
                likely=_span_to_proto(device.likely),
            )
            for device in plan.devices
        ],
        refusals=refusals_to_proto(plan.refusals),
        missing=plan.missing,
        unmade=plan.unmade,
    )


def plan_from_proto(message: pb.PlanSweepReply) -> PlanView:
    """The plan in a `message`."""
    return PlanView(
        configurations=tuple(planned_from_proto(planned) for planned in message.configurations),
        devices=tuple(
            DevicePlan(
                device.device,
                device.configurations,
                device.runs_min,
                device.runs_max,
                device.seconds_min,
                device.seconds_max,
                _span_from_proto(device, "likely"),
            )
            for device in message.devices
        ),
        refusals=refusals_from_proto(message.refusals),
        missing=message.missing,
        unmade=tuple(message.unmade),
    )


def sweep_to_proto(sweep: SweepView) -> pb.Sweep:
    """`sweep` as a message."""
    return pb.Sweep(
        sweep_id=sweep.sweep_id,
        name=sweep.name,
        state=sweep.state,
        configurations=sweep.configurations,
        runs=sweep.runs,
        runs_by_state=dict(sweep.runs_by_state),
        created_unix_s=sweep.created_unix_s,
        ended_unix_s=sweep.ended_unix_s or 0.0,
        devices=sweep.devices,
        notes=sweep.notes,
        note=sweep.note,
        labels=sweep.labels,
        paused_unix_s=sweep.paused_unix_s or 0.0,
        paused_by=sweep.paused_by,
    )


def sweep_from_proto(message: pb.Sweep) -> SweepView:
    """The sweep in a `message`."""
    return SweepView(
        sweep_id=message.sweep_id,
        name=message.name,
        state=message.state,
        configurations=message.configurations,
        runs=message.runs,
        runs_by_state=dict(message.runs_by_state),
        created_unix_s=message.created_unix_s,
        ended_unix_s=message.ended_unix_s or None,
        devices=tuple(message.devices),
        notes=tuple(message.notes),
        note=message.note,
        labels=tuple(message.labels),
        paused_unix_s=message.paused_unix_s or None,
        paused_by=message.paused_by,
    )


def sweep_detail_to_proto(detail: SweepDetail) -> pb.ShowSweepReply:
    """The `detail` of a sweep as a message."""
    return pb.ShowSweepReply(
        sweep=sweep_to_proto(detail.sweep),
        configurations=[
            pb.ConfigurationState(
                configuration=planned_to_proto(state.configuration),
                runs_by_state=dict(state.runs_by_state),
                reason=state.reason,
                message=state.message,
            )
            for state in detail.configurations
        ],
        spec_json=detail.spec_json,
    )


def sweep_detail_from_proto(message: pb.ShowSweepReply) -> SweepDetail:
    """The detail of a sweep in a `message`."""
    return SweepDetail(
        sweep=sweep_from_proto(message.sweep),
        configurations=tuple(
            ConfigurationState(
                planned_from_proto(state.configuration),
                dict(state.runs_by_state),
                state.reason,
                state.message,
            )
            for state in message.configurations
        ),
        spec_json=message.spec_json,
    )


def sweep_progress_to_proto(progress: SweepProgress) -> pb.SweepProgress:
    """The `progress` of a watched sweep as a message."""
    return pb.SweepProgress(
        sweep=sweep_to_proto(progress.sweep),
        running=[
            pb.RunningNow(
                device=running.device,
                what=running.configuration,
                phase=running.phase,
                iterations=running.iterations,
            )
            for running in progress.running
        ],
        seconds_left=None if progress.left is None else progress.left.seconds,
        event=progress.event,
        left=_span_to_proto(progress.left),
    )


def sweep_progress_from_proto(message: pb.SweepProgress) -> SweepProgress:
    """The progress of a watched sweep in a `message`."""
    return SweepProgress(
        sweep=sweep_from_proto(message.sweep),
        running=tuple(
            RunningNow(running.device, running.what, running.phase, running.iterations)
            for running in message.running
        ),
        left=_span_from_proto(message, "left"),
        event=message.event,
    )


def _span_to_proto(span: Span | None) -> pb.Span | None:
    return None if span is None else pb.Span(seconds=span.seconds, least_s=span.least_s, most_s=span.most_s)


def _span_from_proto(message: Any, name: str) -> Span | None:
    """The span in the field `name` of a `message`; None where it is absent."""
    if not message.HasField(name):
        return None
    span = getattr(message, name)
    return Span(span.seconds, span.least_s, span.most_s)


def file_part_to_proto(part: FilePart) -> pb.FilePart:
    """A `part` of a file as a message."""
    return pb.FilePart(path=part.path, data=part.data, is_last=part.is_last, sha256=part.sha256)


def file_part_from_proto(message: pb.FilePart) -> FilePart:
    """The part of a file in a `message`."""
    return FilePart(message.path, message.data, message.is_last, message.sha256)
