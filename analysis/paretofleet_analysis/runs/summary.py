"""One run's samples and facts to its values: pure, versioned, the only place that computes them.

Only iterations of the phase `measure` count, by the marks. The window of a run reaches from the start of
its first measured iteration to the end of its last one; throughput, power and energy are over that window.
Where items come by the clock it is whole periods, from the first due time to the period's end of the last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from paretofleet_analysis.runs.counter_twins import with_twins
from paretofleet_analysis.runs.pacing import LATENESS, NOT_KEPT, grid_of, is_kept, lateness_values
from paretofleet_analysis.runs.part_and_whole import without_contradictions
from paretofleet_analysis.runs.power import rail_energy
from paretofleet_analysis.runs.primary_sensor import primary_energy
from paretofleet_analysis.runs.resolution import power_resolution, timing_resolution
from paretofleet_analysis.runs.sample_schemas import Streams, sensor_readings, stream_columns
from paretofleet_analysis.runs.steadiness import steadiness_flags
from paretofleet_analysis.runs.window import Span, Window, measured_window, phase_spans
from paretofleet_analysis.statistics.batch_means import mean_error
from paretofleet_analysis.statistics.intervals import quantile

#: Version of the rules in this package's summaries; it stands beside every value that they computed.
RULE_VERSION = "6"

#: Evidence about the device that sets a run aside; a short protocol, whose numbers are rough anyway, is only
#: flagged: it is for a first look, also on a machine with other work.
SETS_ASIDE = frozenset({"contaminated"})
SHORT, NO_ITERATIONS = "short_protocol", "no_measured_iterations"
#: The mode whose iterations are steps of an optimiser, for which no caller waits.
TRAINING = "training"
#: What is null of an energy where items came faster than they were worked on: it is not that of their rate.
_OF_AN_ITEM = ("energy_j_per_item", "dynamic_j_per_item")


def summarize_run(
    streams: Streams, facts: Mapping[str, Any], *, batch_size: int, mode: str, target_kind: str
) -> dict[str, Any]:
    """A run's own values, JSON-ready, null where absent.

    `streams`: stream name ("iterations", "marks", "power:rapl/package-0") to columns (int64 arrays by
    name). `facts`: the attempt's facts. `target_kind`: "cpu" or "cuda", the target's alias before a colon.
    Percentiles are null below 6 (p50), 29 (p90) and 299 (p99) iterations, and in modes "throughput" and
    "training", whose iterations are not what a caller waits. In mode "paced" a latency counts from when the
    first item of its batch came. Raises `SampleError` where columns contradict each other.

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
    spans = phase_spans(stream_columns(streams, "marks", "marks/1"))
    iterations = stream_columns(streams, "iterations", "iterations/1")
    grid = grid_of(facts, iterations[0].size)
    is_spread = bool(facts.get("phase_spread"))
    window = measured_window(iterations, spans, batch_size, is_spread=is_spread, grid=grid)
    latencies_s = None if window is None else _latencies_s(window, batch_size, mode)
    flags = set(facts.get("flags") or ())
    result: dict[str, Any] = {
        "iterations": 0 if window is None else int(window.durations_s.size),
        **_timing(window, latencies_s, mode),
        "load_s": _seconds(facts.get("load_ns")),
        "first_inference_s": _seconds(facts.get("first_inference_ns")),
        "memory_peak_bytes": facts.get("memory_peak_bytes"),
        "device_memory_bytes": facts.get("device_memory_bytes"),
        "mean_error_s": None if latencies_s is None else mean_error(latencies_s),
        "overhead_s": None if window is None else _overhead_s(spans, window),
    }
    sensors = facts.get("sensors") or ()
    entries: list[dict[str, Any]] = []
    if window is None:
        flags.add(NO_ITERATIONS)
    else:
        flags |= steadiness_flags(_steps_s(window, facts, mode), facts)
        entries = [rail_energy(sensor, sensor_readings(streams, sensor), spans, window) for sensor in sensors]
        entries = without_contradictions(with_twins(entries, streams, sensors), sensors)
        if mode == "paced" and latencies_s is None:
            flags.add(NOT_KEPT)
            entries = [entry | dict.fromkeys(_OF_AN_ITEM) for entry in entries]
    energy = primary_energy(entries, sensors, target_kind, facts.get("target_id"))
    flags |= energy.flags
    result |= energy.values
    result["resolution"] = timing_resolution(window, latencies_s, result, batch_size)
    result["resolution"] |= power_resolution(entries, energy.streams, result)
    result["energy"] = [entry | {"primary": entry["stream"] in energy.streams} for entry in entries]
    result["flags"] = sorted(flags)
    is_set_aside = bool(SETS_ASIDE & flags) and SHORT not in flags
    result["counted"] = bool(facts.get("counted", True)) and window is not None and not is_set_aside
    result["rule_version"] = RULE_VERSION
    return result


