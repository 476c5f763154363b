"""One run: what was asked for, what became of it, and its samples, thinned where they are many."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from paretofleet_analysis.errors import AnalysisError
from paretofleet_analysis.report.environment import facts_of
from paretofleet_analysis.report.flags import FLAGS
from paretofleet_analysis.runs.sample_schemas import PHASES

from paretofleet_collector.errors import CollectorError, NotFound
from paretofleet_collector.lake import samples as sealed_samples
from paretofleet_collector.lake.samples import Stream
from paretofleet_collector.model.entities import Run
from paretofleet_collector.model.views import PlannedView
from paretofleet_collector.service import reports
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import overview

#: Samples of so many runs are kept in memory, for who zooms.
KEPT_MAX = 3
#: Points of a line that is drawn: more are thinned to the least and the most of each span.
POINTS_MAX = 1600
#: Environments of a device that are compared.
ENVIRONMENTS_MAX = 20


@dataclass(frozen=True)
class RunDetail:
    """A run with its place in a sweep, its attempts, its summary and facts; {} where there is none."""

    run: Run
    planned: PlannedView
    sweep: str
    attempts: tuple[Mapping[str, Any], ...]
    summary: Mapping[str, Any]
    facts: Mapping[str, Any]
    environment_id: str


@dataclass(frozen=True)
class Line:
    """A stream in a span of time: `seconds` since the run's first mark, and values; both (n,).

    `is_exact`: every sample in the span is there; `samples`: how many those are.
    """

    seconds: NDArray[np.float64]
    values: NDArray[np.float64]
    is_exact: bool
    samples: int


@dataclass(frozen=True)
class RunSamples:
    """The streams of a run, its phases as (name, begin, end) in seconds since its first mark, and its end."""

    streams: Mapping[str, Stream]
    phases: tuple[tuple[str, float, float], ...]
    origin_ns: int
    end_s: float

    def line(self, name: str, begin_s: float, end_s: float) -> Line:
        """The stream `name` from `begin_s` to `end_s`: durations in s, power in W, counters as power."""
        stream = self.streams[name]
        seconds = (stream.first - self.origin_ns) / 1e9
        values = stream.second / (1e9 if stream.schema == "iterations/1" else 1e6)
        if stream.schema == "energy/1":
            steps = np.diff(seconds)
            keep = steps > 0
            values = np.diff(values)[keep] / steps[keep]
            seconds = seconds[1:][keep]
        inside = (seconds >= begin_s) & (seconds <= end_s)
        return thinned(seconds[inside], values[inside], POINTS_MAX)


def thinned(seconds: NDArray[np.float64], values: NDArray[np.float64], points: int) -> Line:
    """The (n,) `values` at `seconds`, of spans of equally many samples the least and the most, each once.

    At most so many `points`; where there are no more, every sample.

    >>> line = thinned(np.arange(6.0), np.array([1.0, 9.0, 2.0, 3.0, 0.0, 4.0]), 4)
    >>> line.values.tolist(), line.is_exact, line.samples
    ([1.0, 9.0, 0.0, 4.0], False, 6)
    """
    count = seconds.size
    if count <= points:
        return Line(seconds, values, True, count)
    starts = np.linspace(0, count, points // 2, endpoint=False).astype(np.int64)
    ends = np.append(starts[1:], count)
    places: list[int] = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        part = values[start:end]
        places += sorted({start + int(part.argmin()), start + int(part.argmax())})
    return Line(seconds[places], values[places], False, count)


async def show_run(context: Context, run_id: str) -> RunDetail:
    """The run `run_id` of `context`; raises NotFound."""

    def work(connection: sa.Connection) -> RunDetail:
        row = overview.run_row(connection, run_id)
        if row is None:
            raise NotFound(f"There is no run '{run_id}'; was its sweep deleted?")
        tried = overview.attempts_of(connection, run_id)
        newest = json.loads(tried[-1]["facts_json"] or "{}") if tried else {}
        summary, environment_id = overview.summary_of(connection, run_id)
        planned = PlannedView.of(row.planned)
        return RunDetail(row.run, planned, row.sweep, tried, summary, newest, environment_id)

    return await context.store.read(work)


class SampleReader:
    """Reads the samples of runs, and keeps those that were read last."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._kept: dict[str, RunSamples] = {}
        self._lock = asyncio.Lock()

    async def samples(self, run_id: str) -> RunSamples:
        """The samples of the run `run_id`; raises NotFound where it has none yet, and CollectorError."""
        async with self._lock:
            if run_id not in self._kept:
                path, is_temporary = await reports.run_file(self._context, run_id)
                self._kept[run_id] = await asyncio.to_thread(read_run, path, is_temporary=is_temporary)
                while len(self._kept) > KEPT_MAX:
                    del self._kept[next(iter(self._kept))]
            return self._kept[run_id]


