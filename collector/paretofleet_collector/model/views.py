"""What the collector shows to people, free of the wire. Wall times: seconds since 1970; None: absent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from paretofleet_collector.model.entities import (
    RUN_FINAL,
    Device,
    DevicePlan,
    Plan,
    PlannedConfiguration,
    Refusal,
    SensorInfo,
    Sweep,
)
from paretofleet_collector.model.run_time import Span


@dataclass(frozen=True)
class Evaluation:
    """The accuracy of the variant `sha256` in a `precision`, measured on a `device`.

    `top1`, `top5`: percent of `top1_n` items. `correct_items` and `accuracy_data` as the columns of a report.
    """

    sha256: str
    device: str
    runtime: str
    precision: str
    top1: float
    top1_n: int
    top5: float | None
    correct_items: str
    accuracy_data: str


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
    pool: str = ""
    #: Of its certificate: valid, expired or revoked; empty where it has none.
    identity: str = ""
    #: Names of the sweeps that it works on, in this order.
    queue: tuple[str, ...] = ()
    #: What all its runs have in their environment, as its agent told it: JSON, empty from older agents.
    environment_json: str = ""

    @classmethod
    def of(
        cls,
        device: Device,
        running: str = "",
        identity: str = "",
        pool: str = "",
        queue: tuple[str, ...] = (),
    ) -> DeviceView:
        """The view of a device of a `pool` that runs `running`, with the state of its `identity`, and its
        `queue` of sweeps.
        """
        return cls(
            device_id=device.device_id,
            name=device.name,
            device_class=device.device_class,
            state=device.state,
            labels=device.labels,
            targets=tuple(target.alias for target in device.inventory.targets),
            runtimes=tuple(f"{runtime.name} {runtime.version}" for runtime in device.inventory.runtimes),
            sensors=device.inventory.sensors,
            simulated=device.simulated,
            agent_version=device.agent_version,
            last_seen_unix_s=device.last_seen_unix_s,
            running=running,
            pool=pool,
            identity=identity,
            queue=queue,
            environment_json=device.inventory.environment_json,
        )


@dataclass(frozen=True)
class SweepView:
    """A sweep with the number of its runs in each state; `notes` are sentences for who looks at it."""

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
    #: What its submitter said of it, and the labels by which it is found.
    note: str = ""
    labels: tuple[str, ...] = ()
    #: Since when it is paused, None where it is not, and by whom, empty for the local command.
    paused_unix_s: float | None = None
    paused_by: str = ""

    @property
    def ended_runs(self) -> int:
        """How many of its runs are over on their device, in whatever way; some wait for their seal."""
        return sum(self.runs_by_state.get(state, 0) for state in (*RUN_FINAL, "uploaded"))

    @classmethod
    def of(cls, sweep: Sweep, notes: tuple[str, ...] = ()) -> SweepView:
        """The view of a sweep, with these notes."""
        return cls(
            sweep_id=sweep.sweep_id,
            name=sweep.name,
            state=sweep.state,
            configurations=sweep.configurations,
            runs=sweep.runs,
            runs_by_state=sweep.runs_by_state,
            created_unix_s=sweep.created_unix_s,
            ended_unix_s=sweep.ended_unix_s,
            devices=sweep.devices,
            notes=notes,
            note=sweep.remarks.note,
            labels=sweep.remarks.labels,
            paused_unix_s=sweep.paused_unix_s,
            paused_by=sweep.paused_by,
        )


@dataclass(frozen=True)
class PlannedView:
    """A configuration by the names that people know; `threads` None is the device's default.

    `mode` has the rate with it, as in paced=5; `fed` what was asked for of sizes and inputs, as one line.
    """

    configuration_id: str
    device: str
    model: str
    variant: str
    target: str
    runtime: str
    precision: str
    batch_size: int
    threads: int | None
    mode: str = ""
    fed: str = ""

    @classmethod
    def of(cls, planned: PlannedConfiguration) -> PlannedView:
        """The view of a planned configuration."""
        configuration = planned.configuration
        return cls(
            configuration_id=configuration.configuration_id,
            device=planned.device,
            model=planned.model,
            variant=planned.variant,
            target=planned.target,
            runtime=configuration.runtime,
            precision=configuration.precision,
            batch_size=configuration.batch_size,
            threads=configuration.threads,
            mode=configuration.pace,
            fed=configuration.fed,
        )


@dataclass(frozen=True)
class PlanView:
    """What a sweep would run, what it leaves out, and how long it takes each device."""

    configurations: tuple[PlannedView, ...]
    devices: tuple[DevicePlan, ...]
    refusals: tuple[Refusal, ...]
    #: Configurations that stand in the sweep as failed, for want of a runtime.
    missing: int = 0
    #: What is made when it is submitted, a sentence for each variant.
    unmade: tuple[str, ...] = ()

    @classmethod
    def of(cls, plan: Plan) -> PlanView:
        """The view of a plan; what fails for want of a runtime is counted, and why is among the refusals.

        Configurations of variants that are still to be made have no id.
        """
        unknown = {variant.sha256 for variant in plan.unmade}
        views = [
            (PlannedView.of(planned), planned.configuration.variant_sha256 in unknown)
            for planned in plan.configurations
        ]
        return cls(
            configurations=tuple(
                replace(view, configuration_id="") if is_unmade else view for view, is_unmade in views
            ),
            devices=plan.devices,
            refusals=plan.refusals,
            missing=len(plan.missing),
            unmade=tuple(
                f"{variant.model}@{variant.variant} will be made by {variant.recipe}"
                for variant in plan.unmade
            ),
        )


@dataclass(frozen=True)
class ConfigurationState:
    """A configuration of a sweep and its runs; why the last failed, else why the last was skipped."""

    configuration: PlannedView
    runs_by_state: Mapping[str, int]
    reason: str
    message: str


@dataclass(frozen=True)
class SweepDetail:
    """A sweep with its configurations, in the order of the plan, and its specification."""

    sweep: SweepView
    configurations: tuple[ConfigurationState, ...]
    spec_json: str


@dataclass(frozen=True)
class RunningNow:
    """What a device does at this moment: the configuration as people name it, and how far its run is."""

    device: str
    configuration: str
    phase: str
    iterations: int
    run_id: str = ""
    sweep_id: str = ""


@dataclass(frozen=True)
class SweepProgress:
    """One message of a watched sweep; `left`, the time until it ends, is None while nothing shows it."""

    sweep: SweepView
    running: tuple[RunningNow, ...]
    left: Span | None
    event: str = ""


@dataclass(frozen=True)
class DeviceQueue:
    """The names of the `sweeps` that a `device`, by its name, works on, in this order."""

    device: str
    sweeps: tuple[str, ...]


@dataclass(frozen=True)
class Deleted:
    """How much of a sweep was deleted."""

    runs: int
    files: int


@dataclass(frozen=True)
class Rebuilt:
    """How many summaries were computed again, how many changed, and by which version of the rule.

    `faults` has a sentence for each run that could not be computed again, `kept` one on those whose samples
    were removed.
    """

    runs: int
    changed: int
    rule_version: str
    faults: tuple[str, ...] = ()
    kept: str = ""


@dataclass(frozen=True)
class FilePart:
    """A piece of a file on its way: `path` in the first piece, `sha256` of the whole in the last."""

    path: str
    data: bytes
    is_last: bool
    sha256: str


@dataclass(frozen=True)
class TokenView:
    """A join token without its secret. `state`: valid, used up, expired or revoked."""

    role: str
    name: str
    pool: str
    approve: bool
    uses: int
    token_id: str = ""
    uses_left: int = 0
    created_unix_s: float = 0.0
    expires_unix_s: float = 0.0
    state: str = ""


@dataclass(frozen=True)
class UserView:
    """A person with a certificate. `state`: valid, expired or revoked."""

    name: str
    role: str
    state: str
    expires_unix_s: float


@dataclass(frozen=True)
class RotationView:
    """The SHA-256 of each authority, and who knows the older ones only."""

    authorities: tuple[str, ...]
    behind: tuple[str, ...]
