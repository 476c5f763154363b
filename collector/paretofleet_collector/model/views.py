"""What the collector tells the command, free of the wire. Wall times: seconds since 1970; None: absent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from paretofleet_collector.model.entities import DevicePlan, Refusal, SensorInfo


@dataclass(frozen=True)
class DeviceView:
    """A device as listings show it; `running` is empty when idle."""

    device_id: str
    name: str
    device_class: str
    state: str
    labels: Mapping[str, str]
    targets: tuple[str, ...]
    runtimes: tuple[str, ...]
    sensors: tuple[SensorInfo, ...]
    simulated: bool
    agent_version: str
    last_seen_unix_s: float | None
    running: str


@dataclass(frozen=True)
class SweepView:
    """A sweep with the number of its runs in each state."""

    sweep_id: str
    name: str
    state: str
    configurations: int
    runs: int
    runs_by_state: Mapping[str, int]
    created_unix_s: float
    ended_unix_s: float | None
    devices: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlannedView:
    """A configuration by the names that people know; `threads` None is the device's default."""

    configuration_id: str
    device: str
    model: str
    variant: str
    target: str
    runtime: str
    precision: str
    batch_size: int
    threads: int | None


@dataclass(frozen=True)
class PlanView:
    """What a sweep would run, what it leaves out, and how long it takes each device."""

    configurations: tuple[PlannedView, ...]
    devices: tuple[DevicePlan, ...]
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True)
class ConfigurationView:
    """A configuration of a sweep and its runs; `reason` and `message` of the last that failed."""

    configuration: PlannedView
    runs_by_state: Mapping[str, int]
    reason: str
    message: str


@dataclass(frozen=True)
class SweepDetail:
    """A sweep with its configurations and its specification."""

    sweep: SweepView
    configurations: tuple[ConfigurationView, ...]
    spec_json: str


@dataclass(frozen=True)
class RunningNow:
    """What a device does at this moment."""

    device: str
    what: str
    phase: str
    iterations: int


@dataclass(frozen=True)
class Progress:
    """One message of a watched sweep; `seconds_left` is None until runs have ended."""

    sweep: SweepView
    running: tuple[RunningNow, ...]
    seconds_left: float | None
    event: str


@dataclass(frozen=True)
class Deleted:
    """How much of a sweep was deleted."""

    runs: int
    files: int


@dataclass(frozen=True)
class Rebuilt:
    """How many summaries were computed again, how many changed, and by which version of the rule."""

    runs: int
    changed: int
    rule_version: str


@dataclass(frozen=True)
class Part:
    """A piece of a file on its way: `path` in the first piece, `sha256` of the whole in the last."""

    path: str
    data: bytes
    is_last: bool
    sha256: str
