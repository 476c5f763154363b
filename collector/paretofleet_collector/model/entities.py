"""What the collector talks about, free of the wire and of the store.

Wall times are seconds since 1970 on the collector's clock. `None` means absent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from paretofleet_collector.model.canonical import canonical_json, fed_text
from paretofleet_collector.model.inputs import InputFile
from paretofleet_collector.model.remarks import Remarks
from paretofleet_collector.model.run_limits import Limits
from paretofleet_collector.model.run_time import Span

#: States of a run; the last four are final.
RUN_STATES = ("pending", "leased", "running", "uploaded", "sealed", "failed", "skipped", "cancelled")
RUN_FINAL = ("sealed", "failed", "skipped", "cancelled")
SWEEP_STATES = ("planned", "running", "paused", "finished", "finished_with_failures", "cancelled")
SWEEP_FINAL = ("finished", "finished_with_failures", "cancelled")
#: Why a run failed or was skipped.
REASONS = (
    *("oom", "unsupported", "unsupported_isa", "runtime_missing", "model_unavailable", "wrong_output"),
    *("crashed", "timeout", "lost", "cancelled"),
)


@dataclass(frozen=True)
class Target:
    """A compute unit: `target_id` is "cpu" or a UUID or PCI address, `alias` what people write."""

    target_id: str
    alias: str
    description: str = ""


@dataclass(frozen=True)
class RuntimeInfo:
    """A runtime on a device, with the targets it can use."""

    name: str
    version: str
    target_ids: tuple[str, ...]


@dataclass(frozen=True)
class SensorInfo:
    """A power source of a device: its scope (`package`, ...) and kind (`counter`, ...)."""

    source: str
    rail: str
    scope: str
    kind: str


@dataclass(frozen=True)
class Inventory:
    """What a device said it has."""

    targets: tuple[Target, ...] = ()
    runtimes: tuple[RuntimeInfo, ...] = ()
    sensors: tuple[SensorInfo, ...] = ()
    memory_bytes: int | None = None
    cpus: tuple[int, ...] = ()
    architecture: str = ""
    simulated: bool = False
    #: The newest number of the protocol that its agent speaks.
    wire_version: int = 1
    #: What all its runs have in their environment, as the agent told it: JSON, empty from older agents.
    environment_json: str = ""
    #: Vector instructions of its processor, empty where nobody can tell.
    isa: tuple[str, ...] = ()


@dataclass(frozen=True)
class Device:
    """A machine that runs an agent. `state`: online, offline, paused or removed."""

    device_id: str
    name: str
    device_class: str
    state: str = "offline"
    labels: Mapping[str, str] = field(default_factory=dict)
    inventory: Inventory = field(default_factory=Inventory)
    agent_version: str = ""
    last_seen_unix_s: float | None = None
    running: str = ""

    @property
    def simulated(self) -> bool:
        """True for an agent that was started with --simulate."""
        return self.inventory.simulated


@dataclass(frozen=True)
class Variant:
    """A model file, known by its SHA-256, under a model's name.

    `stored` False: a network of the zoo that was not built yet; `sha256` is then the expected one. `top1` and
    `top5`: percent of `top1_n` items as `top1_source` says. `weights_source`: whose weights they are.
    `parent`: SHA-256 of the variant from which it was made. `fixed_batch_size` None: any. `sizes`, `inputs`:
    what it is fed where a sweep says nothing. `graph`: what it asks for, empty where nobody has read it.
    `record`: of the recipe that made it here (`recipes.recorded`), else empty. `compressed_bytes`: without
    zeros, or with shared values kept once. `is_private`: devices drop its file after a sweep.
    `training`: what its trainings came to and cost (`model.trainings`); empty where nobody measured any.
    """

    model: str
    variant: str
    sha256: str
    size_bytes: int
    recipe: str = "file"
    weights_precision: str = "fp32"
    parent: str | None = None
    parameters: int | None = None
    macs: int | None = None
    top1: float | None = None
    top1_n: int | None = None
    top1_source: str | None = None
    accuracy_group: str | None = None
    top5: float | None = None
    licence: str | None = None
    weights_source: str | None = None
    fixed_batch_size: int | None = None
    stored: bool = True
    sizes: Mapping[str, int] = field(default_factory=dict, hash=False)
    inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)
    graph: Mapping[str, Any] = field(default_factory=dict, hash=False)
    record: str = ""
    compressed_bytes: int | None = None
    is_private: bool = False
    training: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def counted_bytes(self) -> int:
        """The size that a ranking counts: of a pruned or clustered variant the compressed one."""
        return self.size_bytes if self.compressed_bytes is None else self.compressed_bytes

    @property
    def format(self) -> str:
        """That of its file: onnx or tflite."""
        return str(self.graph.get("format", "onnx"))


@dataclass(frozen=True)
class Configuration:
    """What is run, as requested; the same id in every sweep. `threads` None: the device's default.

    `items_s`: in mode `paced` the items that come a second. `sizes`: elements of the free axes, by name, or
    as INPUT.AXIS. `inputs`: by name the law of an input's values, a number, or the SHA-256 of the user's
    samples. `data`: in mode `accuracy` the labelled set, as `planning.data.of_configuration` has it.
    `simulated`: what a simulated device shows. What is not asked for is no part of the identity.
    """

    batch_size: int
    device_id: str
    mode: str
    options: Mapping[str, Any]
    precision: str
    protocol: str
    runtime: str
    target_id: str
    threads: int | None
    timing_scope: str
    variant_sha256: str
    items_s: float | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    simulated: Mapping[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The fields by name, JSON-ready, without what is not asked for."""
        fields = asdict(self)
        optional = ("items_s", "sizes", "inputs", "data", "simulated")
        return {name: each for name, each in fields.items() if name not in optional or each not in (None, {})}

    @property
    def pace(self) -> str:
        """The mode, with its rate where it has one: latency, paced=5."""
        return self.mode if self.items_s is None else f"{self.mode}={self.items_s:g}"

    @property
    def fed(self) -> str:
        """What is fed where it was asked for, for people: `sequence=128, ids=zipf, x=1f2e3d4c`."""
        return fed_text(self.sizes, self.inputs)

    @property
    def input_files(self) -> tuple[str, ...]:
        """The SHA-256 of the files of samples, each once."""
        return tuple(dict.fromkeys(fed["sha256"] for fed in self.inputs.values() if "sha256" in fed))

    @property
    def period_s(self) -> float | None:
        """Seconds from one batch to the next, where items come by the clock."""
        return None if self.items_s is None else self.batch_size / self.items_s

    @cached_property
    def canonical_json(self) -> str:
        """The text whose SHA-256 is the identity."""
        return canonical_json(self.as_json())

    @cached_property
    def configuration_id(self) -> str:
        """16 hex digits of the SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.canonical_json.encode()).hexdigest()[:16]

    @classmethod
    def from_json(cls, text: str) -> Configuration:
        """The configuration that a canonical JSON describes; raises TypeError on other keys."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class PlannedConfiguration:
    """A configuration with the names that people know it by."""

    configuration: Configuration
    device: str
    model: str
    variant: str
    target: str

    @property
    def configuration_id(self) -> str:
        """The identity of the configuration."""
        return self.configuration.configuration_id


