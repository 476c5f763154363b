"""What the live page shows beyond what the command does. Wall times: seconds since 1970; None: absent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from paretofleet_collector.model.messages import LiveReading
from paretofleet_collector.model.run_time import Span
from paretofleet_collector.model.views import DeviceView, RunningNow, SweepView


@dataclass(frozen=True)
class SweepMark:
    """What changes of a sweep: its state, when it ended, and its runs by state."""

    sweep_id: str
    state: str
    ended_unix_s: float | None
    counts: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class LastFailure:
    """The run that failed last on a device, and why."""

    run_id: str
    reason: str
    message: str
    ended_unix_s: float | None


@dataclass(frozen=True)
class LastReading:
    """What the newest sealed run of a device measured: mean power, and its hottest sensor at the end."""

    run_id: str
    power_w: float | None
    power_scope: str
    temperature_c: float | None
    ended_unix_s: float | None


#: Why what an agent reads may be unknown here.
_NOT_HEARD = "its agent is older than these readings or speaks to another collector of this fleet"


@dataclass(frozen=True)
class FleetDevice:
    """A device with what it does now, or why it does nothing, and what it did last."""

    device: DeviceView
    running: RunningNow | None
    waits: str
    failure: LastFailure | None
    reading: LastReading | None
    live: LiveReading = field(default_factory=LiveReading)

    @property
    def why_no_power(self) -> str:
        """Why no power is shown of this moment."""
        if self.device.state == "offline":
            return "its agent is silent"
        if not self.device.sensors:
            return "it has no power sensor"
        if not self.device.running:
            return "power is read during runs only"
        return f"its sensors have shown too little yet, or {_NOT_HEARD}"

    @property
    def why_no_temperature(self) -> str:
        """Why no temperature is shown of this moment."""
        if self.device.state == "offline":
            return "its agent is silent"
        if self.device.simulated:
            return "a simulated device has no thermal zone"
        return f"no thermal zone can be read there, or {_NOT_HEARD}"


@dataclass(frozen=True)
class FleetSweep:
    """A sweep with the time that it still takes, None while nothing shows it, and its failures by reason."""

    view: SweepView
    left: Span | None
    reasons: Mapping[str, int]


@dataclass(frozen=True)
class Fleet:
    """Every device, removed ones last, and every sweep, the newest first."""

    devices: tuple[FleetDevice, ...]
    sweeps: tuple[FleetSweep, ...]
