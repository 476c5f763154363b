"""Between the messages of the wire and the collector's own words; nothing else happens here."""

from __future__ import annotations

from collections.abc import Iterable

from paretofleet_proto.v1 import control_pb2 as control
from paretofleet_proto.v1 import fleet_pb2 as fleet

from paretofleet_collector.lifecycle.notes import ConfigurationState
from paretofleet_collector.model.entities import (
    AttemptEnd,
    AttemptKey,
    Chunk,
    Device,
    Grant,
    Inventory,
    PlannedConfiguration,
    Refusal,
    RuntimeInfo,
    SensorInfo,
    Sweep,
    Target,
    Variant,
)
from paretofleet_collector.model.messages import Answer, Held, Hello, Join, Leased, Progress, Session, Welcome
from paretofleet_collector.planning.expansion import Plan
from paretofleet_collector.service.catalogue import NewModel
from paretofleet_collector.service.sweeps import SweepProgress


def session_of(message: fleet.Session) -> Session:
    """Who speaks."""
    return Session(message.device_id, message.instance, message.session_id)


def key_of(message: fleet.AttemptRef) -> AttemptKey:
    """An attempt's key."""
    return AttemptKey(message.run_id, message.attempt)


def ref(key: AttemptKey) -> fleet.AttemptRef:
    """An attempt's key as a message."""
    return fleet.AttemptRef(run_id=key.run_id, attempt=key.attempt)


def join_of(message: fleet.JoinRequest) -> Join:
    """A device that registers."""
    return Join(message.device_id, message.name, message.device_class, dict(message.labels))


def hello_of(message: fleet.HelloRequest) -> Hello:
    """The opening of a session."""
    inventory = message.inventory
    return Hello(
        session=session_of(message.session),
        boot_id=message.boot_id,
        agent_version=message.agent_version,
        wire_version=message.wire_version,
        inventory=Inventory(
            targets=tuple(Target(one.target_id, one.alias, one.description) for one in inventory.targets),
            runtimes=tuple(
                RuntimeInfo(one.name, one.version, tuple(one.target_ids)) for one in inventory.runtimes
            ),
            sensors=tuple(SensorInfo(one.source, one.rail, one.scope, one.kind) for one in inventory.sensors),
            memory_bytes=inventory.memory_bytes or None,
            cpus=tuple(inventory.cpus),
            architecture=inventory.architecture,
            simulated=inventory.simulated,
        ),
        held=tuple(key_of(one) for one in message.held),
        labels=dict(message.labels),
        device_class=message.device_class,
        may_reboot=message.may_reboot,
    )


def welcome(answer: Welcome) -> fleet.HelloReply:
    """The answer to a hello."""
    return fleet.HelloReply(
        collector_version=answer.collector_version,
        collector_id=answer.collector_id,
        heartbeat_s=answer.heartbeat_s,
        window_chunks=answer.window_chunks,
        held=held(answer.held),
    )


def held(attempts: Iterable[Held]) -> list[fleet.HeldAttempt]:
    """What to do with attempts, and where to go on."""
    return [
        fleet.HeldAttempt(
            attempt=ref(one.key),
            state=fleet.HeldAttempt.State.Name(one.state.value),
            marks=[fleet.StreamMark(stream=stream, next_seq=seq) for stream, seq in one.marks.items()],
        )
        for one in attempts
    ]


def progress_of(message: fleet.ProgressRequest) -> Progress:
    """A heartbeat."""
    return Progress(
        session=session_of(message.session),
        held=tuple(key_of(one) for one in message.held),
        running=key_of(message.running) if message.HasField("running") else None,
        phase=message.phase,
        iterations=message.iterations,
    )


def leased(answer: Leased) -> fleet.LeaseReply:
    """A grant, or when to ask again."""
    reply = fleet.LeaseReply(ask_again_s=answer.ask_again_s, reboot=answer.reboot)
    if answer.grant is not None:
        reply.grant.CopyFrom(_grant(answer.grant))
    return reply


def _grant(grant: Grant) -> fleet.Grant:
    configuration = grant.planned.configuration
    return fleet.Grant(
        attempt=ref(grant.key),
        sweep_id=grant.sweep_id,
        sweep_name=grant.sweep_name,
        configuration_id=configuration.configuration_id,
        configuration_json=configuration.canonical_json,
        block=grant.block,
        limits=fleet.Limits(**vars(grant.limits)),
        artifact=fleet.Artifact(
            sha256=grant.artifact.sha256,
            size_bytes=grant.artifact.size_bytes,
            name=f"{grant.artifact.model}.onnx",
        ),
        seed=grant.seed,
        lease_s=grant.lease_s,
    )