@dataclass(frozen=True)
class Refusal:
    """A combination left out of a sweep: what was asked for, and why it is not run."""

    combination: str
    why: str


@dataclass(frozen=True)
class DevicePlan:
    """How much work a sweep is for one device (its name), in seconds that follow from the protocol.

    `likely`: what its fewest runs are likely to take.
    """

    device: str
    configurations: int
    runs_min: int
    runs_max: int
    seconds_min: float
    seconds_max: float
    likely: Span | None = None


@dataclass(frozen=True)
class Missing:
    """A configuration that fails before it is tried, since its device lacks the runtime, and why."""

    planned: PlannedConfiguration
    why: str


@dataclass(frozen=True)
class Plan:
    """What a sweep would run, per device, and what of the request it leaves out and why.

    What is left out for want of a runtime is in `refusals` and, one by one, in `missing`: it stands in the
    sweep as failed. `unmade`: variants that are made when it is submitted, whose SHA-256 nobody knows yet;
    another stands in their configurations.
    """

    configurations: tuple[PlannedConfiguration, ...]
    refusals: tuple[Refusal, ...]
    devices: tuple[DevicePlan, ...]
    missing: tuple[Missing, ...] = ()
    unmade: tuple[Variant, ...] = ()

    @property
    def everything(self) -> tuple[PlannedConfiguration, ...]:
        """What runs, then what is missing."""
        return (*self.configurations, *(missing.planned for missing in self.missing))


@dataclass(frozen=True)
class Repeats:
    """How often a sweep repeats a configuration: at least `runs_min`, until converged or `runs_max`.

    `adaptive`: the use ("realtime", "offline") whose ranking chooses the blocks after `runs_min`; None: what
    has not converged is in them. `boots`: over how many boots of a device its blocks are spread, where its
    owner allows reboots. `days`: over how many days.
    """

    runs_min: int
    runs_max: int
    relative_half_width: float | None
    seed: int
    adaptive: str | None = None
    boots: int = 1
    days: int = 1


@dataclass(frozen=True)
class Sweep:
    """A plan under way. `ended_unix_s` is None while it runs.

    `paused_unix_s`: since when it is paused, None where it is not; `paused_by`: whose certificate did it.
    """

    sweep_id: str
    name: str
    state: str
    spec_json: str
    repeats: Repeats
    created_unix_s: float
    ended_unix_s: float | None = None
    configurations: int = 0
    runs: int = 0
    runs_by_state: Mapping[str, int] = field(default_factory=dict)
    devices: tuple[str, ...] = ()
    remarks: Remarks = field(default_factory=Remarks)
    paused_unix_s: float | None = None
    paused_by: str = ""


@dataclass(frozen=True)
class Run:
    """One repeat of a configuration in one block; `attempt` is the highest number granted, 0 before."""

    run_id: str
    sweep_id: str
    configuration_id: str
    device_id: str
    block: int
    state: str
    attempt: int = 0
    reason: str | None = None
    message: str = ""
    lease_until_unix_s: float | None = None
    started_unix_s: float | None = None
    ended_unix_s: float | None = None


@dataclass(frozen=True)
class AttemptKey:
    """One try at a run: the pair that every chunk and every lease carries."""

    run_id: str
    attempt: int


@dataclass(frozen=True)
class Chunk:
    """`n` samples of one stream of an attempt; `seq` counts from 0 in the stream."""

    key: AttemptKey
    stream: str
    seq: int
    schema: str
    n: int
    columns: bytes
    crc32: int


@dataclass(frozen=True)
class AttemptEnd:
    """How an attempt ended, and how many chunks each of its streams has."""

    key: AttemptKey
    chunks: Mapping[str, int]
    ok: bool
    reason: str
    message: str
    facts_json: str
    #: Over all of it, as fleet.proto defines it; None where an older agent does not count it.
    crc32: int | None = None
    #: A stop, a power cut: nothing that the run could help.
    interrupted: bool = False


@dataclass(frozen=True)
class Grant:
    """A run given to a device for `lease_s` seconds."""

    key: AttemptKey
    sweep_id: str
    sweep_name: str
    planned: PlannedConfiguration
    block: int
    limits: Limits
    artifact: Variant
    seed: int
    lease_s: float
    inputs: tuple[InputFile, ...] = ()
