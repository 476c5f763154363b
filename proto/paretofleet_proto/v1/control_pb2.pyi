from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OpenPageRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class OpenPageReply(_message.Message):
    __slots__ = ("address", "token")
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    address: str
    token: str
    def __init__(self, address: _Optional[str] = ..., token: _Optional[str] = ...) -> None: ...

class CreateSearchRequest(_message.Message):
    __slots__ = ("request_id", "name", "spec_json", "digest", "seed", "budget_s", "trials_max")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SPEC_JSON_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    BUDGET_S_FIELD_NUMBER: _ClassVar[int]
    TRIALS_MAX_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    name: str
    spec_json: str
    digest: str
    seed: int
    budget_s: float
    trials_max: int
    def __init__(self, request_id: _Optional[str] = ..., name: _Optional[str] = ..., spec_json: _Optional[str] = ..., digest: _Optional[str] = ..., seed: _Optional[int] = ..., budget_s: _Optional[float] = ..., trials_max: _Optional[int] = ...) -> None: ...

class ListSearchesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListSearchesReply(_message.Message):
    __slots__ = ("searches",)
    SEARCHES_FIELD_NUMBER: _ClassVar[int]
    searches: _containers.RepeatedCompositeFieldContainer[Search]
    def __init__(self, searches: _Optional[_Iterable[_Union[Search, _Mapping]]] = ...) -> None: ...

class SearchRequest(_message.Message):
    __slots__ = ("search",)
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    search: str
    def __init__(self, search: _Optional[str] = ...) -> None: ...

