"""One run's samples and facts to its values: pure, versioned, the only place that computes them.

Only iterations of the phase `measure` count, by the marks. The window of a run reaches from the start of
its first measured iteration to the end of its last one; throughput, power and energy are over that window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from paretofleet_analysis.errors import SampleError
from paretofleet_analysis.runs import power, primary_sensor, steadiness
from paretofleet_analysis.runs.power import Span, Window
from paretofleet_analysis.runs.sample_schemas import PHASES, SCHEMAS
from paretofleet_analysis.statistics.batch_means import mean_error
from paretofleet_analysis.statistics.intervals import quantile

#: Version of the rules in this package's summaries; it stands beside every value that they computed.
RULE_VERSION = "4"

#: Evidence about the device that sets a run aside; a short protocol, whose numbers are rough anyway, is only
#: flagged: it is for a first look, also on a machine with other work.
SETS_ASIDE = frozenset({"contaminated"})
SHORT = "short_protocol"

Streams = Mapping[str, Mapping[str, np.ndarray]]


def summarize_run(
    streams: Streams, facts: Mapping[str, Any], *, batch_size: int, mode: str, target_kind: str
) -> dict[str, Any]:
    """A run's own values, JSON-ready, null where absent.

    `streams`: stream name ("iterations", "marks", "power:rapl/package-0") to columns (int64 arrays by
    name). `facts`: the attempt's facts. `target_kind`: "cpu" or "cuda", the target's alias before a colon.
    Percentiles are null below 6 (p50), 29 (p90) and 299 (p99) iterations, and in mode "throughput", whose
    iterations are not what a caller waits. Raises `SampleError` where columns contradict each other.

    >>> ns = 10**6
    >>> streams = {
    ...     "marks": {"t_ns": np.array([0, 40 * ns]), "phase": np.array([4, 5])},
    ...     "iterations": {"start_ns": np.arange(4) * 10 * ns, "duration_ns": np.full(4, 10 * ns)},
    ... }
    >>> run = summarize_run(streams, {"load_ns": 5 * ns}, batch_size=2, mode="latency", target_kind="cpu")
    >>> run["iterations"], run["batch_latency_mean_s"], run["time_per_item_s"], run["throughput_items_s"]
    (4, 0.01, 0.005, 200.0)
    >>> run["load_s"], run["batch_latency_p90_s"], run["energy_j_per_item"]
    (0.005, None, None)
    """
    spans = _spans(_columns(streams, "marks", "marks/1"))
    iterations = _columns(streams, "iterations", "iterations/1")
    window = _window(iterations, spans, batch_size, is_spread=bool(facts.get("phase_spread")))
    flags = set(facts.get("flags") or ())
    result: dict[str, Any] = {
        "iterations": 0 if window is None else int(window.durations_s.size),
        **_timing(window, batch_size, mode),
        "load_s": _seconds(facts.get("load_ns")),
        "first_inference_s": _seconds(facts.get("first_inference_ns")),
        "memory_peak_bytes": facts.get("memory_peak_bytes"),
        "device_memory_bytes": facts.get("device_memory_bytes"),
        "mean_error_s": None if window is None or mode != "latency" else mean_error(window.durations_s),
        "overhead_s": None if window is None else _overhead_s(spans, window),
    }
    entries: list[dict[str, Any]] = []
    if window is None:
        flags.add("no_measured_iterations")
    else:
        flags |= steadiness.flags(_steps_s(window, facts, mode), facts)
        entries = [
            power.entry_of(sensor, _readings(streams, sensor), spans, window)
            for sensor in facts.get("sensors") or ()
        ]
    sensors = facts.get("sensors") or ()
    result |= primary_sensor.primary_of(entries, sensors, target_kind, flags, facts.get("target_id"))
    result["energy"] = entries
    result["flags"] = sorted(flags)
    is_set_aside = bool(SETS_ASIDE & flags) and SHORT not in flags
    result["counted"] = bool(facts.get("counted", True)) and window is not None and not is_set_aside
    result["rule_version"] = RULE_VERSION
    return result


def _columns(streams: Streams, name: str, schema: str) -> tuple[np.ndarray, np.ndarray]:
    """The two columns of a stream as int64 arrays, empty where there is no such stream."""
    columns = streams.get(name)
    if columns is None:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    missing = [column for column in SCHEMAS[schema] if column not in columns]
    if missing:
        raise SampleError(f"stream {name} has no column {missing[0]}: it does not follow schema {schema}")
    first, second = (np.asarray(columns[column], dtype=np.int64) for column in SCHEMAS[schema])
    if first.size != second.size:
        raise SampleError(
            f"stream {name} has columns of {first.size} and {second.size} values: seal it again"
        )
    return first, second


def _spans(marks: tuple[np.ndarray, np.ndarray]) -> list[Span]:
    """The phases in order of time; marks that repeat a phase extend it, and the last mark only closes."""
    times, phases = marks
    if phases.size and (phases.min() < 0 or phases.max() >= len(PHASES)):
        raise SampleError(f"stream marks has phase {int(phases.max())}: phases are 0 to {len(PHASES) - 1}")
    spans: list[Span] = []
    order = np.argsort(times, kind="stable")
    for here, after in pairwise(order):
        phase, start, end = PHASES[phases[here]], int(times[here]), int(times[after])
        if spans and spans[-1].phase == phase:
            start = spans.pop().start_ns
        spans.append(Span(phase, start, end))
    return spans


def _window(
    iterations: tuple[np.ndarray, np.ndarray], spans: Sequence[Span], batch_size: int, *, is_spread: bool
) -> Window | None:
    """The iterations that began in the last phase `measure`; None where there are none."""
    starts, durations = iterations
    measured = [span for span in spans if span.phase == "measure"]
    if not measured:
        return None
    inside = (starts >= measured[-1].start_ns) & (starts < measured[-1].end_ns)
    starts, durations = starts[inside], durations[inside]
    if starts.size == 0:
        return None
    if durations.min() < 0:
        raise SampleError("stream iterations has a negative duration: the run's clock went backwards")
    ends = starts + durations
    return Window(durations / 1e9, starts, int(ends.max()), int(starts.size) * batch_size, is_spread)


def _overhead_s(spans: Sequence[Span], window: Window) -> float:
    """Seconds of the run that are not its window: load, warm-up, guards and idle."""
    return (spans[-1].end_ns - spans[0].start_ns) / 1e9 - window.seconds


def _seconds(value_ns: int | None) -> float | None:
    return None if value_ns is None else value_ns / 1e9


def _timing(window: Window | None, batch_size: int, mode: str) -> dict[str, float | None]:
    """Latencies of a batch and rates of an item."""
    names = ("batch_latency_mean_s", "batch_latency_p50_s", "batch_latency_p90_s", "batch_latency_p99_s")
    result: dict[str, float | None] = dict.fromkeys((*names, "time_per_item_s", "throughput_items_s"))
    if window is None or window.seconds <= 0:
        return result
    busy_s = window.seconds - window.paused_s
    result["throughput_items_s"] = window.items / busy_s
    if mode == "latency":
        mean = float(window.durations_s.mean())
        values = (mean, *(quantile(window.durations_s, q) for q in (0.5, 0.9, 0.99)))
        result |= dict(zip(names, values, strict=True))
        result["time_per_item_s"] = mean / batch_size
    else:
        result["time_per_item_s"] = busy_s / window.items
    return result


def _steps_s(window: Window, facts: Mapping[str, Any], mode: str) -> np.ndarray:
    """What must be steady: the iterations, or in throughput mode, whose iterations are times of handing over,
    the mean time of one in each block. Nothing where the blocks are not known.
    """
    if mode == "latency":
        return window.durations_s
    counts = np.asarray(facts.get("window_blocks") or [], dtype=np.int64)
    if counts.sum() != window.durations_s.size or (counts < 1).any():
        return np.empty(0)
    ends = np.cumsum(counts) - 1
    starts_ns = window.starts_ns[ends - counts + 1]
    spans_s = (window.starts_ns[ends] - starts_ns) / 1e9 + window.durations_s[ends]
    return np.asarray(spans_s / counts)


def _readings(streams: Streams, sensor: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """The readings of a sensor."""
    schema = str(sensor.get("schema"))
    if schema not in ("energy/1", "power/1"):
        raise SampleError(
            f"sensor {sensor.get('stream')} has schema {schema}: energy/1 or power/1 is expected"
        )
    return _columns(streams, str(sensor.get("stream")), schema)