def _overhead_s(spans: Sequence[Span], window: Window) -> float:
    """Seconds of the run that are not its window: load, warm-up, guards and idle."""
    return (spans[-1].end_ns - spans[0].start_ns) / 1e9 - window.seconds


def _seconds(value_ns: int | None) -> float | None:
    return None if value_ns is None else value_ns / 1e9


def _latencies_s(window: Window, batch_size: int, mode: str) -> np.ndarray | None:
    """What a caller waits for each batch; None where nobody waits, and where a queue grew without end."""
    if mode in ("throughput", TRAINING):
        return None
    if window.due_ns is None:
        return window.durations_s
    if not is_kept(window.due_ns, window.durations_s, window.period_ns):
        return None
    filled_s = window.period_ns / 1e9 * (batch_size - 1) / batch_size
    return np.asarray(window.durations_s + _lateness_s(window) + filled_s)


def _lateness_s(window: Window) -> np.ndarray:
    """How long after it was due each batch began."""
    return np.asarray((window.starts_ns - window.due_ns) / 1e9)


def _timing(window: Window | None, latencies_s: np.ndarray | None, mode: str) -> dict[str, float | None]:
    """Latencies of a batch, rates of an item, how late what came by the clock began, or a step's time."""
    names = ("batch_latency_mean_s", "batch_latency_p50_s", "batch_latency_p90_s", "batch_latency_p99_s")
    rates = ("time_per_item_s", "throughput_items_s")
    is_paced = window is not None and window.due_ns is not None
    result: dict[str, float | None] = dict.fromkeys((*names, *rates, *(LATENESS if is_paced else ())))
    if window is None or window.seconds <= 0:
        return result
    busy_s = window.seconds - window.paused_s
    result["throughput_items_s"] = window.items / busy_s
    work_s = busy_s if mode == "throughput" else float(window.durations_s.sum())
    result["time_per_item_s"] = work_s / window.items
    if mode == TRAINING:
        result["step_s"] = float(window.durations_s.mean())
    if latencies_s is None:
        return result
    values = (float(latencies_s.mean()), *(quantile(latencies_s, q) for q in (0.5, 0.9, 0.99)))
    result |= dict(zip(names, values, strict=True))
    if is_paced:
        result |= lateness_values(_lateness_s(window))
    return result


def _steps_s(window: Window, facts: Mapping[str, Any], mode: str) -> np.ndarray:
    """What must be steady: the iterations, or in throughput mode, whose iterations are times of handing over,
    the mean time of one in each block. Nothing where the blocks are not known.
    """
    if mode != "throughput":
        return window.durations_s
    counts = np.asarray(facts.get("window_blocks") or [], dtype=np.int64)
    if counts.sum() != window.durations_s.size or (counts < 1).any():
        return np.empty(0)
    ends = np.cumsum(counts) - 1
    starts_ns = window.starts_ns[ends - counts + 1]
    spans_s = (window.starts_ns[ends] - starts_ns) / 1e9 + window.durations_s[ends]
    return np.asarray(spans_s / counts)
