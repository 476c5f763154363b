"""The sampler: a process that reads the power sensors at a steady rate and keeps the samples until asked.

Daemon to sampler: `prepare` {sysroot, cpu, period_s, simulate}, `collect` {until_ns, activity}. Sampler to
daemon: `ready` {rails}, `samples` {streams, report, columns}. Nothing is sent unasked: no window suffers.
End of file on the input ends the process. Started as `python -m paretofleet_agent.sampler`.
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
from typing import Any, List, Mapping, Protocol, Sequence, Tuple

from paretofleet_agent.runner import frames, process
from paretofleet_agent.sensors import Rail, Sensor, find_all
from paretofleet_agent.simulate.power import recorder_of

#: Times and values of each rail since the last collection.
Columns = List[Tuple["array[int]", "array[int]"]]


class Recorder(Protocol):
    """Where the samples come from: real sensors in real time, or a model on a virtual clock."""

    def rails(self) -> Sequence[Rail]:
        """The rails, in the order of `take`."""

    def wait_s(self) -> float | None:
        """Seconds until `tick` is due; None when nothing happens without a frame."""

    def tick(self) -> None:
        """Reads every sensor once."""

    def take(self, request: Mapping[str, Any]) -> Columns:
        """The samples since the last call."""


class SensorRecorder:
    """Reads real sensors every `period_s` seconds, on a fixed grid, and counts what failed."""

    def __init__(self, sensors: Sequence[Sensor], period_s: float) -> None:
        self._sensors = sensors
        self._rails = [rail for sensor in sensors for rail in sensor.rails()]
        self._period_ns = int(period_s * 1e9)
        self._due_ns = self._last_ns = time.perf_counter_ns()
        self._columns = self._empty()
        self._reads = self._missed = self._longest_ns = 0
        self._failed = {rail.stream: 0 for rail in self._rails}

    def rails(self) -> Sequence[Rail]:
        """The rails of all sensors."""
        return self._rails

    def wait_s(self) -> float | None:
        """Seconds until the next point of the grid."""
        return max(0.0, (self._due_ns - time.perf_counter_ns()) / 1e9)

    def tick(self) -> None:
        """Reads every sensor once; a missed point of the grid is left out, never made up for."""
        now_ns = time.perf_counter_ns()
        self._longest_ns = max(self._longest_ns, now_ns - self._last_ns if self._reads else 0)
        self._last_ns = now_ns
        self._reads += 1
        new = [readings for sensor in self._sensors for readings in sensor.read()]
        for rail, (times, values), readings in zip(self._rails, self._columns, new):
            self._failed[rail.stream] += readings is None
            for t_ns, value in readings or ():
                times.append(t_ns)
                values.append(value)
        behind = max(0, time.perf_counter_ns() - self._due_ns) // self._period_ns
        self._missed += behind
        self._due_ns += (behind + 1) * self._period_ns

    def report(self) -> dict[str, Any]:
        """How well the rhythm was kept since the start: reads, missed ones, the longest gap, failures."""
        return {
            "period_s": self._period_ns / 1e9,
            "reads": self._reads,
            "missed": self._missed,
            "longest_gap_s": self._longest_ns / 1e9,
            "failed": {stream: count for stream, count in self._failed.items() if count},
        }

    def take(self, request: Mapping[str, Any]) -> Columns:
        """The samples since the last call, with a fresh one at the end: it closes the phase."""
        del request
        self.tick()
        taken, self._columns = self._columns, self._empty()
        return taken

    def _empty(self) -> Columns:
        return [(array("q"), array("q")) for _ in self._rails]


def serve(reader: frames.Reader, sink: int) -> None:
    """Serves one attempt until the end of the file."""
    frame = reader.read()
    if frame is None:
        return
    request: dict[str, Any] = frame[0]
    recorder: Recorder
    if request["simulate"] is not None:
        recorder = recorder_of(request["simulate"])
    else:
        process.keep_to_cpus([request["cpu"]])
        recorder = SensorRecorder(
            find_all(Path(request["sysroot"]), request.get("sensors") or {})[0], request["period_s"]
        )
    rails = recorder.rails()
    process.still_gc()
    frames.write(sink, {"kind": "ready", "rails": [rail.facts() for rail in rails]})
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
    """Serves one attempt over the frame pipes and returns the exit code."""
    process.die_with_parent()
    with contextlib.suppress(BrokenPipeError, EOFError):  # the daemon is gone
        serve(frames.Reader(pipes[0]), pipes[1])
    return 0


if __name__ == "__main__":
    sys.exit(main(_PIPES))
