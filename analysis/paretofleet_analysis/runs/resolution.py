"""How wide the error is that a clock's tick and a sensor's step leave in a run's own values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from paretofleet_analysis.runs.window import Window
from paretofleet_analysis.statistics.resolution import width_of_mean

#: Fewer lengths of time have a common divisor by chance.
_LENGTHS_MIN = 5
_OF_CALLS = ("batch_latency_p50_s", "batch_latency_p90_s", "batch_latency_p99_s")
_COLD = ("load_s", "first_inference_s")
_OF_POWER = ("power_w", "energy_j_per_item")


def clock_tick_s(window: Window) -> float | None:
    """The tick of the clock that timed the iterations of a `window`, in seconds: of all their lengths, and
    of the times between their starts, the greatest common divisor. None where they are too few to tell.

    >>> starts = np.array([0, 21, 42, 70]) * 1_000_000
    >>> clock_tick_s(Window(np.array([0.014, 0.014, 0.021, 0.014]), starts, 84_000_000, 4))
    0.007
    """
    durations = np.rint(window.durations_s * 1e9).astype(np.int64)
    lengths = np.concatenate([durations, np.diff(np.sort(window.starts_ns))])
    lengths = lengths[lengths > 0]
    return int(np.gcd.reduce(lengths)) / 1e9 if lengths.size >= _LENGTHS_MIN else None


def timing_resolution(
    window: Window | None, latencies_s: np.ndarray | None, values: Mapping[str, Any], batch_size: int
) -> dict[str, float | None]:
    """By timing value of a run the width of the uniform error that its clock's tick leaves, in its unit.

    `window`: the iterations, of `batch_size` items each; `latencies_s`: of the calls, None where an
    iteration's length is no latency; `values`: the run's own. Nothing where the tick is not known.
    """
    tick = None if window is None else clock_tick_s(window)
    if window is None or tick is None:
        return {}
    widths: dict[str, float] = dict.fromkeys((*_OF_CALLS, *_COLD), tick)
    # between two readings of the clock, each on its grid
    ends = math.sqrt(2.0) * tick
    widths["throughput_items_s"] = (values["throughput_items_s"] or 0.0) * ends / window.seconds
    widths["time_per_item_s"] = ends / window.items
    if latencies_s is not None:
        widths["batch_latency_mean_s"] = width_of_mean(tick, latencies_s)
    if latencies_s is not None or values.get("step_s") is not None:
        widths["step_s"] = width_of_mean(tick, window.durations_s)
        widths["time_per_item_s"] = widths["step_s"] / batch_size
    return {name: width for name, width in widths.items() if values.get(name) is not None}


def power_resolution(
    entries: Iterable[Mapping[str, Any]], streams: frozenset[str], values: Mapping[str, Any]
) -> dict[str, float | None]:
    """By value of a run's power the width of the uniform error that its sensors' steps leave, in its unit.

    `entries`: of `power.rail_energy`; `streams`: those that speak, whose values add up to the run's own
    `values`. None where a sensor's step is not known.
    """
    speaking = [entry for entry in entries if entry["stream"] in streams]
    widths: dict[str, float | None] = {}
    for name in _OF_POWER:
        if values.get(name) is None:
            continue
        errors = [
            None if entry["quantum_uncertainty"] is None else entry[name] * entry["quantum_uncertainty"]
            for entry in speaking
        ]
        stated = [error for error in errors if error is not None]
        widths[name] = math.sqrt(12.0) * math.hypot(*stated) if len(stated) == len(errors) > 0 else None
    return widths
