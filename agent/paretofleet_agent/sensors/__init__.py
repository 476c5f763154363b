"""Power sensors: one small protocol, one file each, named here.

To add one: a file beside this one with a function like `rapl.find`, a line in `BUILT_IN`, a fixture
`tests/fixtures/<name>*` of the files it reads, and a row in CONTRIBUTING.md. A sensor in a distribution of
its own names such a function under the entry point group `paretofleet.sensors`.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Mapping

from paretofleet_agent.hardware import gpu_state
from paretofleet_agent.model import Unavailable
from paretofleet_agent.sensors import (
    _interference,
    amdgpu,
    battery,
    hwmon_power,
    ina3221,
    intel_gpu,
    meter,
    nvml,
    rapl,
    raspberry,
)
from paretofleet_agent.sensors._bounded_reads import find_within, within
from paretofleet_agent.sensors._conflicts import without_disputes
from paretofleet_agent.sensors._plugins import find_plugins
from paretofleet_agent.sensors.protocol import NO_SETTINGS, FindResult, Rail, Readings, Sensor, Settings

__all__ = [
    "BUILT_IN",
    "NO_SETTINGS",
    "FindResult",
    "Rail",
    "Readings",
    "Sensor",
    "Settings",
    "find_all",
    "flags",
    "states",
    "within",
]

#: Every sensor that is looked for: `find(sysroot, settings)` opens what it finds, or says why not.
BUILT_IN: Mapping[str, Callable[[Path, Settings], FindResult]] = {
    "nvml": nvml.find,
    "ina3221": ina3221.find,
    "rapl": rapl.find,
    "amdgpu": amdgpu.find,
    "intel_gpu": intel_gpu.find,
    "battery": battery.find,
    "hwmon_power": hwmon_power.find,
    "raspberry": raspberry.find,
    "meter": meter.find,
}
HUNG_FIX = "look at `dmesg` for the bus of this chip, or restart the device"
State = Dict[str, Any]
#: What sensors know beside power, JSON-ready: throttling, clocks, voltage. Empty where there is nothing.
STATES: Mapping[str, Callable[[Path], State]] = {
    "nvml": gpu_state.state,
    "ina3221": ina3221.state,
    "raspberry": raspberry.state,
    "pollers": _interference.state,
}
#: What two such states around a window say of the run between them.
FLAGS: Mapping[str, Callable[[State, State], Iterable[str]]] = {
    "nvml": gpu_state.flags,
    "raspberry": raspberry.flags,
    "pollers": _interference.flags,
}


def find_all(sysroot: Path, settings: Settings = NO_SETTINGS) -> FindResult:
    """Every sensor of the device under `sysroot`, opened; and for what is unavailable why, and the fix.

    `settings` is the section [sensors] of agent.ini. Of two sensors that claim the same power or the same
    name the rails in question are left out, and so is what the settings `ignore` or give to a meter.
    """
    sensors: list[Sensor] = []
    absent: list[Unavailable] = []
    built_in = [_find(name, sysroot, settings) for name in BUILT_IN]
    for opened, unavailable in built_in + find_plugins(sysroot, settings):
        sensors += opened
        absent += unavailable
    if sensors:
        absent += _interference.warnings(sysroot)
    return without_disputes(sensors, absent, settings)


def _find(name: str, sysroot: Path, settings: Settings) -> FindResult:
    """What one of BUILT_IN finds; a file that it reads in vain is left out and named."""
    result, hung = find_within(functools.partial(BUILT_IN[name], sysroot, settings))
    sensors, absent = result or ([], [])
    whys = [f"{path}: a read that does not return" for path in hung]
    return sensors, [*absent, *(Unavailable(name, why, HUNG_FIX, refused=True) for why in whys)]


def states(sysroot: Path) -> State:
    """What the sensors under `sysroot` know beside power, by sensor; ask only outside a measured window."""
    states = {name: state(sysroot) for name, state in STATES.items()}
    return {name: state for name, state in states.items() if state}


def flags(before: State, after: State) -> list[str]:
    """The flags of a run between two answers of `states`, one `before` it and one `after`."""
    raised = {
        flag
        for name, judge in FLAGS.items()
        if name in before and name in after
        for flag in judge(before[name], after[name])
    }
    return sorted(raised)