def chunk_of(message: fleet.Chunk) -> Chunk:
    """A chunk as it came."""
    return Chunk(
        key=key_of(message.attempt),
        stream=message.stream,
        seq=message.seq,
        schema=message.schema,
        n=message.n,
        columns=message.columns,
        crc32=message.crc32,
    )


def end_of(message: fleet.AttemptEnd) -> AttemptEnd:
    """An attempt's end as it came."""
    return AttemptEnd(
        key=key_of(message.attempt),
        chunks=dict(message.chunks),
        ok=message.ok,
        reason=message.reason,
        message=message.message,
        facts_json=message.facts_json,
    )


def answer(one: Answer) -> fleet.UploadReply:
    """What became of a chunk or an end."""
    return fleet.UploadReply(
        attempt=ref(one.key),
        stream=one.stream,
        seq=one.seq,
        verdict=one.verdict.name,
        next_seq=one.next_seq,
        message=one.message,
    )


def device(one: Device) -> control.Device:
    """A device for a listing."""
    return control.Device(
        device_id=one.device_id,
        name=one.name,
        device_class=one.device_class,
        state=one.state,
        labels=dict(one.labels),
        targets=[target.alias for target in one.inventory.targets],
        runtimes=[f"{runtime.name} {runtime.version}" for runtime in one.inventory.runtimes],
        sensors=[
            control.DeviceSensor(source=item.source, rail=item.rail, scope=item.scope, kind=item.kind)
            for item in one.inventory.sensors
        ],
        simulated=one.simulated,
        agent_version=one.agent_version,
        last_seen_unix_s=one.last_seen_unix_s or 0.0,
        running=one.running,
    )


def variant(one: Variant) -> control.Variant:
    """A variant for a listing."""
    return control.Variant(
        model=one.model,
        variant=one.variant,
        sha256=one.sha256,
        recipe=one.recipe,
        weights_precision=one.weights_precision,
        parameters=one.parameters,
        macs=one.macs,
        size_bytes=one.size_bytes,
        top1=one.top1,
        top1_n=one.top1_n,
        top1_source=one.top1_source or "",
        accuracy_group=one.accuracy_group or "",
        fixed_batch_size=one.fixed_batch_size,
        stored=one.stored,
    )


def new_model_of(message: control.AddModelHeader) -> NewModel:
    """What is said of a model file before it comes."""
    return NewModel(
        model=message.model,
        variant_of=message.variant_of,
        precision=message.precision,
        size_bytes=message.size_bytes,
        sha256=message.sha256,
        top1=message.top1 if message.HasField("top1") else None,
        top1_n=message.top1_n if message.HasField("top1_n") else None,
    )


def planned(one: PlannedConfiguration) -> control.PlannedConfiguration:
    """A configuration by its names."""
    configuration = one.configuration
    return control.PlannedConfiguration(
        configuration_id=configuration.configuration_id,
        device=one.device,
        model=one.model,
        variant=one.variant,
        target=one.target,
        runtime=configuration.runtime,
        precision=configuration.precision,
        batch_size=configuration.batch_size,
        threads=configuration.threads,
    )


def plan_reply(plan: Plan) -> control.PlanSweepReply:
    """A plan."""
    return control.PlanSweepReply(
        configurations=[planned(one) for one in plan.configurations],
        devices=[control.DevicePlan(**vars(one)) for one in plan.devices],
        refusals=refusals(plan.refusals),
    )


def refusals(some: Iterable[Refusal]) -> list[control.Refusal]:
    """What is left out."""
    return [control.Refusal(what=one.what, why=one.why) for one in some]


def sweep(one: Sweep) -> control.Sweep:
    """A sweep with its counts."""
    return control.Sweep(
        sweep_id=one.sweep_id,
        name=one.name,
        state=one.state,
        configurations=one.configurations,
        runs=one.runs,
        runs_by_state=dict(one.runs_by_state),
        created_unix_s=one.created_unix_s,
        ended_unix_s=one.ended_unix_s or 0.0,
        devices=one.devices,
        notes=one.notes,
    )


def sweep_detail(one: Sweep, states: Iterable[ConfigurationState]) -> control.ShowSweepReply:
    """A sweep with its configurations."""
    return control.ShowSweepReply(
        sweep=sweep(one),
        configurations=[
            control.ConfigurationState(
                configuration=planned(state.planned),
                runs_by_state=dict(state.runs_by_state),
                reason=state.reason,
                message=state.message,
            )
            for state in states
        ],
        spec_json=one.spec_json,
    )


def sweep_progress(one: SweepProgress) -> control.SweepProgress:
    """A message to who watches."""
    return control.SweepProgress(
        sweep=sweep(one.sweep),
        running=[control.RunningNow(**vars(now)) for now in one.running],
        seconds_left=one.seconds_left,
        event=one.event,
    )
