"""Power sensors: one small protocol, one file each, named here.

To add one: a file beside this one with a function like `rapl.find`, a line in `BUILT_IN`, a fixture
`tests/fixtures/<name>*` of the files it reads, and a row in CONTRIBUTING.md. A sensor in a distribution of
its own names such a function under the entry point group `paretofleet.sensors`.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, Mapping

from paretofleet_agent.hardware import gpu_state as _nvml_state
from paretofleet_agent.model import Unavailable
from paretofleet_agent.sensors import (
    _interference,
    amdgpu,
    battery,
    ina3221,
    intel_gpu,
    meter,
    nvml,
    rapl,
    raspberry,
)
from paretofleet_agent.sensors._conflicts import without_disputes
from paretofleet_agent.sensors._plugins import guarded
from paretofleet_agent.sensors.protocol import NO_SETTINGS, Found, Rail, Readings, Sensor, Settings

if TYPE_CHECKING:
    from importlib import metadata

__all__ = [
    "BUILT_IN",
    "NO_SETTINGS",
    "Found",
    "Rail",
    "Readings",
    "Sensor",
    "Settings",
    "find_all",
    "flags",
    "gpu_state",
    "states",
]

log = logging.getLogger(__name__)

GROUP = "paretofleet.sensors"

#: Every sensor that is looked for: `find(sysroot, settings)` opens what it finds, or says why not.
BUILT_IN: Mapping[str, Callable[[Path, Settings], Found]] = {
    "nvml": nvml.find,
    "ina3221": ina3221.find,
    "rapl": rapl.find,
    "amdgpu": amdgpu.find,
    "intel_gpu": intel_gpu.find,
    "battery": battery.find,
    "raspberry": raspberry.find,
    "meter": meter.find,
}
State = Dict[str, Any]
#: What sensors know beside power, JSON-ready: throttling, clocks, voltage. Empty where there is nothing.
STATES: Mapping[str, Callable[[Path], State]] = {
    "nvml": _nvml_state.state,
    "ina3221": ina3221.state,
    "raspberry": raspberry.state,
    "pollers": _interference.state,
}
#: What two such states around a window say of the run between them.
FLAGS: Mapping[str, Callable[[State, State], Iterable[str]]] = {
    "nvml": _nvml_state.flags,
    "raspberry": raspberry.flags,
    "pollers": _interference.flags,
}


def find_all(sysroot: Path, settings: Settings = NO_SETTINGS) -> tuple[list[Sensor], list[Unavailable]]:
    """Every sensor of the device under `sysroot`, opened; and what was not found, why, and the fix.

    `settings` is the section [sensors] of agent.ini. Two sensors that claim the same power
    or the same name are both left out.
    """
    found: list[Sensor] = []
    absent: list[Unavailable] = []
    for find in BUILT_IN.values():
        sensors, missing = find(sysroot, settings)
        found += sensors
        absent += missing
    for entry in entry_points():
        sensors, missing = _find_of(entry, sysroot, settings)
        found += sensors
        absent += missing
    return without_disputes(found, absent + (_interference.warnings(sysroot) if found else []))


def entry_points() -> list[metadata.EntryPoint]:
    """The sensors of other distributions, by name."""
    if not _are_declared():
        return []
    from importlib import metadata

    if sys.version_info >= (3, 10):
        return sorted(metadata.entry_points(group=GROUP), key=lambda entry: entry.name)
    return sorted(metadata.entry_points().get(GROUP, ()), key=lambda entry: entry.name)


def _are_declared() -> bool:
    """Whether any distribution names the group; only then is `importlib.metadata`, 2 MB in memory, needed."""
    folders = [Path(entry or ".") for entry in sys.path]
    return any(
        GROUP.encode() in path.read_bytes()
        for folder in folders
        if folder.is_dir()
        for path in folder.glob("*-info/entry_points.txt")
    )


def _find_of(entry: metadata.EntryPoint, sysroot: Path, settings: Settings) -> Found:
    try:
        return guarded(entry.load()(sysroot, settings))
    except Exception as error:  # a stranger's code may raise anything
        log.debug("the sensor %s failed", entry.name, exc_info=True)
        why = f"{type(error).__name__}: {error} (from the entry point {entry.value})"
        return [], [Unavailable(entry.name, why, "ask whoever made it, or uninstall it", refused=True)]


def states(sysroot: Path) -> State:
    """What the sensors know beside power, by sensor; ask only outside a measured window."""
    found = {name: state(sysroot) for name, state in STATES.items()}
    return {name: state for name, state in found.items() if state}


def gpu_state(sysroot: Path, target_id: str) -> State:
    """What NVML knows of the GPU that a target is, with no look at anything else; empty for other targets."""
    return {} if target_id == "cpu" else STATES["nvml"](sysroot).get(target_id, {})


def flags(before: State, after: State) -> list[str]:
    """The flags of a run between two answers of `states`."""
    found = {
        flag
        for name, judge in FLAGS.items()
        if name in before and name in after
        for flag in judge(before[name], after[name])
    }
    return sorted(found)
