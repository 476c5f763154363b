"""The sampler: a process that reads the power sensors at steady rates and keeps the samples until asked.

Daemon to sampler: `prepare` {sysroot, cpu, period_s, measured, simulate}, `collect` {until_ns, activity}.
Sampler to daemon: `ready` {rails, absent}, `samples` {streams, report, columns}. Nothing is sent unasked: no
window suffers.
End of file on the input ends the process. Started as `python -m paretofleet_agent.power.sampler`.
"""

from __future__ import annotations

import contextlib
import sys

from paretofleet_agent.runner import frame_pipes

if __name__ == "__main__":
    _PIPES = frame_pipes.take_pipes()  # before anything else is imported that might print

import time
from array import array
from pathlib import Path
from types import MappingProxyType
from typing import Any, Callable, List, Mapping, Protocol, Sequence, Tuple

from paretofleet_agent.hardware.sysfs import INTEGER_MAX
from paretofleet_agent.model import Unavailable
from paretofleet_agent.power.polling import Measured, rhythm_of
from paretofleet_agent.runner import frames, process
from paretofleet_agent.sensors import Rail, Readings, Sensor, find_all
from paretofleet_agent.simulate.power import recorder_of

#: Times and values of each rail since the last collection.
Columns = List[Tuple["array[int]", "array[int]"]]


class Recorder(Protocol):
    """Where the samples come from: real sensors in real time, or a model on a virtual clock."""

    def rails(self) -> Sequence[Rail]:
        """The rails, in the order of `take`."""

    def facts(self) -> Sequence[Mapping[str, Any]]:
        """The facts of the rails, and how each is read."""

    def wait_s(self) -> float | None:
        """Seconds until `tick` is due; None when nothing happens without a frame."""

    def tick(self) -> None:
        """Reads the sensors that are due."""

    def take(self, request: Mapping[str, Any]) -> Columns:
        """The samples since the last call."""


class SensorRecorder:
    """Reads real sensors, each at its own rhythm or all every `period_s`, and counts what failed.

    `measured`: what is known of each stream's refreshes. `clock` gives nanoseconds.
    """

    def __init__(
        self,
        sensors: Sequence[Sensor],
        period_s: float | None = None,
        measured: Measured = MappingProxyType({}),
        clock: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._sensors, self._clock = sensors, clock
        self._rails: list[Rail] = []
        self._firsts: list[int] = []
        for sensor in sensors:
            self._firsts.append(len(self._rails))
            self._rails += sensor.rails()
        self._rhythms = [rhythm_of(sensor, period_s, measured, clock()) for sensor in sensors]
        self._columns = self._empty()
        self._failed = {rail.stream: 0 for rail in self._rails}

    def rails(self) -> Sequence[Rail]:
        """The rails of all sensors."""
        return self._rails

    def facts(self) -> Sequence[Mapping[str, Any]]:
        """The facts of all rails and how each is read: every `read_s`, if `read_spread` at random in it."""
        return [
            dict(rail.facts(), read_s=rhythm.period_s, read_spread=rhythm.is_spread)
            for sensor, rhythm in zip(self._sensors, self._rhythms)
            for rail in sensor.rails()
        ]

    def wait_s(self) -> float | None:
        """Seconds until the next sensor is due; None where there is none."""
        due_ns = [rhythm.due_ns for rhythm in self._rhythms]
        return max(0.0, (min(due_ns) - self._clock()) / 1e9) if due_ns else None

    def tick(self) -> None:
        """Reads what is due, at least the sensor that is due next."""
        due_ns = max(self._clock(), min(rhythm.due_ns for rhythm in self._rhythms))
        self._read([rhythm.due_ns <= due_ns for rhythm in self._rhythms])

    def report(self) -> dict[str, Any]:
        """How well the rhythms were kept since the start: reads, missed ones, the longest gap, failures."""
        return {
            "sensors": [
                dict(rhythm.report(), streams=[rail.stream for rail in sensor.rails()])
                for sensor, rhythm in zip(self._sensors, self._rhythms)
            ],
            "reads": sum(rhythm.reads for rhythm in self._rhythms),
            "missed": sum(rhythm.missed for rhythm in self._rhythms),
            "failed": {stream: count for stream, count in self._failed.items() if count},
        }

    def take(self, request: Mapping[str, Any]) -> Columns:
        """The samples since the last call, with a fresh one at the end: it closes the phase.

        Not of a sensor that converts when it is read: between two blocks the runner waits, and a reading of
        that moment, in every block, would count as much as one of the work.
        """
        del request
        self._read([not rhythm.is_spread for rhythm in self._rhythms])
        taken, self._columns = self._columns, self._empty()
        return taken

    def _read(self, due: Sequence[bool]) -> None:
        for sensor, rhythm, first, is_due in zip(self._sensors, self._rhythms, self._firsts, due):
            if is_due:
                rhythm.begins(self._clock())
                for at, readings in enumerate(sensor.read(), first):
                    self._keep(at, readings)
                rhythm.ends(self._clock())

    def _keep(self, at: int, readings: Readings) -> None:
        if readings is None:
            self._failed[self._rails[at].stream] += 1
            return
        times, values = self._columns[at]
        for t_ns, value in readings:
            if abs(value) > INTEGER_MAX:  # a plug-in's or a library's: no sensor's power
                self._failed[self._rails[at].stream] += 1
                continue
            times.append(t_ns)
            values.append(value)

    def _empty(self) -> Columns:
        return [(array("q"), array("q")) for _ in self._rails]


def serve(reader: frames.Reader, sink: int) -> None:
    """Serves one attempt over the frames of `reader` until its end; answers go to the descriptor `sink`."""
    frame = reader.read()
    if frame is None:
        return
    request: dict[str, Any] = frame[0]
    recorder: Recorder
    absent: list[Unavailable] = []
    if "simulate" in request:
        recorder = recorder_of(request["simulate"])
    else:
        process.pin_to_cpus([request["cpu"]])
        sensors, absent = find_all(Path(request["sysroot"]), request.get("sensors") or {})
        recorder = SensorRecorder(sensors, request["period_s"], request.get("measured") or {})
    rails, facts = recorder.rails(), [dict(each) for each in recorder.facts()]
    process.freeze_gc()
    frames.write(sink, {"kind": "ready", "rails": facts, "absent": [each.as_json() for each in absent]})
    while True:
        try:
            frame = reader.read(recorder.wait_s())
        except TimeoutError:
            recorder.tick()
            continue
        if frame is None:
            return
        taken = recorder.take(frame[0])
        streams = [
            {"stream": rail.stream, "schema": rail.schema, "n": len(times)}
            for rail, (times, _) in zip(rails, taken)
        ]
        columns = b"".join(frames.pack_columns(pair) for pair in taken)
        report = recorder.report() if isinstance(recorder, SensorRecorder) else None
        frames.write(sink, {"kind": "samples", "streams": streams, "report": report}, columns)


def main(pipes: tuple[int, int]) -> int:
    """Serves one attempt over the frame `pipes` and returns the exit code."""
    process.die_with_parent()
    with contextlib.suppress(BrokenPipeError, EOFError):  # the daemon is gone
        serve(frames.Reader(pipes[0]), pipes[1])
    return 0


if __name__ == "__main__":
    sys.exit(main(_PIPES))
