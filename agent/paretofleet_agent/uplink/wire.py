"""Between the agent's own words and the generated messages, which only this file and link.py know."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from typing import Iterable, Mapping

from paretofleet_proto.v1 import fleet_pb2 as pb

from paretofleet_agent import __version__
from paretofleet_agent.config import Config
from paretofleet_agent.errors import Refused
from paretofleet_agent.model import Artifact, AttemptEnd, AttemptKey, Chunk, Inventory, Lease, Limits
from paretofleet_agent.uplink.identity import Identity

#: The newest number of the protocol in fleet.proto that this agent speaks.
WIRE_VERSION = 1


class HeldState(enum.Enum):
    """What the collector thinks of an attempt that the agent holds."""

    CURRENT = "current"
    SUPERSEDED = "superseded"
    UNKNOWN = "unknown"


class Verdict(enum.Enum):
    """What became of a chunk or an end that was sent."""

    COMMITTED = "committed"
    GAP = "gap"
    DAMAGED = "damaged"
    CONFLICT = "conflict"
    UNKNOWN_ATTEMPT = "unknown_attempt"
    MALFORMED = "malformed"


@dataclass(frozen=True)
class Held:
    """The collector's word on one attempt; `marks`: the next seq that it expects of each stream."""

    state: HeldState
    marks: Mapping[str, int]


@dataclass(frozen=True)
class Welcome:
    """The collector's answer to a hello."""

    collector_version: str
    heartbeat_s: float
    window_chunks: int
    held: Mapping[AttemptKey, Held]


@dataclass(frozen=True)
class Answer:
    """The collector's answer to a request for work: a run, or when to ask again. `reboot`, not empty: reboot
    the device first, and why.
    """

    lease: Lease | None
    ask_again_s: float
    reboot: str


@dataclass(frozen=True)
class Reply:
    """The collector's answer to one chunk, or to an end when `stream` is empty."""

    key: AttemptKey
    stream: str
    seq: int
    verdict: Verdict
    next_seq: int
    message: str


_STATES = {
    pb.HeldAttempt.CURRENT: HeldState.CURRENT,
    pb.HeldAttempt.SUPERSEDED: HeldState.SUPERSEDED,
    pb.HeldAttempt.UNKNOWN: HeldState.UNKNOWN,
}
_VERDICTS = {getattr(pb.UploadReply, verdict.name): verdict for verdict in Verdict}


def join_request(identity: Identity, config: Config) -> pb.JoinRequest:
    """Asks for a name in the fleet."""
    return pb.JoinRequest(
        device_id=identity.device_id,
        name=config.name,
        device_class=config.device_class,
        labels=dict(config.labels),
    )


def session(identity: Identity) -> pb.Session:
    """Who speaks."""
    return pb.Session(
        device_id=identity.device_id, instance=identity.instance, session_id=identity.session_id
    )


def hello_request(
    identity: Identity, config: Config, inventory: Inventory, held: Iterable[AttemptKey]
) -> pb.HelloRequest:
    """Opens a session: what this device is and has, and the attempts it holds."""
    return pb.HelloRequest(
        session=session(identity),
        boot_id=identity.boot_id,
        agent_version=__version__,
        wire_version=WIRE_VERSION,
        inventory=_inventory(inventory),
        held=[ref(key) for key in held],
        labels=dict(config.labels),
        device_class=config.device_class,
        may_reboot=config.allow_reboot,
    )


def welcome(reply: pb.HelloReply) -> Welcome:
    """Reads a hello's answer; senseless numbers are replaced by usable ones."""
    return Welcome(
        collector_version=reply.collector_version,
        heartbeat_s=min(max(reply.heartbeat_s, 0.1), 60.0) if reply.heartbeat_s > 0 else 5.0,
        window_chunks=min(max(reply.window_chunks, 1), 64),
        held=held_of(reply.held),
    )


def held_of(attempts: Iterable[pb.HeldAttempt]) -> dict[AttemptKey, Held]:
    """Reads the collector's word on attempts; a state that this version does not know changes nothing."""
    return {
        key_of(attempt.attempt): Held(
            _STATES.get(attempt.state, HeldState.CURRENT),
            {mark.stream: mark.next_seq for mark in attempt.marks},
        )
        for attempt in attempts
    }


def lease_of(grant: pb.Grant) -> Lease:
    """Reads a grant. Raises Refused when its configuration is not JSON."""
    try:
        configuration = json.loads(grant.configuration_json)
    except ValueError as error:
        raise Refused(
            f"The collector granted configuration {grant.configuration_id}, which is not JSON: "
            "upgrade the older of the two."
        ) from error
    names = [field.name for field in pb.Limits.DESCRIPTOR.fields]
    return Lease(
        key=key_of(grant.attempt),
        sweep_name=grant.sweep_name,
        configuration_id=grant.configuration_id,
        configuration=configuration,
        block=grant.block,
        limits=Limits(**{name: getattr(grant.limits, name) for name in names if name in _LIMITS}),
        artifact=Artifact(grant.artifact.sha256, grant.artifact.size_bytes, grant.artifact.name),
        seed=grant.seed,
        lease_s=grant.lease_s,
    )


_LIMITS = frozenset(Limits.__dataclass_fields__)


def upload_of_chunk(chunk: Chunk) -> pb.UploadRequest:
    """A chunk on its way."""
    return pb.UploadRequest(
        chunk=pb.Chunk(
            attempt=ref(chunk.key),
            stream=chunk.stream,
            seq=chunk.seq,
            schema=chunk.schema,
            n=chunk.n,
            columns=chunk.columns,
            crc32=chunk.crc32,
        )
    )


def upload_of_end(end: AttemptEnd) -> pb.UploadRequest:
    """An end on its way."""
    return pb.UploadRequest(
        end=pb.AttemptEnd(
            attempt=ref(end.key),
            chunks=dict(end.chunks),
            ok=end.outcome.ok,
            reason=end.outcome.reason,
            message=end.outcome.message,
            facts_json=json.dumps(end.outcome.facts),
        )
    )


def reply_of(reply: pb.UploadReply) -> Reply:
    """Reads an upload's answer. Raises Refused at a verdict that this version does not know."""
    if reply.verdict not in _VERDICTS:
        raise Refused(
            f"The collector answered an upload with verdict {int(reply.verdict)}, which this agent "
            f"({__version__}) does not know: upgrade the agent."
        )
    verdict = _VERDICTS[reply.verdict]
    return Reply(key_of(reply.attempt), reply.stream, reply.seq, verdict, reply.next_seq, reply.message)


def answer_of(reply: pb.LeaseReply) -> Answer:
    """Reads the answer to a request for work; a senseless wait is replaced by a usable one."""
    if reply.HasField("grant"):
        return Answer(lease_of(reply.grant), 0.0, "")
    return Answer(None, min(max(reply.ask_again_s, 0.05), 60.0), reply.reboot)


def ref(key: AttemptKey) -> pb.AttemptRef:
    """An attempt's name on the wire."""
    return pb.AttemptRef(run_id=key.run_id, attempt=key.attempt)


def key_of(attempt: pb.AttemptRef) -> AttemptKey:
    """An attempt's name here."""
    return AttemptKey(attempt.run_id, attempt.attempt)


def _inventory(inventory: Inventory) -> pb.Inventory:
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
    )
