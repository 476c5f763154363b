"""The start temperature: a run waits, within limits, until the device is as cool as when its sweep began.

Leakage rises with temperature and clocks fall: what runs after something heavy would look worse than it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

from paretofleet_agent.device.clock import Clock
from paretofleet_agent.device.device import DeviceUnderTest
from paretofleet_agent.device.host import Host
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
    """Waits on `clock` until `read` gives at most TOLERANCE_C above `reference_c`, both in degrees Celsius.

    For `limit_s` seconds at most, and not after `stopped()`. Without a reference this is the sweep's first
    run, which sets it. None where there is no temperature.
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


def wait_until_cool(
    device: DeviceUnderTest, lease: Lease, host: Host, stopped: Callable[[], bool]
) -> CoolDown | None:
    """Waits before a run of `lease` on `device` as its limits say, or until `stopped()`.

    A sweep's first run on a target sets what later ones wait for, unless `host` has a temperature at rest.
    None where there is no temperature.
    """
    start_temperatures_c = device.start_temperatures_c
    key = (lease.sweep_name, lease.configuration["target_id"])
    reference_c = host.rest_temperature_c
    if reference_c is None:
        reference_c = start_temperatures_c.get(key)
    wait = cool_down(host.temperature_c, reference_c, lease.limits.cool_max_s, host.clock, stopped)
    if wait is not None:
        start_temperatures_c.setdefault(key, wait.reference_c)
    return wait
