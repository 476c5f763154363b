"""The messages between agents and the collector."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from paretofleet_proto.v1 import fleet_pb2 as pb

from paretofleet_collector.model.entities import (
    AttemptEnd,
    AttemptKey,
    Chunk,
    Grant,
    Inventory,
    RuntimeInfo,
    SensorInfo,
    Target,
)
from paretofleet_collector.model.messages import (
    AttemptStatus,
    Heartbeat,
    Hello,
    Join,
    LeaseReply,
    LiveReading,
    Session,
    UploadReply,
    Welcome,
)
from paretofleet_collector.model.run_limits import Limits


def session_from_proto(message: pb.Session) -> Session:
    """Who speaks, by a `message`."""
    return Session(message.device_id, message.instance, message.session_id, message.uploads_only)


def attempt_from_proto(message: pb.AttemptRef) -> AttemptKey:
    """The attempt that a `message` names."""
    return AttemptKey(message.run_id, message.attempt)


def attempt_to_proto(key: AttemptKey) -> pb.AttemptRef:
    """The message that names the attempt `key`."""
    return pb.AttemptRef(run_id=key.run_id, attempt=key.attempt)


def join_from_proto(message: pb.JoinRequest) -> Join:
    """The device that registers by a `message`."""
    return Join(message.device_id, message.name, message.device_class, dict(message.labels))


def hello_from_proto(message: pb.HelloRequest) -> Hello:
    """The opening of a session in a `message`."""
    return Hello(
        session=session_from_proto(message.session),
        boot_id=message.boot_id,
        agent_version=message.agent_version,
        wire_version=message.wire_version,
        inventory=_inventory_from_proto(message.inventory, message.wire_version),
        held=tuple(attempt_from_proto(attempt) for attempt in message.held),
        labels=dict(message.labels),
        device_class=message.device_class,
        may_reboot=message.may_reboot,
        machine=message.machine[:64],
        collector_id=message.collector_id,
    )


def _inventory_from_proto(message: pb.Inventory, wire_version: int) -> Inventory:
    return Inventory(
        targets=tuple(
            Target(target.target_id, target.alias, target.description) for target in message.targets
        ),
        runtimes=tuple(
            RuntimeInfo(runtime.name, runtime.version, tuple(runtime.target_ids))
            for runtime in message.runtimes
        ),
        sensors=tuple(
            SensorInfo(sensor.source, sensor.rail, sensor.scope, sensor.kind) for sensor in message.sensors
        ),
        memory_bytes=message.memory_bytes or None,
        cpus=tuple(message.cpus),
        architecture=message.architecture,
        simulated=message.simulated,
        wire_version=wire_version,
        environment_json=message.environment_json,
        isa=tuple(message.isa),
    )


def welcome_to_proto(welcome: Welcome) -> pb.HelloReply:
    """The answer to a hello, `welcome`, as a message."""
    return pb.HelloReply(
        collector_version=welcome.collector_version,
        collector_id=welcome.collector_id,
        heartbeat_s=welcome.heartbeat_s,
        window_chunks=welcome.window_chunks,
        batch_chunks=welcome.batch_chunks,
        held=attempt_statuses_to_proto(welcome.held),
    )


def attempt_statuses_to_proto(statuses: Iterable[AttemptStatus]) -> list[pb.HeldAttempt]:
    """What to do with attempts and where their streams go on, by `statuses`, as messages."""
    return [
        pb.HeldAttempt(
            attempt=attempt_to_proto(status.key),
            state=pb.HeldAttempt.State.Name(status.state.value),
            marks=[pb.StreamMark(stream=stream, next_seq=seq) for stream, seq in status.marks.items()],
        )
        for status in statuses
    ]


def heartbeat_from_proto(message: pb.ProgressRequest) -> Heartbeat:
    """The heartbeat in a `message`."""
    return Heartbeat(
        session=session_from_proto(message.session),
        held=tuple(attempt_from_proto(attempt) for attempt in message.held),
        running=attempt_from_proto(message.running) if message.HasField("running") else None,
        phase=message.phase,
        iterations=message.iterations,
        live=LiveReading(
            message.power_w if message.HasField("power_w") else None,
            message.power_scope,
            message.temperature_c if message.HasField("temperature_c") else None,
        ),
    )


def lease_reply_to_proto(reply: LeaseReply) -> pb.LeaseReply:
    """A grant, or when to ask again: the `reply` as a message."""
    message = pb.LeaseReply(ask_again_s=reply.ask_again_s, reboot=reply.reboot)
    if reply.grant is not None:
        message.grant.CopyFrom(_grant_to_proto(reply.grant))
    return message


def _grant_to_proto(grant: Grant) -> pb.Grant:
    configuration = grant.planned.configuration
    return pb.Grant(
        attempt=attempt_to_proto(grant.key),
        sweep_id=grant.sweep_id,
        sweep_name=grant.sweep_name,
        configuration_id=configuration.configuration_id,
        configuration_json=configuration.canonical_json,
        block=grant.block,
        limits=_limits_to_proto(grant.limits),
        artifact=pb.Artifact(
            sha256=grant.artifact.sha256,
            size_bytes=grant.artifact.size_bytes,
            name=f"{grant.artifact.model}.onnx",
            is_private=grant.artifact.is_private,
        ),
        seed=grant.seed,
        lease_s=grant.lease_s,
        inputs=[
            pb.Artifact(sha256=file.sha256, size_bytes=file.size_bytes, name=file.name)
            for file in grant.inputs
        ],
    )


def _limits_to_proto(limits: Limits) -> pb.Limits:
    return pb.Limits(
        warm_up_min_s=limits.warm_up_min_s,
        warm_up_min_iterations=limits.warm_up_min_iterations,
        warm_up_max_s=limits.warm_up_max_s,
        warm_up_max_iterations=limits.warm_up_max_iterations,
        iterations_min=limits.iterations_min,
        iterations_max=limits.iterations_max,
        window_min_s=limits.window_min_s,
        block_s=limits.block_s,
        idle_s=limits.idle_s,
        timeout_s=limits.timeout_s,
        is_short=limits.is_short,
        cool_max_s=limits.cool_max_s,
        window_floor_s=limits.window_floor_s,
    )


def chunk_from_proto(message: pb.Chunk) -> Chunk:
    """The chunk in a `message`, unchecked."""
    return Chunk(
        key=attempt_from_proto(message.attempt),
        stream=message.stream,
        seq=message.seq,
        schema=message.schema,
        n=message.n,
        columns=message.columns,
        crc32=message.crc32,
    )


def attempt_end_from_proto(message: pb.AttemptEnd) -> AttemptEnd:
    """The end of an attempt in a `message`, unchecked."""
    return AttemptEnd(
        key=attempt_from_proto(message.attempt),
        chunks=dict(message.chunks),
        ok=message.ok,
        reason=message.reason,
        message=message.message,
        facts_json=message.facts_json,
        crc32=message.crc32 if message.HasField("crc32") else None,
        interrupted=message.interrupted,
    )


def upload_reply_to_proto(reply: UploadReply) -> pb.UploadReply:
    """What became of a chunk or an end: the `reply` as a message."""
    return pb.UploadReply(
        attempt=attempt_to_proto(reply.key),
        stream=reply.stream,
        seq=reply.seq,
        verdict=reply.verdict.name,
        next_seq=reply.next_seq,
        message=reply.message,
        committed=reply.committed,
    )


def model_part_to_wire(data: bytes) -> bytes:
    """The ModelPart of the bytes `data`, encoded; protobuf would touch 2 MB of fresh memory for each MB."""
    return _model_part_head(len(data)) + data


@lru_cache(maxsize=8)
def _model_part_head(size: int) -> bytes:
    """What stands before `size` bytes of data, which are a ModelPart's only and last field."""
    message = pb.ModelPart(data=bytes(size)).SerializeToString()
    return message[: len(message) - size]
