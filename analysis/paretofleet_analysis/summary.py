"""One run's samples and facts to its values: pure, versioned, the only place that computes them.

Only iterations of the phase `measure` count, by the marks. The window of a run reaches from the start of
its first measured iteration to the end of its last one; throughput, power and energy are over that window.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from paretofleet_analysis import energy
from paretofleet_analysis.columns import PHASES, SCHEMAS
from paretofleet_analysis.errors import SampleError
from paretofleet_analysis.intervals import quantile

#: Version of the rules in this package's summaries; it stands beside every value that they computed.
RULE_VERSION = "1"

#: The scope whose energy is a target's own, by kind of target, best first.
PRIMARY_SCOPES: Mapping[str, Sequence[str]] = {
    "cpu": ("package", "module"),
    "cuda": ("gpu-board", "module"),
}
#: Scopes that hold every target of a device: a primary scope where the sensor's facts name it as one.
WHOLE_DEVICE_SCOPES = ("module", "module+carrier", "usb-input", "wall")
#: A statistical uncertainty above this marks the run `energy_not_converged`.
ENERGY_UNCERTAINTY_MAX = 0.02
#: Idle power before and after that differs by more than this marks the run `idle_power_drift`.
IDLE_DRIFT_MAX = 0.05

Streams = Mapping[str, Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Span:
    """A phase of the run, in nanoseconds of its clock."""

    phase: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True)
class Window:
    """The measured iterations: their starts and durations, and the hull of both."""

    durations_s: np.ndarray
    start_ns: int
    end_ns: int
    items: int

    @property
    def seconds(self) -> float:
        """Length of the window."""
        return (self.end_ns - self.start_ns) / 1e9


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
    window = _window(_columns(streams, "iterations", "iterations/1"), spans, batch_size)
    flags = set(facts.get("flags") or ())
    result: dict[str, Any] = {
        "iterations": 0 if window is None else int(window.durations_s.size),
        **_timing(window, batch_size, mode),
        "load_s": _seconds(facts.get("load_ns")),
        "first_inference_s": _seconds(facts.get("first_inference_ns")),
        "memory_peak_bytes": facts.get("memory_peak_bytes"),
    }
    entries: list[dict[str, Any]] = []
    if window is None:
        flags.add("no_measured_iterations")
    else:
        sensors = facts.get("sensors") or ()
        entries = [_sensor_entry(streams, sensor, spans, window, flags) for sensor in sensors]
    result |= _primary(entries, facts.get("sensors") or (), target_kind, flags)
    result["energy"] = entries
    result["flags"] = sorted(flags)
    result["counted"] = bool(facts.get("counted", True)) and window is not None
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
    iterations: tuple[np.ndarray, np.ndarray], spans: Sequence[Span], batch_size: int
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
    return Window(durations / 1e9, int(starts.min()), int(ends.max()), int(starts.size) * batch_size)


def _seconds(value_ns: int | None) -> float | None:
    return None if value_ns is None else value_ns / 1e9


def _timing(window: Window | None, batch_size: int, mode: str) -> dict[str, float | None]:
    """Latencies of a batch and rates of an item."""
    names = ("batch_latency_mean_s", "batch_latency_p50_s", "batch_latency_p90_s", "batch_latency_p99_s")
    result: dict[str, float | None] = dict.fromkeys((*names, "time_per_item_s", "throughput_items_s"))
    if window is None or window.seconds <= 0:
        return result
    result["throughput_items_s"] = window.items / window.seconds
    if mode == "latency":
        mean = float(window.durations_s.mean())
        values = (mean, *(quantile(window.durations_s, q) for q in (0.5, 0.9, 0.99)))
        result |= dict(zip(names, values, strict=True))
        result["time_per_item_s"] = mean / batch_size
    else:
        result["time_per_item_s"] = window.seconds / window.items
    return result


def _sensor_entry(
    streams: Streams, sensor: Mapping[str, Any], spans: Sequence[Span], window: Window, flags: set[str]
) -> dict[str, Any]:
    """What one sensor says of the window; values null, and a flag, where its readings do not cover it."""
    entry: dict[str, Any] = {
        **{key: sensor.get(key) for key in ("stream", "source", "rail", "scope", "kind")},
        **dict.fromkeys(("power_w", "energy_j", "energy_j_per_item", "idle_power_w", "relative_uncertainty")),
        "gain_uncertainty": sensor.get("gain_relative_uncertainty"),
        "window_s": window.seconds,
        "primary": False,
    }
    curve = _curve(streams, sensor)
    if curve is None:
        flags.add("energy_not_covered")
        return entry
    entry["idle_power_w"] = _idle_power(curve, spans, flags)
    start_s, end_s = curve.seconds(window.start_ns), curve.seconds(window.end_ns)
    total = energy.joules(curve, start_s, end_s)
    if total is None or total <= 0:
        flags.add("energy_not_covered")
        return entry
    quantum = sensor.get("quantum_j") if curve.is_counter else sensor.get("quantum_w")
    uncertainty = energy.relative_uncertainty(
        curve, start_s, end_s, quantum=quantum, edge_w=_phase_power(curve, spans, "guard")
    )
    entry |= {
        "power_w": total / (end_s - start_s),
        "energy_j": total,
        "energy_j_per_item": total / window.items,
        "relative_uncertainty": uncertainty if sensor.get("period_s") is not None else None,
    }
    if (entry["relative_uncertainty"] or 0) > ENERGY_UNCERTAINTY_MAX:
        flags.add("energy_not_converged")
    return entry


def _curve(streams: Streams, sensor: Mapping[str, Any]) -> energy.Readings | None:
    schema = str(sensor.get("schema"))
    if schema not in ("energy/1", "power/1"):
        raise SampleError(
            f"sensor {sensor.get('stream')} has schema {schema}: energy/1 or power/1 is expected"
        )
    times, values = _columns(streams, str(sensor.get("stream")), schema)
    return energy.readings(
        times,
        values,
        is_counter=schema == "energy/1",
        period_s=sensor.get("period_s"),
        lag_s=sensor.get("lag_s"),
        max_range_u=sensor.get("max_range_uj"),
    )


def _phase_power(curve: energy.Readings, spans: Sequence[Span], prefix: str) -> float | None:
    """Mean of the mean powers of the phases whose name begins so; None where none is covered."""
    powers = [
        energy.watts(curve, curve.seconds(span.start_ns), curve.seconds(span.end_ns))
        for span in spans
        if span.phase.startswith(prefix)
    ]
    known = [power for power in powers if power is not None]
    return sum(known) / len(known) if known else None


def _idle_power(curve: energy.Readings, spans: Sequence[Span], flags: set[str]) -> float | None:
    before, after = (_phase_power(curve, spans, phase) for phase in ("idle_before", "idle_after"))
    known = [power for power in (before, after) if power is not None]
    if not known:
        return None
    mean = sum(known) / len(known)
    if max(known) - min(known) > IDLE_DRIFT_MAX * mean:
        flags.add("idle_power_drift")
    return mean


def _primary(
    entries: list[dict[str, Any]], sensors: Sequence[Mapping[str, Any]], target_kind: str, flags: set[str]
) -> dict[str, Any]:
    """The target's own energy: the primary rails of its scope, which add up; boards never do."""
    result: dict[str, Any] = dict.fromkeys(
        ("power_w", "energy_j_per_item", "power_scope", "power_source", "idle_power_w")
    )
    result |= dict.fromkeys(("energy_relative_uncertainty", "energy_gain_uncertainty"))
    chosen = _choose(entries, sensors, target_kind)
    if not chosen:
        return result
    named = {sensor.get("stream") for sensor in sensors if sensor.get("primary")}
    adds_up = chosen[0]["scope"] != "gpu-board" and all(entry["stream"] in named for entry in chosen)
    if len(chosen) > 1 and not adds_up:
        flags.add("power_ambiguous")
        return result
    for entry in chosen:
        entry["primary"] = True
    result["power_scope"], result["power_source"] = chosen[0]["scope"], chosen[0]["source"]
    for key in ("power_w", "energy_j_per_item", "idle_power_w"):
        values = [entry[key] for entry in chosen]
        result[key] = None if None in values else sum(values)
    for key in ("relative_uncertainty", "gain_uncertainty"):
        values = [entry[key] for entry in chosen]
        result[f"energy_{key}"] = None if None in values else max(values)
    return result


def _choose(
    entries: list[dict[str, Any]], sensors: Sequence[Mapping[str, Any]], target_kind: str
) -> list[dict[str, Any]]:
    """Entries of the first primary scope there is, of one source: named, else counters, else any."""
    named = {str(sensor.get("stream")) for sensor in sensors if sensor.get("primary")}
    scopes = [*PRIMARY_SCOPES.get(target_kind, ("module",))]
    scopes += [
        str(entry["scope"])
        for entry in entries
        if entry["stream"] in named and entry["scope"] in WHOLE_DEVICE_SCOPES
    ]
    for scope in scopes:
        there = [entry for entry in entries if entry["scope"] == scope]
        if there:
            preferred = [entry for entry in there if entry["stream"] in named] or [
                entry for entry in there if entry["kind"] == "counter"
            ]
            source = (preferred or there)[0]["source"]
            of_source = [entry for entry in there if entry["source"] == source]
            return [entry for entry in of_source if entry["stream"] in named] or of_source
    return []