class ChangeSearchRequest(_message.Message):
    __slots__ = ("search", "state", "reason")
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    search: str
    state: str
    reason: str
    def __init__(self, search: _Optional[str] = ..., state: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class Search(_message.Message):
    __slots__ = ("search_id", "name", "state", "reason", "spec_json", "digest", "seed", "budget_s", "trials_max", "spent_s", "created_unix_s", "changed_unix_s", "ended_unix_s", "trials", "trainings")
    SEARCH_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SPEC_JSON_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    BUDGET_S_FIELD_NUMBER: _ClassVar[int]
    TRIALS_MAX_FIELD_NUMBER: _ClassVar[int]
    SPENT_S_FIELD_NUMBER: _ClassVar[int]
    CREATED_UNIX_S_FIELD_NUMBER: _ClassVar[int]
    CHANGED_UNIX_S_FIELD_NUMBER: _ClassVar[int]
    ENDED_UNIX_S_FIELD_NUMBER: _ClassVar[int]
    TRIALS_FIELD_NUMBER: _ClassVar[int]
    TRAININGS_FIELD_NUMBER: _ClassVar[int]
    search_id: str
    name: str
    state: str
    reason: str
    spec_json: str
    digest: str
    seed: int
    budget_s: float
    trials_max: int
    spent_s: float
    created_unix_s: float
    changed_unix_s: float
    ended_unix_s: float
    trials: int
    trainings: int
    def __init__(self, search_id: _Optional[str] = ..., name: _Optional[str] = ..., state: _Optional[str] = ..., reason: _Optional[str] = ..., spec_json: _Optional[str] = ..., digest: _Optional[str] = ..., seed: _Optional[int] = ..., budget_s: _Optional[float] = ..., trials_max: _Optional[int] = ..., spent_s: _Optional[float] = ..., created_unix_s: _Optional[float] = ..., changed_unix_s: _Optional[float] = ..., ended_unix_s: _Optional[float] = ..., trials: _Optional[int] = ..., trainings: _Optional[int] = ...) -> None: ...

class SearchTrial(_message.Message):
    __slots__ = ("number", "codes", "graph", "model", "device", "kind")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    CODES_FIELD_NUMBER: _ClassVar[int]
    GRAPH_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    number: int
    codes: _containers.RepeatedScalarFieldContainer[int]
    graph: str
    model: str
    device: str
    kind: str
    def __init__(self, number: _Optional[int] = ..., codes: _Optional[_Iterable[int]] = ..., graph: _Optional[str] = ..., model: _Optional[str] = ..., device: _Optional[str] = ..., kind: _Optional[str] = ...) -> None: ...

class SearchBatch(_message.Message):
    __slots__ = ("number", "trials", "devices", "sweep")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    TRIALS_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    SWEEP_FIELD_NUMBER: _ClassVar[int]
    number: int
    trials: _containers.RepeatedScalarFieldContainer[int]
    devices: _containers.RepeatedScalarFieldContainer[str]
    sweep: str
    def __init__(self, number: _Optional[int] = ..., trials: _Optional[_Iterable[int]] = ..., devices: _Optional[_Iterable[str]] = ..., sweep: _Optional[str] = ...) -> None: ...

class SearchTraining(_message.Message):
    __slots__ = ("trial", "seed", "split", "reason", "top1", "top1_n", "wall_s", "cpu_s", "memory_peak_bytes")
    TRIAL_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    SPLIT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TOP1_FIELD_NUMBER: _ClassVar[int]
    TOP1_N_FIELD_NUMBER: _ClassVar[int]
    WALL_S_FIELD_NUMBER: _ClassVar[int]
    CPU_S_FIELD_NUMBER: _ClassVar[int]
    MEMORY_PEAK_BYTES_FIELD_NUMBER: _ClassVar[int]
    trial: int
    seed: int
    split: str
    reason: str
    top1: float
    top1_n: int
    wall_s: float
    cpu_s: float
    memory_peak_bytes: int
    def __init__(self, trial: _Optional[int] = ..., seed: _Optional[int] = ..., split: _Optional[str] = ..., reason: _Optional[str] = ..., top1: _Optional[float] = ..., top1_n: _Optional[int] = ..., wall_s: _Optional[float] = ..., cpu_s: _Optional[float] = ..., memory_peak_bytes: _Optional[int] = ...) -> None: ...

class RecordTrialsRequest(_message.Message):
    __slots__ = ("search", "trials", "batches", "trainings", "spent_s")
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    TRIALS_FIELD_NUMBER: _ClassVar[int]
    BATCHES_FIELD_NUMBER: _ClassVar[int]
    TRAININGS_FIELD_NUMBER: _ClassVar[int]
    SPENT_S_FIELD_NUMBER: _ClassVar[int]
    search: str
    trials: _containers.RepeatedCompositeFieldContainer[SearchTrial]
    batches: _containers.RepeatedCompositeFieldContainer[SearchBatch]
    trainings: _containers.RepeatedCompositeFieldContainer[SearchTraining]
    spent_s: float
    def __init__(self, search: _Optional[str] = ..., trials: _Optional[_Iterable[_Union[SearchTrial, _Mapping]]] = ..., batches: _Optional[_Iterable[_Union[SearchBatch, _Mapping]]] = ..., trainings: _Optional[_Iterable[_Union[SearchTraining, _Mapping]]] = ..., spent_s: _Optional[float] = ...) -> None: ...

class ShowSearchReply(_message.Message):
    __slots__ = ("search", "trials", "batches", "trainings")
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    TRIALS_FIELD_NUMBER: _ClassVar[int]
    BATCHES_FIELD_NUMBER: _ClassVar[int]
    TRAININGS_FIELD_NUMBER: _ClassVar[int]
    search: Search
    trials: _containers.RepeatedCompositeFieldContainer[SearchTrial]
    batches: _containers.RepeatedCompositeFieldContainer[SearchBatch]
    trainings: _containers.RepeatedCompositeFieldContainer[SearchTraining]
    def __init__(self, search: _Optional[_Union[Search, _Mapping]] = ..., trials: _Optional[_Iterable[_Union[SearchTrial, _Mapping]]] = ..., batches: _Optional[_Iterable[_Union[SearchBatch, _Mapping]]] = ..., trainings: _Optional[_Iterable[_Union[SearchTraining, _Mapping]]] = ...) -> None: ...

class ListDevicesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DeviceSensor(_message.Message):
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

class Device(_message.Message):
    __slots__ = ("device_id", "name", "device_class", "state", "labels", "targets", "runtimes", "sensors", "simulated", "agent_version", "last_seen_unix_s", "running", "pool", "identity", "queue", "environment_json")
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
    STATE_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TARGETS_FIELD_NUMBER: _ClassVar[int]
    RUNTIMES_FIELD_NUMBER: _ClassVar[int]
    SENSORS_FIELD_NUMBER: _ClassVar[int]
    SIMULATED_FIELD_NUMBER: _ClassVar[int]
    AGENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_UNIX_S_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    POOL_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_JSON_FIELD_NUMBER: _ClassVar[int]
    device_id: str
    name: str
    device_class: str
    state: str
    labels: _containers.ScalarMap[str, str]
    targets: _containers.RepeatedScalarFieldContainer[str]
    runtimes: _containers.RepeatedScalarFieldContainer[str]
    sensors: _containers.RepeatedCompositeFieldContainer[DeviceSensor]
    simulated: bool
    agent_version: str
    last_seen_unix_s: float
    running: str
    pool: str
    identity: str
    queue: _containers.RepeatedScalarFieldContainer[str]
    environment_json: str
    def __init__(self, device_id: _Optional[str] = ..., name: _Optional[str] = ..., device_class: _Optional[str] = ..., state: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., targets: _Optional[_Iterable[str]] = ..., runtimes: _Optional[_Iterable[str]] = ..., sensors: _Optional[_Iterable[_Union[DeviceSensor, _Mapping]]] = ..., simulated: bool = ..., agent_version: _Optional[str] = ..., last_seen_unix_s: _Optional[float] = ..., running: _Optional[str] = ..., pool: _Optional[str] = ..., identity: _Optional[str] = ..., queue: _Optional[_Iterable[str]] = ..., environment_json: _Optional[str] = ...) -> None: ...

class ListDevicesReply(_message.Message):
    __slots__ = ("devices",)
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    devices: _containers.RepeatedCompositeFieldContainer[Device]
    def __init__(self, devices: _Optional[_Iterable[_Union[Device, _Mapping]]] = ...) -> None: ...

class ChangeDeviceRequest(_message.Message):
    __slots__ = ("device", "action", "labels", "name", "force")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    device: str
    action: str
    labels: _containers.ScalarMap[str, str]
    name: str
    force: bool
    def __init__(self, device: _Optional[str] = ..., action: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., name: _Optional[str] = ..., force: bool = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Variant(_message.Message):
    __slots__ = ("model", "variant", "sha256", "recipe", "weights_precision", "parameters", "macs", "size_bytes", "top1", "top1_n", "top1_source", "accuracy_group", "fixed_batch_size", "stored", "sizes", "inputs_json", "graph_json", "top5", "licence", "weights_source", "parent", "record", "compressed_bytes", "is_private", "training_json")
    class SizesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    RECIPE_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_PRECISION_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    MACS_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    TOP1_FIELD_NUMBER: _ClassVar[int]
    TOP1_N_FIELD_NUMBER: _ClassVar[int]
    TOP1_SOURCE_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_GROUP_FIELD_NUMBER: _ClassVar[int]
    FIXED_BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    SIZES_FIELD_NUMBER: _ClassVar[int]
    INPUTS_JSON_FIELD_NUMBER: _ClassVar[int]
    GRAPH_JSON_FIELD_NUMBER: _ClassVar[int]
    TOP5_FIELD_NUMBER: _ClassVar[int]
    LICENCE_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_SOURCE_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    RECORD_FIELD_NUMBER: _ClassVar[int]
    COMPRESSED_BYTES_FIELD_NUMBER: _ClassVar[int]
    IS_PRIVATE_FIELD_NUMBER: _ClassVar[int]
    TRAINING_JSON_FIELD_NUMBER: _ClassVar[int]
    model: str
    variant: str
    sha256: str
    recipe: str
    weights_precision: str
    parameters: int
    macs: int
    size_bytes: int
    top1: float
    top1_n: int
    top1_source: str
    accuracy_group: str
    fixed_batch_size: int
    stored: bool
    sizes: _containers.ScalarMap[str, int]
    inputs_json: str
    graph_json: str
    top5: float
    licence: str
    weights_source: str
    parent: str
    record: str
    compressed_bytes: int
    is_private: bool
    training_json: str
    def __init__(self, model: _Optional[str] = ..., variant: _Optional[str] = ..., sha256: _Optional[str] = ..., recipe: _Optional[str] = ..., weights_precision: _Optional[str] = ..., parameters: _Optional[int] = ..., macs: _Optional[int] = ..., size_bytes: _Optional[int] = ..., top1: _Optional[float] = ..., top1_n: _Optional[int] = ..., top1_source: _Optional[str] = ..., accuracy_group: _Optional[str] = ..., fixed_batch_size: _Optional[int] = ..., stored: bool = ..., sizes: _Optional[_Mapping[str, int]] = ..., inputs_json: _Optional[str] = ..., graph_json: _Optional[str] = ..., top5: _Optional[float] = ..., licence: _Optional[str] = ..., weights_source: _Optional[str] = ..., parent: _Optional[str] = ..., record: _Optional[str] = ..., compressed_bytes: _Optional[int] = ..., is_private: bool = ..., training_json: _Optional[str] = ...) -> None: ...

class ListModelsReply(_message.Message):
    __slots__ = ("variants",)
    VARIANTS_FIELD_NUMBER: _ClassVar[int]
    variants: _containers.RepeatedCompositeFieldContainer[Variant]
    def __init__(self, variants: _Optional[_Iterable[_Union[Variant, _Mapping]]] = ...) -> None: ...

class ListEvaluationsRequest(_message.Message):
    __slots__ = ("sha256",)
    SHA256_FIELD_NUMBER: _ClassVar[int]
    sha256: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, sha256: _Optional[_Iterable[str]] = ...) -> None: ...

class Evaluation(_message.Message):
    __slots__ = ("sha256", "device", "runtime", "precision", "top1", "top5", "top1_n", "correct_items", "accuracy_data_json")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    TOP1_FIELD_NUMBER: _ClassVar[int]
    TOP5_FIELD_NUMBER: _ClassVar[int]
    TOP1_N_FIELD_NUMBER: _ClassVar[int]
    CORRECT_ITEMS_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_DATA_JSON_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    device: str
    runtime: str
    precision: str
    top1: float
    top5: float
    top1_n: int
    correct_items: str
    accuracy_data_json: str
    def __init__(self, sha256: _Optional[str] = ..., device: _Optional[str] = ..., runtime: _Optional[str] = ..., precision: _Optional[str] = ..., top1: _Optional[float] = ..., top5: _Optional[float] = ..., top1_n: _Optional[int] = ..., correct_items: _Optional[str] = ..., accuracy_data_json: _Optional[str] = ...) -> None: ...

class ListEvaluationsReply(_message.Message):
    __slots__ = ("evaluations",)
    EVALUATIONS_FIELD_NUMBER: _ClassVar[int]
    evaluations: _containers.RepeatedCompositeFieldContainer[Evaluation]
    def __init__(self, evaluations: _Optional[_Iterable[_Union[Evaluation, _Mapping]]] = ...) -> None: ...

class AddModelHeader(_message.Message):
    __slots__ = ("model", "variant_of", "precision", "size_bytes", "sha256", "top1", "top1_n", "sizes", "inputs_json", "top5", "licence", "weights_source", "is_private", "top1_source", "training_json")
    class SizesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VARIANT_OF_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    TOP1_FIELD_NUMBER: _ClassVar[int]
    TOP1_N_FIELD_NUMBER: _ClassVar[int]
    SIZES_FIELD_NUMBER: _ClassVar[int]
    INPUTS_JSON_FIELD_NUMBER: _ClassVar[int]
    TOP5_FIELD_NUMBER: _ClassVar[int]
    LICENCE_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_SOURCE_FIELD_NUMBER: _ClassVar[int]
    IS_PRIVATE_FIELD_NUMBER: _ClassVar[int]
    TOP1_SOURCE_FIELD_NUMBER: _ClassVar[int]
    TRAINING_JSON_FIELD_NUMBER: _ClassVar[int]
    model: str
    variant_of: str
    precision: str
    size_bytes: int
    sha256: str
    top1: float
    top1_n: int
    sizes: _containers.ScalarMap[str, int]
    inputs_json: str
    top5: float
    licence: str
    weights_source: str
    is_private: bool
    top1_source: str
    training_json: str
    def __init__(self, model: _Optional[str] = ..., variant_of: _Optional[str] = ..., precision: _Optional[str] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[str] = ..., top1: _Optional[float] = ..., top1_n: _Optional[int] = ..., sizes: _Optional[_Mapping[str, int]] = ..., inputs_json: _Optional[str] = ..., top5: _Optional[float] = ..., licence: _Optional[str] = ..., weights_source: _Optional[str] = ..., is_private: bool = ..., top1_source: _Optional[str] = ..., training_json: _Optional[str] = ...) -> None: ...

class AddModelRequest(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: AddModelHeader
    data: bytes
    def __init__(self, header: _Optional[_Union[AddModelHeader, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class AddInputsHeader(_message.Message):
    __slots__ = ("name", "size_bytes", "sha256")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    name: str
    size_bytes: int
    sha256: str
    def __init__(self, name: _Optional[str] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[str] = ...) -> None: ...

class AddInputsRequest(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: AddInputsHeader
    data: bytes
    def __init__(self, header: _Optional[_Union[AddInputsHeader, _Mapping]] = ..., data: _Optional[bytes] = ...) -> None: ...

class InputArray(_message.Message):
    __slots__ = ("name", "type", "shape")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: str
    shape: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, name: _Optional[str] = ..., type: _Optional[str] = ..., shape: _Optional[_Iterable[int]] = ...) -> None: ...

class InputFile(_message.Message):
    __slots__ = ("sha256", "size_bytes", "name", "arrays")
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARRAYS_FIELD_NUMBER: _ClassVar[int]
    sha256: str
    size_bytes: int
    name: str
    arrays: _containers.RepeatedCompositeFieldContainer[InputArray]
    def __init__(self, sha256: _Optional[str] = ..., size_bytes: _Optional[int] = ..., name: _Optional[str] = ..., arrays: _Optional[_Iterable[_Union[InputArray, _Mapping]]] = ...) -> None: ...

class AddZooModelRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ChangeModelRequest(_message.Message):
    __slots__ = ("model", "action", "top1", "top1_n", "top5", "licence", "weights_source", "training_json")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    TOP1_FIELD_NUMBER: _ClassVar[int]
    TOP1_N_FIELD_NUMBER: _ClassVar[int]
    TOP5_FIELD_NUMBER: _ClassVar[int]
    LICENCE_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_SOURCE_FIELD_NUMBER: _ClassVar[int]
    TRAINING_JSON_FIELD_NUMBER: _ClassVar[int]
    model: str
    action: str
    top1: float
    top1_n: int
    top5: float
    licence: str
    weights_source: str
    training_json: str
    def __init__(self, model: _Optional[str] = ..., action: _Optional[str] = ..., top1: _Optional[float] = ..., top1_n: _Optional[int] = ..., top5: _Optional[float] = ..., licence: _Optional[str] = ..., weights_source: _Optional[str] = ..., training_json: _Optional[str] = ...) -> None: ...

class MakeVariantRequest(_message.Message):
    __slots__ = ("model", "recipe_json", "name")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    RECIPE_JSON_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    model: str
    recipe_json: str
    name: str
    def __init__(self, model: _Optional[str] = ..., recipe_json: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class PlanSweepRequest(_message.Message):
    __slots__ = ("spec_json",)
    SPEC_JSON_FIELD_NUMBER: _ClassVar[int]
    spec_json: str
    def __init__(self, spec_json: _Optional[str] = ...) -> None: ...

class PlannedConfiguration(_message.Message):
    __slots__ = ("configuration_id", "device", "model", "variant", "target", "runtime", "precision", "batch_size", "threads", "mode", "fed")
    CONFIGURATION_ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    THREADS_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    FED_FIELD_NUMBER: _ClassVar[int]
    configuration_id: str
    device: str
    model: str
    variant: str
    target: str
    runtime: str
    precision: str
    batch_size: int
    threads: int
    mode: str
    fed: str
    def __init__(self, configuration_id: _Optional[str] = ..., device: _Optional[str] = ..., model: _Optional[str] = ..., variant: _Optional[str] = ..., target: _Optional[str] = ..., runtime: _Optional[str] = ..., precision: _Optional[str] = ..., batch_size: _Optional[int] = ..., threads: _Optional[int] = ..., mode: _Optional[str] = ..., fed: _Optional[str] = ...) -> None: ...

class DevicePlan(_message.Message):
    __slots__ = ("device", "configurations", "runs_min", "runs_max", "seconds_min", "seconds_max", "likely")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    CONFIGURATIONS_FIELD_NUMBER: _ClassVar[int]
    RUNS_MIN_FIELD_NUMBER: _ClassVar[int]
    RUNS_MAX_FIELD_NUMBER: _ClassVar[int]
    SECONDS_MIN_FIELD_NUMBER: _ClassVar[int]
    SECONDS_MAX_FIELD_NUMBER: _ClassVar[int]
    LIKELY_FIELD_NUMBER: _ClassVar[int]
    device: str
    configurations: int
    runs_min: int
    runs_max: int
    seconds_min: float
    seconds_max: float
    likely: Span
    def __init__(self, device: _Optional[str] = ..., configurations: _Optional[int] = ..., runs_min: _Optional[int] = ..., runs_max: _Optional[int] = ..., seconds_min: _Optional[float] = ..., seconds_max: _Optional[float] = ..., likely: _Optional[_Union[Span, _Mapping]] = ...) -> None: ...

class Span(_message.Message):
    __slots__ = ("seconds", "least_s", "most_s")
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    LEAST_S_FIELD_NUMBER: _ClassVar[int]
    MOST_S_FIELD_NUMBER: _ClassVar[int]
    seconds: float
    least_s: float
    most_s: float
    def __init__(self, seconds: _Optional[float] = ..., least_s: _Optional[float] = ..., most_s: _Optional[float] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("what", "why")
    WHAT_FIELD_NUMBER: _ClassVar[int]
    WHY_FIELD_NUMBER: _ClassVar[int]
    what: str
    why: str
    def __init__(self, what: _Optional[str] = ..., why: _Optional[str] = ...) -> None: ...

class PlanSweepReply(_message.Message):
    __slots__ = ("configurations", "devices", "refusals", "missing", "unmade")
    CONFIGURATIONS_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    REFUSALS_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    UNMADE_FIELD_NUMBER: _ClassVar[int]
    configurations: _containers.RepeatedCompositeFieldContainer[PlannedConfiguration]
    devices: _containers.RepeatedCompositeFieldContainer[DevicePlan]
    refusals: _containers.RepeatedCompositeFieldContainer[Refusal]
    missing: int
    unmade: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, configurations: _Optional[_Iterable[_Union[PlannedConfiguration, _Mapping]]] = ..., devices: _Optional[_Iterable[_Union[DevicePlan, _Mapping]]] = ..., refusals: _Optional[_Iterable[_Union[Refusal, _Mapping]]] = ..., missing: _Optional[int] = ..., unmade: _Optional[_Iterable[str]] = ...) -> None: ...

class SubmitSweepRequest(_message.Message):
    __slots__ = ("request_id", "spec_json", "keep_name")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    SPEC_JSON_FIELD_NUMBER: _ClassVar[int]
    KEEP_NAME_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    spec_json: str
    keep_name: bool
    def __init__(self, request_id: _Optional[str] = ..., spec_json: _Optional[str] = ..., keep_name: bool = ...) -> None: ...

class SubmitSweepReply(_message.Message):
    __slots__ = ("sweep", "refusals")
    SWEEP_FIELD_NUMBER: _ClassVar[int]
    REFUSALS_FIELD_NUMBER: _ClassVar[int]
    sweep: Sweep
    refusals: _containers.RepeatedCompositeFieldContainer[Refusal]
    def __init__(self, sweep: _Optional[_Union[Sweep, _Mapping]] = ..., refusals: _Optional[_Iterable[_Union[Refusal, _Mapping]]] = ...) -> None: ...

class Sweep(_message.Message):
    __slots__ = ("sweep_id", "name", "state", "configurations", "runs", "runs_by_state", "created_unix_s", "ended_unix_s", "devices", "notes", "note", "labels", "paused_unix_s", "paused_by")
    class RunsByStateEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    SWEEP_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CONFIGURATIONS_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    RUNS_BY_STATE_FIELD_NUMBER: _ClassVar[int]
    CREATED_UNIX_S_FIELD_NUMBER: _ClassVar[int]
    ENDED_UNIX_S_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    PAUSED_UNIX_S_FIELD_NUMBER: _ClassVar[int]
    PAUSED_BY_FIELD_NUMBER: _ClassVar[int]
    sweep_id: str
    name: str
    state: str
    configurations: int
    runs: int
    runs_by_state: _containers.ScalarMap[str, int]
    created_unix_s: float
    ended_unix_s: float
    devices: _containers.RepeatedScalarFieldContainer[str]
    notes: _containers.RepeatedScalarFieldContainer[str]
    note: str
    labels: _containers.RepeatedScalarFieldContainer[str]
    paused_unix_s: float
    paused_by: str
    def __init__(self, sweep_id: _Optional[str] = ..., name: _Optional[str] = ..., state: _Optional[str] = ..., configurations: _Optional[int] = ..., runs: _Optional[int] = ..., runs_by_state: _Optional[_Mapping[str, int]] = ..., created_unix_s: _Optional[float] = ..., ended_unix_s: _Optional[float] = ..., devices: _Optional[_Iterable[str]] = ..., notes: _Optional[_Iterable[str]] = ..., note: _Optional[str] = ..., labels: _Optional[_Iterable[str]] = ..., paused_unix_s: _Optional[float] = ..., paused_by: _Optional[str] = ...) -> None: ...

class ListSweepsRequest(_message.Message):
    __slots__ = ("states", "labels", "last")
    STATES_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    states: _containers.RepeatedScalarFieldContainer[str]
    labels: _containers.RepeatedScalarFieldContainer[str]
    last: int
    def __init__(self, states: _Optional[_Iterable[str]] = ..., labels: _Optional[_Iterable[str]] = ..., last: _Optional[int] = ...) -> None: ...

class ListSweepsReply(_message.Message):
    __slots__ = ("sweeps",)
    SWEEPS_FIELD_NUMBER: _ClassVar[int]
    sweeps: _containers.RepeatedCompositeFieldContainer[Sweep]
    def __init__(self, sweeps: _Optional[_Iterable[_Union[Sweep, _Mapping]]] = ...) -> None: ...

class SweepRequest(_message.Message):
    __slots__ = ("sweep",)
    SWEEP_FIELD_NUMBER: _ClassVar[int]
    sweep: str
    def __init__(self, sweep: _Optional[str] = ...) -> None: ...

class SkipSweepRequest(_message.Message):
    __slots__ = ("sweep", "device")
    SWEEP_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    sweep: str
    device: str
    def __init__(self, sweep: _Optional[str] = ..., device: _Optional[str] = ...) -> None: ...

class PrioritiseSweepsRequest(_message.Message):
    __slots__ = ("sweeps", "device", "last")
    SWEEPS_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    sweeps: _containers.RepeatedScalarFieldContainer[str]
    device: str
    last: bool
    def __init__(self, sweeps: _Optional[_Iterable[str]] = ..., device: _Optional[str] = ..., last: bool = ...) -> None: ...

class DeviceQueue(_message.Message):
    __slots__ = ("device", "sweeps")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    SWEEPS_FIELD_NUMBER: _ClassVar[int]
    device: str
    sweeps: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, device: _Optional[str] = ..., sweeps: _Optional[_Iterable[str]] = ...) -> None: ...

class PrioritiseSweepsReply(_message.Message):
    __slots__ = ("queues",)
    QUEUES_FIELD_NUMBER: _ClassVar[int]
    queues: _containers.RepeatedCompositeFieldContainer[DeviceQueue]
    def __init__(self, queues: _Optional[_Iterable[_Union[DeviceQueue, _Mapping]]] = ...) -> None: ...

class ConfigurationState(_message.Message):
    __slots__ = ("configuration", "runs_by_state", "reason", "message")
    class RunsByStateEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    CONFIGURATION_FIELD_NUMBER: _ClassVar[int]
    RUNS_BY_STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    configuration: PlannedConfiguration
    runs_by_state: _containers.ScalarMap[str, int]
    reason: str
    message: str
    def __init__(self, configuration: _Optional[_Union[PlannedConfiguration, _Mapping]] = ..., runs_by_state: _Optional[_Mapping[str, int]] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class ShowSweepReply(_message.Message):
    __slots__ = ("sweep", "configurations", "spec_json")
    SWEEP_FIELD_NUMBER: _ClassVar[int]
    CONFIGURATIONS_FIELD_NUMBER: _ClassVar[int]
    SPEC_JSON_FIELD_NUMBER: _ClassVar[int]
    sweep: Sweep
    configurations: _containers.RepeatedCompositeFieldContainer[ConfigurationState]
    spec_json: str
    def __init__(self, sweep: _Optional[_Union[Sweep, _Mapping]] = ..., configurations: _Optional[_Iterable[_Union[ConfigurationState, _Mapping]]] = ..., spec_json: _Optional[str] = ...) -> None: ...

class RunningNow(_message.Message):
    __slots__ = ("device", "what", "phase", "iterations")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    WHAT_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    device: str
    what: str
    phase: str
    iterations: int
    def __init__(self, device: _Optional[str] = ..., what: _Optional[str] = ..., phase: _Optional[str] = ..., iterations: _Optional[int] = ...) -> None: ...

class SweepProgress(_message.Message):
    __slots__ = ("sweep", "running", "seconds_left", "event", "left")
    SWEEP_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    SECONDS_LEFT_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    sweep: Sweep
    running: _containers.RepeatedCompositeFieldContainer[RunningNow]
    seconds_left: float
    event: str
    left: Span
    def __init__(self, sweep: _Optional[_Union[Sweep, _Mapping]] = ..., running: _Optional[_Iterable[_Union[RunningNow, _Mapping]]] = ..., seconds_left: _Optional[float] = ..., event: _Optional[str] = ..., left: _Optional[_Union[Span, _Mapping]] = ...) -> None: ...

class DeleteSweepReply(_message.Message):
    __slots__ = ("runs", "files")
    RUNS_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    runs: int
    files: int
    def __init__(self, runs: _Optional[int] = ..., files: _Optional[int] = ...) -> None: ...

class FilePart(_message.Message):
    __slots__ = ("path", "data", "is_last", "sha256")
    PATH_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    IS_LAST_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    path: str
    data: bytes
    is_last: bool
    sha256: str
    def __init__(self, path: _Optional[str] = ..., data: _Optional[bytes] = ..., is_last: bool = ..., sha256: _Optional[str] = ...) -> None: ...

class RebuildReportRequest(_message.Message):
    __slots__ = ("sweep", "engine")
    SWEEP_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    sweep: str
    engine: str
    def __init__(self, sweep: _Optional[str] = ..., engine: _Optional[str] = ...) -> None: ...

class RebuildReportReply(_message.Message):
    __slots__ = ("runs", "changed", "rule_version", "faults", "kept")
    RUNS_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    RULE_VERSION_FIELD_NUMBER: _ClassVar[int]
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    runs: int
    changed: int
    rule_version: str
    faults: _containers.RepeatedScalarFieldContainer[str]
    kept: str
    def __init__(self, runs: _Optional[int] = ..., changed: _Optional[int] = ..., rule_version: _Optional[str] = ..., faults: _Optional[_Iterable[str]] = ..., kept: _Optional[str] = ...) -> None: ...
