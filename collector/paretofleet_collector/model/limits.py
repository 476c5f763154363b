"""The one table of limits: what each field of each message may hold, and how much a client may ask at once.

`rpc.convert.checking` holds every message against it before anything else sees it. A field without a row here
is refused by `tests/layout`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: The largest message, in bytes. A chunk, a piece of a file, facts or a specification fit with room.
MESSAGE_BYTES_MAX = 2 << 20
#: Calls that one client, known by its certificate or its connection, may have under way; of those with one
#: reply so many are worked on at a time, the others wait.
CALLS_MAX = 32
TURNS_MAX = 4
#: Bytes of chunks that an agent may have sent and not yet got an answer to; more are not read off the wire.
IN_FLIGHT_BYTES_MAX = 2 << 20
#: Chunks in one request.
BATCH_CHUNKS_MAX = 64
#: Devices in the store, removed ones too, and labels of one device.
DEVICES_MAX = 50_000
LABELS_MAX = 64
#: Streams of an attempt.
STREAMS_MAX = 64
#: What a JSON text may be: bytes, depth of nesting, digits of a number, values and keys.
JSON_BYTES_MAX = 1 << 20
JSON_DEPTH_MAX = 32
JSON_DIGITS_MAX = 40
JSON_PARTS_MAX = 50_000
#: Largest whole number that fits a 64-bit column with room to add.
COUNT_MAX = 1 << 62


@dataclass(frozen=True)
class Text:
    """Text of at most `most` bytes in UTF-8; where it is not `free`, all of it can be printed."""

    most: int
    free: bool = False


@dataclass(frozen=True)
class Data:
    """At most `most` bytes."""

    most: int


@dataclass(frozen=True)
class Number:
    """A finite number from `low` to `high`, both included."""

    low: float
    high: float


@dataclass(frozen=True)
class Many:
    """At most `most` entries, each as `each` says; None for messages, which have rows of their own."""

    most: int
    each: Text | Number | None = None


@dataclass(frozen=True)
class Pairs:
    """A mapping of at most `most` keys to values."""

    most: int
    key: Text
    value: Text | Number


@dataclass(frozen=True)
class Unlimited:
    """A flag, a choice, a checksum or a message, which cannot be too large."""


Limit = Text | Data | Number | Many | Pairs | Unlimited
_ID, _NAME, _SHORT, _ANY = Text(64), Text(128), Text(32), Unlimited()
_COUNT = Number(0, COUNT_MAX)
_LABELS = Pairs(LABELS_MAX, Text(64), Text(128))
_HELD = Many(256)
_WORDS = Text(512)
_PEM = Text(8192, free=True)
_JSON = Text(JSON_BYTES_MAX, free=True)

#: "Message.field" to its limit, for all that clients send, also to the health service.
FIELDS: Mapping[str, Limit] = {
    "AddInputsHeader.name": _NAME,
    "AddInputsHeader.sha256": _ID,
    "AddInputsHeader.size_bytes": _COUNT,
    "AddInputsRequest.data": Data(MESSAGE_BYTES_MAX),
    "AddInputsRequest.header": _ANY,
    "AddModelHeader.inputs_json": _JSON,
    "AddModelHeader.is_private": _ANY,
    "AddModelHeader.licence": _NAME,
    "AddModelHeader.model": _NAME,
    "AddModelHeader.precision": _SHORT,
    "AddModelHeader.sha256": _ID,
    "AddModelHeader.size_bytes": _COUNT,
    "AddModelHeader.sizes": Pairs(64, Text(4096), _COUNT),
    "AddModelHeader.top1": Number(0, 100),
    "AddModelHeader.top1_n": _COUNT,
    "AddModelHeader.top1_source": _SHORT,
    "AddModelHeader.top5": Number(0, 100),
    "AddModelHeader.training_json": _JSON,
    "AddModelHeader.variant_of": _NAME,
    "AddModelHeader.weights_source": _WORDS,
    "AddModelRequest.data": Data(MESSAGE_BYTES_MAX),
    "AddModelRequest.header": _ANY,
    "AddZooModelRequest.name": _NAME,
    "AttemptEnd.attempt": _ANY,
    "AttemptEnd.chunks": Pairs(STREAMS_MAX, _NAME, _COUNT),
    "AttemptEnd.crc32": _ANY,
    "AttemptEnd.facts_json": _JSON,
    "AttemptEnd.interrupted": _ANY,
    "AttemptEnd.message": Text(16_384, free=True),
    "AttemptEnd.ok": _ANY,
    "AttemptEnd.reason": _SHORT,
    "AttemptRef.attempt": Number(0, 2**31 - 1),
    "AttemptRef.run_id": _ID,
    "ChangeDeviceRequest.action": _SHORT,
    "ChangeDeviceRequest.device": _NAME,
    "ChangeDeviceRequest.force": _ANY,
    "ChangeDeviceRequest.labels": _LABELS,
    "ChangeDeviceRequest.name": _ID,
    "ChangeModelRequest.action": _SHORT,
    "ChangeModelRequest.licence": _NAME,
    "ChangeModelRequest.model": Text(272),
    "ChangeModelRequest.top1": Number(0, 100),
    "ChangeModelRequest.top1_n": _COUNT,
    "ChangeModelRequest.top5": Number(0, 100),
    "ChangeModelRequest.training_json": _JSON,
    "ChangeModelRequest.weights_source": _WORDS,
    "ChangeSearchRequest.reason": Text(1024),
    "ChangeSearchRequest.search": _NAME,
    "ChangeSearchRequest.state": _SHORT,
    "Chunk.attempt": _ANY,
    "Chunk.columns": Data(1 << 20),
    "Chunk.crc32": _ANY,
    "Chunk.n": Number(0, 1 << 17),
    "Chunk.schema": _SHORT,
    "Chunk.seq": _COUNT,
    "Chunk.stream": _NAME,
    "ChunkBatch.chunks": Many(BATCH_CHUNKS_MAX),
    "CreateSearchRequest.budget_s": Number(0, 10 * 366 * 86_400),
    "CreateSearchRequest.digest": _ID,
    "CreateSearchRequest.name": _ID,
    "CreateSearchRequest.request_id": _ID,
    "CreateSearchRequest.seed": _COUNT,
    "CreateSearchRequest.spec_json": _JSON,
    "CreateSearchRequest.trials_max": _COUNT,
    "CreateTokenRequest.approve": _ANY,
    "CreateTokenRequest.name": _ID,
    "CreateTokenRequest.pool": _ID,
    "CreateTokenRequest.role": _SHORT,
    "CreateTokenRequest.ttl_s": Number(0, 10 * 366 * 86_400),
    "CreateTokenRequest.uses": Number(0, 1_000_000),
    "EnrolRequest.device_class": _ID,
    "EnrolRequest.device_id": _ID,
    "EnrolRequest.labels": _LABELS,
    "EnrolRequest.name": _ID,
    "EnrolRequest.request_pem": _PEM,
    "EnrolRequest.token": Text(4096),
    "FetchModelRequest.offset": _COUNT,
    "FetchModelRequest.session": _ANY,
    "FetchModelRequest.sha256": _ID,
    "HealthCheckRequest.service": _NAME,
    "HelloRequest.agent_version": _ID,
    "HelloRequest.boot_id": _ID,
    "HelloRequest.collector_id": _ID,
    "HelloRequest.device_class": _ID,
    "HelloRequest.held": _HELD,
    "HelloRequest.inventory": _ANY,
    "HelloRequest.labels": _LABELS,
    "HelloRequest.machine": _NAME,
    "HelloRequest.may_reboot": _ANY,
    "HelloRequest.session": _ANY,
    "HelloRequest.wire_version": Number(0, 2**31 - 1),
    "Inventory.architecture": _ID,
    "Inventory.cpus": Many(8192, Number(0, 65_535)),
    "Inventory.environment_json": Text(65_536, free=True),
    "Inventory.isa": Many(64, _SHORT),
    "Inventory.memory_bytes": _COUNT,
    "Inventory.runtimes": Many(64),
    "Inventory.sensors": Many(512),
    "Inventory.simulated": _ANY,
    "Inventory.targets": Many(64),
    "JoinRequest.device_class": _ID,
    "JoinRequest.device_id": _ID,
    "JoinRequest.labels": _LABELS,
    "JoinRequest.name": _ID,
    "JoinRequest.token": Text(4096),
    "LeaseRequest.listens": _ANY,
    "LeaseRequest.session": _ANY,
    "ListEvaluationsRequest.sha256": Many(4096, _ID),
    "ListSweepsRequest.labels": Many(64, _ID),
    "ListSweepsRequest.last": _COUNT,
    "ListSweepsRequest.states": Many(8, _SHORT),
    "ListenRequest.session": _ANY,
    "MakeVariantRequest.model": Text(272),
    "MakeVariantRequest.name": _NAME,
    "MakeVariantRequest.recipe_json": _JSON,
    "PlanSweepRequest.spec_json": _JSON,
    "PrioritiseSweepsRequest.device": _NAME,
    "PrioritiseSweepsRequest.last": _ANY,
    "PrioritiseSweepsRequest.sweeps": Many(256, _NAME),
    "ProgressRequest.held": _HELD,
    "ProgressRequest.iterations": _COUNT,
    "ProgressRequest.phase": _SHORT,
    "ProgressRequest.power_scope": _SHORT,
    "ProgressRequest.power_w": Number(-1e6, 1e6),
    "ProgressRequest.running": _ANY,
    "ProgressRequest.session": _ANY,
    "ProgressRequest.temperature_c": Number(-300, 10_000),
    "RebuildReportRequest.engine": _SHORT,
    "RebuildReportRequest.sweep": _NAME,
    "RecordTrialsRequest.batches": Many(64),
    "RecordTrialsRequest.search": _NAME,
    "RecordTrialsRequest.spent_s": Number(0, 10 * 366 * 86_400),
    "RecordTrialsRequest.trainings": Many(64),
    "RecordTrialsRequest.trials": Many(64),
    "RenewRequest.request_pem": _PEM,
    "RevokeTokenRequest.token_id": _ID,
    "RevokeUserRequest.name": _ID,
    "RotateAuthorityRequest.finish": _ANY,
    "RotateAuthorityRequest.force": _ANY,
    "Runtime.name": _ID,
    "Runtime.target_ids": Many(64, _ID),
    "Runtime.version": _NAME,
    "SearchBatch.devices": Many(1024, _ID),
    "SearchBatch.number": Number(0, 2**31 - 1),
    "SearchBatch.sweep": _NAME,
    "SearchBatch.trials": Many(1024, _COUNT),
    "SearchRequest.search": _NAME,
    "SearchTraining.cpu_s": Number(0, 1e12),
    "SearchTraining.memory_peak_bytes": _COUNT,
    "SearchTraining.reason": Text(1024),
    "SearchTraining.seed": _COUNT,
    "SearchTraining.split": _SHORT,
    "SearchTraining.top1": Number(0, 100),
    "SearchTraining.top1_n": _COUNT,
    "SearchTraining.trial": Number(0, 2**31 - 1),
    "SearchTraining.wall_s": Number(0, 1e12),
    "SearchTrial.codes": Many(1024, Number(-1, 2**31 - 1)),
    "SearchTrial.device": _ID,
    "SearchTrial.graph": _ID,
    "SearchTrial.kind": _SHORT,
    "SearchTrial.model": _NAME,
    "SearchTrial.number": Number(0, 2**31 - 1),
    "Sensor.kind": _SHORT,
    "Sensor.rail": _NAME,
    "Sensor.scope": _ID,
    "Sensor.source": _ID,
    "Session.device_id": _ID,
    "Session.instance": _COUNT,
    "Session.session_id": _ID,
    "Session.uploads_only": _ANY,
    "SkipSweepRequest.device": _NAME,
    "SkipSweepRequest.sweep": _NAME,
    "SubmitSweepRequest.keep_name": _ANY,
    "SubmitSweepRequest.request_id": _ID,
    "SubmitSweepRequest.spec_json": _JSON,
    "SweepRequest.sweep": _NAME,
    "Target.alias": _ID,
    "Target.description": Text(512),
    "Target.target_id": _ID,
    "UploadRequest.chunk": _ANY,
    "UploadRequest.chunks": _ANY,
    "UploadRequest.end": _ANY,
    "UploadRequest.session": _ANY,
}
