from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class JoinRequest(_message.Message):
    __slots__ = ("device_id", "name", "device_class", "labels", "token")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DEVICE_CLASS_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    name: str
    device_class: str
    labels: _containers.ScalarMap[str, str]
    token: str
    def __init__(self, device_id: _Optional[str] = ..., name: _Optional[str] = ..., device_class: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., token: _Optional[str] = ...) -> None: ...

class JoinReply(_message.Message):
    __slots__ = ("name", "device_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    device_id: str
    def __init__(self, name: _Optional[str] = ..., device_id: _Optional[str] = ...) -> None: ...

class Session(_message.Message):
    __slots__ = ("device_id", "instance", "session_id", "uploads_only")
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    UPLOADS_ONLY_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    instance: int
    session_id: str
    uploads_only: bool
    def __init__(self, device_id: _Optional[str] = ..., instance: _Optional[int] = ..., session_id: _Optional[str] = ..., uploads_only: bool = ...) -> None: ...

class AttemptRef(_message.Message):
    __slots__ = ("run_id", "attempt")
    RUN_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    run_id: str
    attempt: int
    def __init__(self, run_id: _Optional[str] = ..., attempt: _Optional[int] = ...) -> None: ...

class Target(_message.Message):
    __slots__ = ("target_id", "alias", "description")
    TARGET_ID_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    target_id: str
    alias: str
    description: str
    def __init__(self, target_id: _Optional[str] = ..., alias: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class Runtime(_message.Message):
    __slots__ = ("name", "version", "target_ids")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TARGET_IDS_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    target_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., target_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class Sensor(_message.Message):
    __slots__ = ("source", "rail", "scope", "kind")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    RAIL_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    source: str
    rail: str
    scope: str
    kind: str
    def __init__(self, source: _Optional[str] = ..., rail: _Optional[str] = ..., scope: _Optional[str] = ..., kind: _Optional[str] = ...) -> None: ...

class Inventory(_message.Message):
    __slots__ = ("targets", "runtimes", "sensors", "memory_bytes", "cpus", "architecture", "simulated", "environment_json", "isa")
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    RUNTIMES_FIELD_NUMBER: _ClassVar[int]
    SENSORS_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    CPUS_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    SIMULATED_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_JSON_FIELD_NUMBER: _ClassVar[int]
    ISA_FIELD_NUMBER: _ClassVar[int]
    targets: _containers.RepeatedCompositeFieldContainer[Target]
    runtimes: _containers.RepeatedCompositeFieldContainer[Runtime]
    sensors: _containers.RepeatedCompositeFieldContainer[Sensor]
    memory_bytes: int
    cpus: _containers.RepeatedScalarFieldContainer[int]
    architecture: str
    simulated: bool
    environment_json: str
    isa: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, targets: _Optional[_Iterable[_Union[Target, _Mapping]]] = ..., runtimes: _Optional[_Iterable[_Union[Runtime, _Mapping]]] = ..., sensors: _Optional[_Iterable[_Union[Sensor, _Mapping]]] = ..., memory_bytes: _Optional[int] = ..., cpus: _Optional[_Iterable[int]] = ..., architecture: _Optional[str] = ..., simulated: bool = ..., environment_json: _Optional[str] = ..., isa: _Optional[_Iterable[str]] = ...) -> None: ...

class HelloRequest(_message.Message):
    __slots__ = ("session", "boot_id", "agent_version", "wire_version", "inventory", "held", "labels", "device_class", "may_reboot", "machine", "collector_id")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SESSION_FIELD_NUMBER: _ClassVar[int]
    BOOT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    WIRE_VERSION_FIELD_NUMBER: _ClassVar[int]
    INVENTORY_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    DEVICE_CLASS_FIELD_NUMBER: _ClassVar[int]
    MAY_REBOOT_FIELD_NUMBER: _ClassVar[int]
    MACHINE_FIELD_NUMBER: _ClassVar[int]
    COLLECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    session: Session
    boot_id: str
    agent_version: str
    wire_version: int
    inventory: Inventory
    held: _containers.RepeatedCompositeFieldContainer[AttemptRef]
    labels: _containers.ScalarMap[str, str]
    device_class: str
    may_reboot: bool
    machine: str
    collector_id: str
    def __init__(self, session: _Optional[_Union[Session, _Mapping]] = ..., boot_id: _Optional[str] = ..., agent_version: _Optional[str] = ..., wire_version: _Optional[int] = ..., inventory: _Optional[_Union[Inventory, _Mapping]] = ..., held: _Optional[_Iterable[_Union[AttemptRef, _Mapping]]] = ..., labels: _Optional[_Mapping[str, str]] = ..., device_class: _Optional[str] = ..., may_reboot: bool = ..., machine: _Optional[str] = ..., collector_id: _Optional[str] = ...) -> None: ...

class StreamMark(_message.Message):
    __slots__ = ("stream", "next_seq")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    NEXT_SEQ_FIELD_NUMBER: _ClassVar[int]
    stream: str
    next_seq: int
    def __init__(self, stream: _Optional[str] = ..., next_seq: _Optional[int] = ...) -> None: ...

class HeldAttempt(_message.Message):
    __slots__ = ("attempt", "state", "marks")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[HeldAttempt.State]
        CURRENT: _ClassVar[HeldAttempt.State]
        SUPERSEDED: _ClassVar[HeldAttempt.State]
        UNKNOWN: _ClassVar[HeldAttempt.State]
    STATE_UNSPECIFIED: HeldAttempt.State
    CURRENT: HeldAttempt.State
    SUPERSEDED: HeldAttempt.State
    UNKNOWN: HeldAttempt.State
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    MARKS_FIELD_NUMBER: _ClassVar[int]
    attempt: AttemptRef
    state: HeldAttempt.State
    marks: _containers.RepeatedCompositeFieldContainer[StreamMark]
    def __init__(self, attempt: _Optional[_Union[AttemptRef, _Mapping]] = ..., state: _Optional[_Union[HeldAttempt.State, str]] = ..., marks: _Optional[_Iterable[_Union[StreamMark, _Mapping]]] = ...) -> None: ...

class HelloReply(_message.Message):
    __slots__ = ("collector_version", "collector_id", "heartbeat_s", "window_chunks", "held", "batch_chunks", "renew_in_s")
    COLLECTOR_VERSION_FIELD_NUMBER: _ClassVar[int]
    COLLECTOR_ID_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_S_FIELD_NUMBER: _ClassVar[int]
    WINDOW_CHUNKS_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    BATCH_CHUNKS_FIELD_NUMBER: _ClassVar[int]
    RENEW_IN_S_FIELD_NUMBER: _ClassVar[int]
    collector_version: str
    collector_id: str
    heartbeat_s: float
    window_chunks: int
    held: _containers.RepeatedCompositeFieldContainer[HeldAttempt]
    batch_chunks: int
    renew_in_s: float
    def __init__(self, collector_version: _Optional[str] = ..., collector_id: _Optional[str] = ..., heartbeat_s: _Optional[float] = ..., window_chunks: _Optional[int] = ..., held: _Optional[_Iterable[_Union[HeldAttempt, _Mapping]]] = ..., batch_chunks: _Optional[int] = ..., renew_in_s: _Optional[float] = ...) -> None: ...

class ListenRequest(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: Session
    def __init__(self, session: _Optional[_Union[Session, _Mapping]] = ...) -> None: ...

class WorkNotice(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class LeaseRequest(_message.Message):
    __slots__ = ("session", "listens")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    LISTENS_FIELD_NUMBER: _ClassVar[int]
    session: Session
    listens: bool
    def __init__(self, session: _Optional[_Union[Session, _Mapping]] = ..., listens: bool = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("warm_up_min_s", "warm_up_min_iterations", "warm_up_max_s", "warm_up_max_iterations", "iterations_min", "iterations_max", "window_min_s", "block_s", "idle_s", "timeout_s", "is_short", "cool_max_s", "window_floor_s")
    WARM_UP_MIN_S_FIELD_NUMBER: _ClassVar[int]
    WARM_UP_MIN_ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    WARM_UP_MAX_S_FIELD_NUMBER: _ClassVar[int]
    WARM_UP_MAX_ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    ITERATIONS_MIN_FIELD_NUMBER: _ClassVar[int]
    ITERATIONS_MAX_FIELD_NUMBER: _ClassVar[int]
    WINDOW_MIN_S_FIELD_NUMBER: _ClassVar[int]
    BLOCK_S_FIELD_NUMBER: _ClassVar[int]
    IDLE_S_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    IS_SHORT_FIELD_NUMBER: _ClassVar[int]
    COOL_MAX_S_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FLOOR_S_FIELD_NUMBER: _ClassVar[int]
    warm_up_min_s: float
    warm_up_min_iterations: int
    warm_up_max_s: float
    warm_up_max_iterations: int
    iterations_min: int
    iterations_max: int
    window_min_s: float
    block_s: float
    idle_s: float
    timeout_s: float
    is_short: bool
    cool_max_s: float
    window_floor_s: float
    def __init__(self, warm_up_min_s: _Optional[float] = ..., warm_up_min_iterations: _Optional[int] = ..., warm_up_max_s: _Optional[float] = ..., warm_up_max_iterations: _Optional[int] = ..., iterations_min: _Optional[int] = ..., iterations_max: _Optional[int] = ..., window_min_s: _Optional[float] = ..., block_s: _Optional[float] = ..., idle_s: _Optional[float] = ..., timeout_s: _Optional[float] = ..., is_short: bool = ..., cool_max_s: _Optional[float] = ..., window_floor_s: _Optional[float] = ...) -> None: ...

class Artifact(_message.Message):
    __slots__ = ("sha256", "size_bytes", "name", "is_private")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    IS_PRIVATE_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    size_bytes: int
    name: str
    is_private: bool
    def __init__(self, sha256: _Optional[str] = ..., size_bytes: _Optional[int] = ..., name: _Optional[str] = ..., is_private: bool = ...) -> None: ...

class Grant(_message.Message):
    __slots__ = ("attempt", "sweep_id", "sweep_name", "configuration_id", "configuration_json", "block", "limits", "artifact", "seed", "lease_s", "inputs")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    SWEEP_ID_FIELD_NUMBER: _ClassVar[int]
    SWEEP_NAME_FIELD_NUMBER: _ClassVar[int]
    CONFIGURATION_ID_FIELD_NUMBER: _ClassVar[int]
    CONFIGURATION_JSON_FIELD_NUMBER: _ClassVar[int]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    LEASE_S_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    attempt: AttemptRef
    sweep_id: str
    sweep_name: str
    configuration_id: str
    configuration_json: str
    block: int
    limits: Limits
    artifact: Artifact
    seed: int
    lease_s: float
    inputs: _containers.RepeatedCompositeFieldContainer[Artifact]
    def __init__(self, attempt: _Optional[_Union[AttemptRef, _Mapping]] = ..., sweep_id: _Optional[str] = ..., sweep_name: _Optional[str] = ..., configuration_id: _Optional[str] = ..., configuration_json: _Optional[str] = ..., block: _Optional[int] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., artifact: _Optional[_Union[Artifact, _Mapping]] = ..., seed: _Optional[int] = ..., lease_s: _Optional[float] = ..., inputs: _Optional[_Iterable[_Union[Artifact, _Mapping]]] = ...) -> None: ...

class LeaseReply(_message.Message):
    __slots__ = ("grant", "ask_again_s", "reboot")
    GRANT_FIELD_NUMBER: _ClassVar[int]
    ASK_AGAIN_S_FIELD_NUMBER: _ClassVar[int]
    REBOOT_FIELD_NUMBER: _ClassVar[int]
    grant: Grant
    ask_again_s: float
    reboot: str
    def __init__(self, grant: _Optional[_Union[Grant, _Mapping]] = ..., ask_again_s: _Optional[float] = ..., reboot: _Optional[str] = ...) -> None: ...

class ProgressRequest(_message.Message):
    __slots__ = ("session", "held", "running", "phase", "iterations", "power_w", "power_scope", "temperature_c")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    POWER_W_FIELD_NUMBER: _ClassVar[int]
    POWER_SCOPE_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_C_FIELD_NUMBER: _ClassVar[int]
    session: Session
    held: _containers.RepeatedCompositeFieldContainer[AttemptRef]
    running: AttemptRef
    phase: str
    iterations: int
    power_w: float
    power_scope: str
    temperature_c: float
    def __init__(self, session: _Optional[_Union[Session, _Mapping]] = ..., held: _Optional[_Iterable[_Union[AttemptRef, _Mapping]]] = ..., running: _Optional[_Union[AttemptRef, _Mapping]] = ..., phase: _Optional[str] = ..., iterations: _Optional[int] = ..., power_w: _Optional[float] = ..., power_scope: _Optional[str] = ..., temperature_c: _Optional[float] = ...) -> None: ...

class ProgressReply(_message.Message):
    __slots__ = ("held", "renew")
    HELD_FIELD_NUMBER: _ClassVar[int]
    RENEW_FIELD_NUMBER: _ClassVar[int]
    held: _containers.RepeatedCompositeFieldContainer[HeldAttempt]
    renew: bool
    def __init__(self, held: _Optional[_Iterable[_Union[HeldAttempt, _Mapping]]] = ..., renew: bool = ...) -> None: ...

class Chunk(_message.Message):
    __slots__ = ("attempt", "stream", "seq", "schema", "n", "columns", "crc32")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    N_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    CRC32_FIELD_NUMBER: _ClassVar[int]
    attempt: AttemptRef
    stream: str
    seq: int
    schema: str
    n: int
    columns: bytes
    crc32: int
    def __init__(self, attempt: _Optional[_Union[AttemptRef, _Mapping]] = ..., stream: _Optional[str] = ..., seq: _Optional[int] = ..., schema: _Optional[str] = ..., n: _Optional[int] = ..., columns: _Optional[bytes] = ..., crc32: _Optional[int] = ...) -> None: ...

class AttemptEnd(_message.Message):
    __slots__ = ("attempt", "chunks", "ok", "reason", "message", "facts_json", "crc32", "interrupted")
    class ChunksEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    CHUNKS_FIELD_NUMBER: _ClassVar[int]
    OK_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FACTS_JSON_FIELD_NUMBER: _ClassVar[int]
    CRC32_FIELD_NUMBER: _ClassVar[int]
    INTERRUPTED_FIELD_NUMBER: _ClassVar[int]
    attempt: AttemptRef
    chunks: _containers.ScalarMap[str, int]
    ok: bool
    reason: str
    message: str
    facts_json: str
    crc32: int
    interrupted: bool
    def __init__(self, attempt: _Optional[_Union[AttemptRef, _Mapping]] = ..., chunks: _Optional[_Mapping[str, int]] = ..., ok: bool = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., facts_json: _Optional[str] = ..., crc32: _Optional[int] = ..., interrupted: bool = ...) -> None: ...

class ChunkBatch(_message.Message):
    __slots__ = ("chunks",)
    CHUNKS_FIELD_NUMBER: _ClassVar[int]
    chunks: _containers.RepeatedCompositeFieldContainer[Chunk]
    def __init__(self, chunks: _Optional[_Iterable[_Union[Chunk, _Mapping]]] = ...) -> None: ...

class UploadRequest(_message.Message):
    __slots__ = ("session", "chunk", "end", "chunks")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    CHUNKS_FIELD_NUMBER: _ClassVar[int]
    session: Session
    chunk: Chunk
    end: AttemptEnd
    chunks: ChunkBatch
    def __init__(self, session: _Optional[_Union[Session, _Mapping]] = ..., chunk: _Optional[_Union[Chunk, _Mapping]] = ..., end: _Optional[_Union[AttemptEnd, _Mapping]] = ..., chunks: _Optional[_Union[ChunkBatch, _Mapping]] = ...) -> None: ...

class UploadReply(_message.Message):
    __slots__ = ("attempt", "stream", "seq", "verdict", "next_seq", "message", "committed")
    class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        VERDICT_UNSPECIFIED: _ClassVar[UploadReply.Verdict]
        COMMITTED: _ClassVar[UploadReply.Verdict]
        GAP: _ClassVar[UploadReply.Verdict]
        DAMAGED: _ClassVar[UploadReply.Verdict]
        CONFLICT: _ClassVar[UploadReply.Verdict]
        UNKNOWN_ATTEMPT: _ClassVar[UploadReply.Verdict]
        MALFORMED: _ClassVar[UploadReply.Verdict]
    VERDICT_UNSPECIFIED: UploadReply.Verdict
    COMMITTED: UploadReply.Verdict
    GAP: UploadReply.Verdict
    DAMAGED: UploadReply.Verdict
    CONFLICT: UploadReply.Verdict
    UNKNOWN_ATTEMPT: UploadReply.Verdict
    MALFORMED: UploadReply.Verdict
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    NEXT_SEQ_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    attempt: AttemptRef
    stream: str
    seq: int
    verdict: UploadReply.Verdict
    next_seq: int
    message: str
    committed: int
    def __init__(self, attempt: _Optional[_Union[AttemptRef, _Mapping]] = ..., stream: _Optional[str] = ..., seq: _Optional[int] = ..., verdict: _Optional[_Union[UploadReply.Verdict, str]] = ..., next_seq: _Optional[int] = ..., message: _Optional[str] = ..., committed: _Optional[int] = ...) -> None: ...

class FetchModelRequest(_message.Message):
    __slots__ = ("session", "sha256", "offset")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    session: Session
    sha256: str
    offset: int
    def __init__(self, session: _Optional[_Union[Session, _Mapping]] = ..., sha256: _Optional[str] = ..., offset: _Optional[int] = ...) -> None: ...

class ModelPart(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...