def read_run(path: Path, *, is_temporary: bool = False) -> RunSamples:
    """The samples of the run in the sealed file `path`, which is deleted where it `is_temporary`.

    Raises CollectorError.
    """
    try:
        streams = sealed_samples.read_parquet(path)
    except (AnalysisError, OSError, ValueError) as error:
        raise CollectorError(f"The samples cannot be read ({type(error).__name__}); see `doctor`.") from None
    finally:
        if is_temporary:
            path.unlink(missing_ok=True)
    marks = streams.get("marks")
    firsts = [int(stream.first[0]) for stream in streams.values() if stream.first.size]
    origin = min(firsts, default=0)
    lasts = [int(stream.first[-1]) for stream in streams.values() if stream.first.size]
    end_s = (max(lasts, default=origin) - origin) / 1e9
    phases: list[tuple[str, float, float]] = []
    if marks is not None:
        times = ((marks.first - origin) / 1e9).tolist()
        numbers = marks.second.tolist()
        for at, number in enumerate(numbers[:-1]):
            if 0 <= number < len(PHASES):
                phases.append((PHASES[number], times[at], times[at + 1]))
    return RunSamples(streams, tuple(phases), origin, end_s)


async def runs_of(context: Context, sweep_id: str, configuration_id: str) -> tuple[Mapping[str, Any], ...]:
    """The runs of the configuration `configuration_id` in the sweep `sweep_id` of `context`, by columns."""
    return await context.store.read(
        lambda connection: overview.runs_of_configuration(connection, sweep_id, configuration_id)
    )


@dataclass(frozen=True)
class MeasuredIn:
    """An environment that a device has measured in: how many runs, and when the first and the last ended.

    `changes`: the facts that are unlike the environment before it, as (name, before, now), "" where absent;
    None for the first that is known.
    """

    environment_id: str
    runs: int
    first_unix_s: float | None
    last_unix_s: float | None
    changes: tuple[tuple[str, str, str], ...] | None


async def environments(context: Context, device_id: str) -> list[MeasuredIn]:
    """The environments in which the device `device_id` of `context` has measured, the newest first."""
    rows = await context.store.read(
        lambda connection: overview.environments_of(connection, device_id, ENVIRONMENTS_MAX)
    )
    facts = [facts_of({"environment": json.dumps(row["environment"])}) for row in rows]
    return [
        MeasuredIn(
            row["environment_id"],
            row["runs"],
            row["first_unix_s"],
            row["last_unix_s"],
            _changes(facts[at + 1], facts[at]) if at + 1 < len(rows) else None,
        )
        for at, row in enumerate(rows)
    ]


def _changes(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (name, before.get(name, ""), now.get(name, ""))
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    )


def meanings_of(detail: RunDetail) -> list[tuple[str, str]]:
    """The flags of the run in `detail`, each with what it says."""
    names = detail.summary.get("flags") or detail.facts.get("flags") or ()
    return [(name, FLAGS[name].meaning if name in FLAGS else "") for name in names]
