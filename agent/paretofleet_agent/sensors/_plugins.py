"""Sensors of other distributions: what they give is checked, and what they raise stays here."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Sequence

from paretofleet_agent.model import Unavailable
from paretofleet_agent.sensors.protocol import (
    BOXCAR,
    COUNTER,
    FILTERED,
    INSTANT,
    FindResult,
    Rail,
    Readings,
    Sensor,
    Settings,
)

if TYPE_CHECKING:
    from importlib import metadata

log = logging.getLogger(__name__)

GROUP = "paretofleet.sensors"
KINDS = (COUNTER, INSTANT, BOXCAR, FILTERED)
INT64_MAX = 2**63 - 1


class CheckedSensor:
    """A plugin's sensor whose every failure is a failed reading."""

    def __init__(self, sensor: Sensor, rails: Sequence[Rail]) -> None:
        self._sensor, self._rails = sensor, rails

    def rails(self) -> Sequence[Rail]:
        """Its rails, as they were at first."""
        return self._rails

    def read(self) -> Sequence[Readings]:
        """What is new of each rail; None where the sensor raised or gave something else."""
        try:
            by_rail = list(self._sensor.read())
            if len(by_rail) == len(self._rails):
                return [None if new is None else _integers(new) for new in by_rail]
        except Exception:  # a plugin's code may raise anything
            log.debug("a sensor of another distribution failed", exc_info=True)
        return [None] * len(self._rails)

    def close(self) -> None:
        """Closes it, as far as it lets itself be closed."""
        with contextlib.suppress(Exception):
            self._sensor.close()


def find_plugins(sysroot: Path, settings: Settings) -> list[FindResult]:
    """What each plugin finds under `sysroot` with the owner's `settings`; one that breaks is unavailable."""
    return [_find(entry, sysroot, settings) for entry in entry_points()]


def entry_points() -> list[metadata.EntryPoint]:
    """The sensors of other distributions, by name."""
    if not _are_declared():
        return []
    from importlib import metadata

    if sys.version_info >= (3, 10):
        return sorted(metadata.entry_points(group=GROUP), key=lambda entry: entry.name)
    return sorted(metadata.entry_points().get(GROUP, ()), key=lambda entry: entry.name)


def checked_plugin(answer: Any) -> FindResult:
    """The `answer` of a plugin's `find`, with its sensors wrapped.

    Raises TypeError, ValueError and whatever the sensors raise where that is no answer.
    """
    sensors, unavailable = answer
    absent = list(unavailable)
    checked: list[Sensor] = []
    for sensor in sensors:
        rails = [_checked(rail) for rail in sensor.rails()]
        if not rails:
            raise ValueError("a sensor without rails")
        checked.append(CheckedSensor(sensor, rails))
    for each in absent:
        if not isinstance(each, Unavailable):
            raise TypeError(f"{each!r} is no Unavailable")
    return checked, absent


def _find(entry: metadata.EntryPoint, sysroot: Path, settings: Settings) -> FindResult:
    try:
        return checked_plugin(entry.load()(sysroot, settings))
    except Exception as error:  # a plugin's code may raise anything
        log.debug("the sensor %s failed", entry.name, exc_info=True)
        why = f"{type(error).__name__}: {error} (from the entry point {entry.value})"
        return [], [Unavailable(entry.name, why, "ask whoever made it, or uninstall it", refused=True)]


def _are_declared() -> bool:
    """Whether any distribution names the group; only then is `importlib.metadata`, 2 MB in memory, needed."""
    folders = [Path(entry or ".") for entry in sys.path]
    return any(
        GROUP.encode() in path.read_bytes()
        for folder in folders
        if folder.is_dir()
        for path in folder.glob("*-info/entry_points.txt")
    )


def _checked(rail: Any) -> Rail:
    if not isinstance(rail, Rail):
        raise TypeError(f"{rail!r} is no Rail")
    if rail.kind not in KINDS:
        raise ValueError(f"'{rail.kind}' is no kind; kinds are {', '.join(KINDS)}")
    json.dumps(rail.facts(), allow_nan=False)  # the facts of every run hold it
    return rail


def _integers(new: Any) -> Readings:
    """Readings as they are kept. Raises TypeError or ValueError where they are none."""
    readings = [(t_ns, value) for t_ns, value in new]
    for number in (number for reading in readings for number in reading):
        if not isinstance(number, int) or abs(number) > INT64_MAX:
            raise ValueError(f"{number!r} is no whole number of 64 bits")
    return readings
