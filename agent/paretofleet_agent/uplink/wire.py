"""Between the agent's terms and the generated messages: `x_to_proto` and `x_from_proto`, one a message."""

from __future__ import annotations

import json
import re
from typing import Any, Iterable, Mapping, Sequence

from paretofleet_proto.v1 import fleet_pb2 as pb

from paretofleet_agent import __version__
from paretofleet_agent.config import Config
from paretofleet_agent.errors import Refused
from paretofleet_agent.model import (
    Artifact,
    AttemptEnd,
    AttemptKey,
    Chunk,
    Inventory,
    Lease,
    Limits,
    LiveReading,
)
from paretofleet_agent.uplink.ends import end_crc32
from paretofleet_agent.uplink.identity import Identity
from paretofleet_agent.uplink.replies import (
    AttemptState,
    AttemptStatus,
    LeaseReply,
    UploadReply,
    UploadVerdict,
    Welcome,
)

#: The newest number of the protocol in fleet.proto that this agent speaks.
WIRE_VERSION = 5
#: A collector takes no more attempts in one message; the newest go first, older ones when those are gone.
HELD_MAX = 256
#: Nor a longer text about the environment.
ENVIRONMENT_BYTES_MAX = 60_000
#: What may become the name of a folder.
COLLECTOR_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_STATES = {
    pb.HeldAttempt.CURRENT: AttemptState.CURRENT,
    pb.HeldAttempt.SUPERSEDED: AttemptState.SUPERSEDED,
    pb.HeldAttempt.UNKNOWN: AttemptState.UNKNOWN,
}
_VERDICTS = {
    pb.UploadReply.COMMITTED: UploadVerdict.COMMITTED,
    pb.UploadReply.GAP: UploadVerdict.GAP,
    pb.UploadReply.DAMAGED: UploadVerdict.DAMAGED,
    pb.UploadReply.CONFLICT: UploadVerdict.CONFLICT,
    pb.UploadReply.UNKNOWN_ATTEMPT: UploadVerdict.UNKNOWN_ATTEMPT,
    pb.UploadReply.MALFORMED: UploadVerdict.MALFORMED,
}


def join_to_proto(identity: Identity, config: Config) -> pb.JoinRequest:
    """The request for a name in the fleet: `config.name` for the device of `identity`."""
    return pb.JoinRequest(
        device_id=identity.device_id,
        name=config.name,
        device_class=config.device_class,
        labels=dict(config.labels),
    )


def session_to_proto(identity: Identity) -> pb.Session:
    """Who speaks: `identity` as every call carries it."""
    return pb.Session(
        device_id=identity.device_id,
        instance=identity.instance,
        session_id=identity.session_id,
        uploads_only=identity.uploads_only,
    )


def hello_to_proto(
    identity: Identity,
    config: Config,
    inventory: Inventory,
    attempts: Iterable[AttemptKey],
    collector_id: str,
) -> pb.HelloRequest:
    """The request that opens a session: what this device is by `identity` and `config`, its `inventory`, and
    the `attempts` that it still has for the collector `collector_id`, empty for any.
    """
    return pb.HelloRequest(
        session=session_to_proto(identity),
        boot_id=identity.boot_id,
        agent_version=__version__,
        wire_version=WIRE_VERSION,
        inventory=inventory_to_proto(inventory),
        held=[key_to_proto(key) for key in list(attempts)[-HELD_MAX:]],
        labels=dict(config.labels),
        device_class=config.device_class,
        may_reboot=config.allow_reboot,
        machine=identity.machine,
        collector_id=collector_id,
    )


def set_environment(hello: pb.HelloRequest, environment: Mapping[str, Any]) -> None:
    """Puts what stays of the device between runs, its `environment`, into the `hello`, unless it is huge."""
    text = json.dumps(environment, sort_keys=True) if environment else ""
    if len(text) <= ENVIRONMENT_BYTES_MAX:
        hello.inventory.environment_json = text


def welcome_from_proto(reply: pb.HelloReply) -> Welcome:
    """The answer to a hello from `reply`; senseless numbers are replaced by usable ones."""
    return Welcome(
        collector_version=reply.collector_version,
        collector_id=reply.collector_id if COLLECTOR_ID.fullmatch(reply.collector_id) else "",
        heartbeat_s=min(max(reply.heartbeat_s, 0.1), 60.0) if reply.heartbeat_s > 0 else 5.0,
        window_chunks=min(max(reply.window_chunks, 1), 64),
        batch_chunks=min(max(reply.batch_chunks, 1), 64),
        attempts=statuses_from_proto(reply.held),
    )


def progress_to_proto(
    identity: Identity,
    attempts: Iterable[AttemptKey],
    running: AttemptKey | None,
    phase: str,
    iterations: int,
    live: LiveReading,
) -> pb.ProgressRequest:
    """The heartbeat of `identity`: the `attempts` it still has, and of the `running` one, None when idle, the
    `phase` and the `iterations` so far; and the `live` reading.
    """
    return pb.ProgressRequest(
        session=session_to_proto(identity),
        held=[key_to_proto(key) for key in list(attempts)[-HELD_MAX:]],
        running=key_to_proto(running) if running else None,
        phase=phase,
        iterations=iterations,
        power_w=live.power_w,
        power_scope=live.power_scope,
        temperature_c=live.temperature_c,
    )


