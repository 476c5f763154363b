"""The start temperature: a run waits, within limits, until the device is as cool as when its sweep began.

Leakage rises with temperature and clocks fall: what runs after something heavy would look worse than it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from paretofleet_agent import sensors, simulate
from paretofleet_agent.device.clock import Clock
from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.hardware import environment
from paretofleet_agent.model import Lease

#: A run starts at most this far above the temperature before the first run of its sweep.
TOLERANCE_C = 2.0
#: How often a device that cools down is looked at.
LOOK_S = 1.0
#: The phase that heartbeats show meanwhile, and the flag of a run that started warm for all the waiting.
PHASE, TOO_WARM = "cool_down", "started_warm"


@dataclass(frozen=True)
class CoolDown:
    """How a run waited: degrees Celsius of the sweep's first run, before and after the wait, and seconds.

    `after_c` is None where the temperature could not be read any more, which ends the wait too.
    """

    reference_c: float
    before_c: float
    after_c: float | None
    waited_s: float

    @property
    def gave_up(self) -> bool:
        """Whether the run starts warmer than it should, or nobody knows how warm."""
        return self.after_c is None or self.after_c > self.reference_c + TOLERANCE_C


def cool_down(
    read: Callable[[], float | None],
    reference_c: float | None,
    limit_s: float,
    clock: Clock,
    stopped: Callable[[], bool],
) -> CoolDown | None:
    """Waits until `read` is at most TOLERANCE_C above `reference_c`, for `limit_s` at most.

    Without a reference this is the sweep's first run, which sets it. None where there is no temperature.
    """
    before_c = after_c = read()
    if before_c is None:
        return None
    if reference_c is None:
        reference_c = before_c
    began_ns, waited_s = clock.now_ns(), 0.0
    while (
        after_c is not None and after_c > reference_c + TOLERANCE_C and waited_s < limit_s and not stopped()
    ):
        clock.sleep(min(LOOK_S, limit_s - waited_s), stopped)
        waited_s = (clock.now_ns() - began_ns) / 1e9
        after_c = read()
    return CoolDown(reference_c, before_c, after_c, waited_s)


def temperature_c(sysroot: Path, target_id: str) -> float | None:
    """Degrees Celsius of the GPU that is the target, else of the hottest thermal zone; None without any."""
    gpu = sensors.gpu_state(sysroot, target_id)
    if gpu.get("temperature_c") is not None:
        return float(gpu["temperature_c"])
    return max(environment.temperatures_c(sysroot).values(), default=None)


def gate(
    device: DeviceUnderTest,
    lease: Lease,
    simulated: simulate.SimulatedRun | None,
    clock: Clock,
    stopped: Callable[[], bool],
) -> CoolDown | None:
    """Waits before a run as its limits say; a sweep's first run on a target sets what later ones wait for.

    A simulated device waits for its temperature at rest, so that a run is the same whatever ran before it.
    """
    target_id: str = lease.configuration["target_id"]
    known, key = device.start_temperatures_c, (lease.sweep_name, target_id)

    def read() -> float | None:
        if simulated is not None:
            return simulated.temperature_c(clock.now_ns())
        return temperature_c(device.sysroot, target_id)

    reference_c = known.get(key) if simulated is None else simulate.REST_C
    waited = cool_down(read, reference_c, lease.limits.cool_max_s, clock, stopped)
    if waited is not None:
        known.setdefault(key, waited.reference_c)
    return waited
