"""What the agent talks about, free of the wire: leases, limits, chunks, outcomes.

Times are int64 nanoseconds of CLOCK_MONOTONIC (`time.perf_counter_ns`) unless the name says otherwise.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Dict, Mapping

#: Phases of a run in their order; a mark stores the index. Both guards print as "guard".
PHASES = ("idle_before", "load", "warm_up", "guard_before", "measure", "guard_after", "idle_after", "end")

#: Columns of each chunk schema, all int64 little-endian, one column after the other.
#: `state` is followed by the JSON texts themselves, as long as `n_bytes` says, in order.
SCHEMAS: Mapping[str, tuple[str, ...]] = {
    "iterations/1": ("start_ns", "duration_ns"),
    "power/1": ("t_ns", "value_uw"),
    "energy/1": ("t_ns", "counter_uj"),
    "marks/1": ("t_ns", "phase"),
    "predictions/1": ("item", "class"),
    "state/1": ("t_ns", "n_bytes"),
}


@dataclass(frozen=True)
class AttemptKey:
    """One try at a run: the pair that every chunk and every lease carries."""

    run_id: str
    attempt: int


@dataclass(frozen=True)
class Limits:
    """How long one run warms up and measures; see `Limits` in fleet.proto."""

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
    cool_max_s: float = 0.0
    window_floor_s: float = 0.0


@dataclass(frozen=True)
class Artifact:
    """A model file, or one of samples, known by its SHA-256."""

    sha256: str
    size_bytes: int
    name: str
    #: To be read by nobody else, and kept no longer than the sweep lasts.
    is_private: bool = False


@dataclass(frozen=True)
class Lease:
    """A run granted to this agent. `configuration` is the parsed canonical JSON.

    `inputs`: the files of samples that it names by their SHA-256; `input_paths`: where each lies here, once
    it was fetched.
    """

    key: AttemptKey
    sweep_name: str
    configuration_id: str
    configuration: Mapping[str, Any]
    block: int
    limits: Limits
    artifact: Artifact
    seed: int
    lease_s: float
    inputs: tuple[Artifact, ...] = ()
    input_paths: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Chunk:
    """`n` samples of one stream; `seq` counts from 0 within (attempt, stream)."""

    key: AttemptKey
    stream: str
    seq: int
    schema: str
    n: int
    columns: bytes
    crc32: int


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended. `facts` is JSON-ready; its keys are in docs/reference/attempt-facts.md.

    `interrupted`: the run is not to blame, as when the agent was stopped or the power failed.
    """

    ok: bool
    reason: str = ""
    message: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    interrupted: bool = False


@dataclass(frozen=True)
class LiveReading:
    """What is known of a device at this moment, for people who watch it. None: nothing was read.

    `power_w`: what the running attempt's power sensors of `power_scope` showed last; `temperature_c`: the
    hottest thermal zone.
    """

    power_w: float | None = None
    power_scope: str = ""
    temperature_c: float | None = None


@dataclass(frozen=True)
class AttemptEnd:
    """The last thing an agent says of an attempt: how it ended and how many chunks each stream has."""

    key: AttemptKey
    chunks: Mapping[str, int]
    outcome: Outcome


@dataclass(frozen=True)
class Target:
    """A compute unit: `target_id` is "cpu" or a UUID or PCI address, `alias` what people write."""

    target_id: str
    alias: str
    description: str


@dataclass(frozen=True)
class RuntimeInfo:
    """A runtime that was found, with the targets it can use."""

    name: str
    version: str
    target_ids: tuple[str, ...]


@dataclass(frozen=True)
class SensorInfo:
    """A power source: scope (`package`, `module`, ...) and kind (`counter`, `instant`, ...).

    `primary`: a run's energy is taken from it; `target_id`: the one target whose power it is, None for more.
    """

    source: str
    rail: str
    scope: str
    kind: str
    primary: bool = False
    target_id: str | None = None


@dataclass(frozen=True)
class Inventory:
    """What a device has, as its hello says."""

    targets: tuple[Target, ...]
    runtimes: tuple[RuntimeInfo, ...]
    sensors: tuple[SensorInfo, ...]
    memory_bytes: int
    cpus: tuple[int, ...]
    architecture: str
    simulated: bool
    #: Vector instructions of the processor, empty where nobody can tell.
    isa: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unavailable:
    """`name`: something that was looked for and is not there or cannot be used; why, and what would mend it.

    `refused`: a power source that is there, or that the owner named, and cannot be used. `sensor`: what it
    would be where it is known; where it is a part of a sum, that sum is unknown.
    """

    name: str
    why: str
    fix: str | None = None
    refused: bool = False
    sensor: SensorInfo | None = None

    def as_json(self) -> dict[str, Any]:
        """The entry under `absent` in the answers of probe and sampler."""
        return {
            "what": self.name,
            "why": self.why,
            "fix": self.fix,
            "refused": self.refused,
            "sensor": None if self.sensor is None else asdict(self.sensor),
        }


Facts = Dict[str, Any]