def statuses_from_proto(attempts: Iterable[pb.HeldAttempt]) -> dict[AttemptKey, AttemptStatus]:
    """The status of each of `attempts`; a state that this version does not know changes nothing."""
    return {
        key_from_proto(attempt.attempt): AttemptStatus(
            _STATES.get(attempt.state, AttemptState.CURRENT),
            {mark.stream: mark.next_seq for mark in attempt.marks},
        )
        for attempt in attempts
    }


def lease_reply_from_proto(reply: pb.LeaseReply) -> LeaseReply:
    """The answer to a request for work from `reply`; a senseless wait is replaced by a usable one.

    Raises Refused when the granted configuration is not JSON.
    """
    if reply.HasField("grant"):
        return LeaseReply(lease_from_proto(reply.grant), 0.0, "")
    return LeaseReply(None, min(max(reply.ask_again_s, 0.05), 60.0), reply.reboot)


def lease_from_proto(grant: pb.Grant) -> Lease:
    """The lease that `grant` gives. Raises Refused when its configuration is not JSON."""
    try:
        configuration = json.loads(grant.configuration_json)
    except ValueError as error:
        raise Refused(
            f"The collector granted configuration {grant.configuration_id}, which is not JSON: "
            "upgrade the older of the two."
        ) from error
    return Lease(
        key=key_from_proto(grant.attempt),
        sweep_name=grant.sweep_name,
        configuration_id=grant.configuration_id,
        configuration=configuration,
        block=grant.block,
        limits=limits_from_proto(grant.limits),
        artifact=artifact_from_proto(grant.artifact),
        seed=grant.seed,
        lease_s=grant.lease_s,
        inputs=tuple(map(artifact_from_proto, grant.inputs)),
    )


def artifact_from_proto(artifact: pb.Artifact) -> Artifact:
    """The file that `artifact` names."""
    return Artifact(artifact.sha256, artifact.size_bytes, artifact.name, artifact.is_private)


def limits_from_proto(limits: pb.Limits) -> Limits:
    """The `limits` of one run."""
    return Limits(
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


def chunks_to_proto(chunks: Sequence[Chunk]) -> pb.UploadRequest:
    """The upload of `chunks`; the stream's first request gets the session beside it.

    One goes alone, as older collectors take it.
    """
    request = pb.UploadRequest()
    is_one = len(chunks) == 1
    for chunk in chunks:
        # Filled in its place: a message that is put into another one is copied with its samples.
        message = request.chunk if is_one else request.chunks.chunks.add()
        message.attempt.run_id = chunk.key.run_id
        message.attempt.attempt = chunk.key.attempt
        message.stream = chunk.stream
        message.seq = chunk.seq
        message.schema = chunk.schema
        message.n = chunk.n
        message.columns = chunk.columns
        message.crc32 = chunk.crc32
    return request


def end_to_proto(end: AttemptEnd) -> pb.UploadRequest:
    """The upload of an attempt's `end`."""
    return pb.UploadRequest(
        end=pb.AttemptEnd(
            attempt=key_to_proto(end.key),
            chunks=dict(end.chunks),
            ok=end.outcome.ok,
            reason=end.outcome.reason,
            message=end.outcome.message,
            facts_json=json.dumps(end.outcome.facts),
            crc32=end_crc32(end),
            interrupted=end.outcome.interrupted,
        )
    )


def upload_reply_from_proto(reply: pb.UploadReply) -> UploadReply:
    """The answer to an upload from `reply`. Raises Refused at a verdict that this version does not know."""
    if reply.verdict not in _VERDICTS:
        raise Refused(
            f"The collector answered an upload with verdict {int(reply.verdict)}, which this agent "
            f"({__version__}) does not know: upgrade the agent."
        )
    return UploadReply(
        key=key_from_proto(reply.attempt),
        stream=reply.stream,
        seq=reply.seq,
        verdict=_VERDICTS[reply.verdict],
        next_seq=reply.next_seq,
        committed=reply.committed,
        message=reply.message,
    )


def key_to_proto(key: AttemptKey) -> pb.AttemptRef:
    """An attempt's `key` on the wire."""
    return pb.AttemptRef(run_id=key.run_id, attempt=key.attempt)


def key_from_proto(attempt: pb.AttemptRef) -> AttemptKey:
    """The key of `attempt`."""
    return AttemptKey(attempt.run_id, attempt.attempt)


def inventory_to_proto(inventory: Inventory) -> pb.Inventory:
    """A device's `inventory`; the wire carries no more of a sensor than what the collector plans by."""
    return pb.Inventory(
        targets=[
            pb.Target(target_id=target.target_id, alias=target.alias, description=target.description)
            for target in inventory.targets
        ],
        runtimes=[
            pb.Runtime(name=runtime.name, version=runtime.version, target_ids=list(runtime.target_ids))
            for runtime in inventory.runtimes
        ],
        sensors=[
            pb.Sensor(source=sensor.source, rail=sensor.rail, scope=sensor.scope, kind=sensor.kind)
            for sensor in inventory.sensors
        ],
        memory_bytes=inventory.memory_bytes,
        cpus=list(inventory.cpus),
        architecture=inventory.architecture,
        simulated=inventory.simulated,
        isa=list(inventory.isa),
    )
