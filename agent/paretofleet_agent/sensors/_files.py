"""Sensors whose rails are small files: opened once, read at offset 0, each read timed at its middle."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Mapping, Sequence

from paretofleet_agent.hardware.sysfs import integer
from paretofleet_agent.model import Unavailable
from paretofleet_agent.sensors._bounded_reads import READ_BYTES, open_within
from paretofleet_agent.sensors.protocol import FindResult, Rail, Readings

#: Some drivers answer "try again" while a conversion is under way.
TRIES = 3
#: At the start there is time.
FIRST_TRIES, FIRST_WAIT_S = 5, 0.01


@dataclass(frozen=True)
class FileRail:
    """A rail, the files it is read from, and what makes microjoules or microwatts of their texts.

    `convert` raises ValueError where the texts are no reading.
    """

    rail: Rail
    paths: tuple[Path, ...]
    convert: Callable[[Sequence[str]], int]


class FilesSensor:
    """Rails that share open files: a file is read once, whichever rails need it.

    Reading comes after a pause that emptied the core's caches, where each call costs several times what it
    costs in a loop: rails of one file each, the usual case, take the shortest way.
    """

    def __init__(self, rails: Sequence[FileRail], descriptors: Mapping[Path, int]) -> None:
        self._rails, self._descriptors = list(rails), dict(descriptors)
        self._plain: list[tuple[int, Callable[[Sequence[str]], int]]] = []
        if [each.paths for each in self._rails] == [(path,) for path in self._descriptors]:
            self._plain = [(self._descriptors[each.paths[0]], each.convert) for each in self._rails]

    def rails(self) -> Sequence[Rail]:
        """Its rails, in the order of `read`."""
        return [each.rail for each in self._rails]

    def read(self) -> Sequence[Readings]:
        """One reading of each rail, timed at the middle of the reads it needs; None where one failed."""
        if not self._plain:
            texts = {path: _read(descriptor) for path, descriptor in self._descriptors.items()}
            return [_reading(each.convert, [texts[path] for path in each.paths]) for each in self._rails]
        clock, pread = time.perf_counter_ns, os.pread
        readings: list[Readings] = []
        before = clock()
        for descriptor, convert in self._plain:
            try:
                content = pread(descriptor, READ_BYTES, 0)
                after = clock()
                value = convert((content.decode("ascii", "replace"),))
                readings.append([((before + after) // 2, value)])
            except OSError:
                readings.append(_reading(convert, [_read(descriptor, TRIES - 1)]))
                after = clock()
            except (ValueError, IndexError):
                readings.append(None)
            before = after
        return readings

    def close(self) -> None:
        """Gives back its descriptors."""
        self._plain = []
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])


def open_rails(rails: Sequence[FileRail], *, fix: str | None = None) -> FindResult:
    """A sensor of those `rails` that give a reading now, if any, and why the others do not.

    `fix` says how to mend a permission that is denied.
    """
    opened = open_within(dict.fromkeys(path for each in rails for path in each.paths))
    descriptors = {path: result for path, result in opened.items() if isinstance(result, int)}
    errors = {path: result for path, result in opened.items() if isinstance(result, OSError)}
    candidates = [each for each in rails if not errors.keys() & set(each.paths)]
    first = _first_readings(FilesSensor(candidates, descriptors))
    readable = [each for each, reading in zip(candidates, first) if reading is not None]
    absent = [_unavailable(each, errors, fix) for each in rails if each not in readable]
    needed = {path for each in readable for path in each.paths}
    for path in set(descriptors) - needed:
        os.close(descriptors.pop(path))
    return ([FilesSensor(readable, descriptors)] if readable else []), absent


def one_integer(texts: Sequence[str]) -> int:
    """The reading of a file that already holds microjoules or microwatts: the only one of `texts`.

    Raises ValueError where it is no whole number.
    """
    return integer(texts[0])


def _first_readings(sensor: FilesSensor) -> Sequence[Readings]:
    """A reading of each rail, asked for with patience: a busy chip is not a missing one."""
    for _ in range(FIRST_TRIES - 1):
        readings = sensor.read()
        if None not in readings:
            return readings
        time.sleep(FIRST_WAIT_S)
    return sensor.read()


def _unavailable(each: FileRail, errors: Mapping[Path, OSError], fix: str | None) -> Unavailable:
    """Why a rail gives no reading: the first of the errors of its files, or what they say."""
    rail = each.rail
    error = next((errors[path] for path in each.paths if path in errors), None)
    if isinstance(error, PermissionError):
        why = f"permission denied: {error.filename}"
    elif error is not None:
        why, fix = f"{error.filename}: {error.strerror}", None
    else:
        why, fix = f"no reading: {', '.join(map(_content, each.paths))}", None
    sensor = rail.info if rail.primary else None
    return Unavailable(f"{rail.source}/{rail.rail}", why, fix, refused=rail.primary, sensor=sensor)


def _content(path: Path) -> str:
    try:
        return f"{path} says '{path.read_bytes()[:READ_BYTES].decode('ascii', 'replace').strip()}'"
    except OSError as error:
        return f"{path}: {error.strerror}"


def _reading(convert: Callable[[Sequence[str]], int], reads: Sequence[tuple[int, str] | None]) -> Readings:
    times, texts = [], []
    for read in reads:
        if read is None:
            return None
        times.append(read[0])
        texts.append(read[1])
    try:
        return [((min(times) + max(times)) // 2, convert(texts))]
    except (ValueError, IndexError):
        return None


def _read(descriptor: int, tries: int = TRIES) -> tuple[int, str] | None:
    for _ in range(tries):
        before = time.perf_counter_ns()
        try:
            content = os.pread(descriptor, READ_BYTES, 0)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EINTR):
                continue
            return None
        return (before + time.perf_counter_ns()) // 2, content.decode("ascii", "replace")
    return None
