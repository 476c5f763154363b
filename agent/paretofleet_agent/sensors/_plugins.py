"""Sensors of other distributions: what they give is checked, and what they raise stays here."""

from __future__ import annotations

import contextlib
import json
import logging
from typing import Any, Sequence

from paretofleet_agent.model import Unavailable
from paretofleet_agent.sensors.protocol import (
    BOXCAR,
    COUNTER,
    FILTERED,
    INSTANT,
    Found,
    Rail,
    Readings,
    Sensor,
)

log = logging.getLogger(__name__)

KINDS = (COUNTER, INSTANT, BOXCAR, FILTERED)
INT64_MAX = 2**63 - 1


class Guarded:
    """A stranger's sensor whose every failure is a failed reading."""

    def __init__(self, sensor: Sensor, rails: Sequence[Rail]) -> None:
        self._sensor, self._rails = sensor, rails

    def rails(self) -> Sequence[Rail]:
        """Its rails, as they were at first."""
        return self._rails

    def read(self) -> Sequence[Readings]:
        """What is new of each rail; None where the sensor raised or gave something else."""
        try:
            found = list(self._sensor.read())
            if len(found) == len(self._rails):
                return [None if new is None else _integers(new) for new in found]
        except Exception:  # a stranger's code may raise anything
            log.debug("a sensor of another distribution failed", exc_info=True)
        return [None] * len(self._rails)

    def close(self) -> None:
        """Closes it, as far as it lets itself be closed."""
        with contextlib.suppress(Exception):
            self._sensor.close()


def guarded(answer: Any) -> Found:
    """The answer of a stranger's `find` with its sensors guarded.

    Raises TypeError, ValueError and whatever the sensors raise where that is no answer.
    """
    sensors, absent = answer
    found: Found = ([], [])
    for sensor in sensors:
        found[0].append(Guarded(sensor, [_checked(rail) for rail in sensor.rails()]))
        if not found[0][-1].rails():
            raise ValueError("a sensor without rails")
    for one in absent:
        if not isinstance(one, Unavailable):
            raise TypeError(f"{one!r} is no Unavailable")
        found[1].append(one)
    return found


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
