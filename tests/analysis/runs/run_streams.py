"""Streams of a run by hand: marks, iterations and a sensor's readings, and their summary."""

from __future__ import annotations

import numpy as np
from paretofleet_analysis.runs.sample_schemas import PHASES
from paretofleet_analysis.runs.summary import summarize_run

MS = 10**6
S = 10**9
ITERATIONS = 47
COUNTER = {
    "stream": "power:rapl/package-0",
    "source": "rapl",
    "rail": "package-0",
    "scope": "package",
    "kind": "counter",
    "schema": "energy/1",
    "max_range_uj": 262_143_328_850,
    "period_s": 0.001,
    "lag_s": None,
    "quantum_w": None,
    "quantum_j": 61e-6,
    "gain_relative_uncertainty": 0.03,
    "primary": True,
}
SAMPLED = COUNTER | {
    "stream": "power:ina3221/VDD_IN",
    "source": "ina3221",
    "rail": "VDD_IN",
    "scope": "module",
    "kind": "instant",
    "schema": "power/1",
    "max_range_uj": None,
    "period_s": 0.05,
    "quantum_w": 0.152,
    "quantum_j": None,
}


def marks(**starts_s):
    """A mark at the start of each named phase."""
    items = sorted(starts_s.items(), key=lambda item: item[1])
    return {
        "t_ns": np.array([round(at * S) for _, at in items]),
        "phase": np.array([PHASES.index(name) for name, _ in items]),
    }


def iterations(first_s, count, each_s, gap_s=0.0):
    starts = round(first_s * S) + np.arange(count) * round((each_s + gap_s) * S)
    return {"start_ns": starts, "duration_ns": np.full(count, round(each_s * S))}


def counter(power_w, end_s, every_s=0.05, first_uj=0, modulus=None):
    times = np.round(np.arange(0, end_s + 1e-9, every_s) * S).astype(np.int64)
    values = first_uj + np.round(times / S * power_w * 1e6).astype(np.int64)
    return {"t_ns": times, "counter_uj": values % modulus if modulus else values}


def sampled(power_of_t, end_s, every_s=0.05):
    times = np.round(np.arange(0, end_s + 1e-9, every_s) * S).astype(np.int64)
    values = np.array([round(power_of_t(t / S) * 1e6) for t in times])
    return {"t_ns": times, "value_uw": values}


def summarize(streams, facts=None, batch_size=1, mode="latency", target_kind="cpu"):
    return summarize_run(streams, facts or {}, batch_size=batch_size, mode=mode, target_kind=target_kind)


def run_of(sensor, power, window_s=0.5, batch_size=1, **more):
    """A run in [1 s, 1 s + window], a sensor over everything; its iterations do not keep step with it."""
    streams = {
        "marks": marks(warm_up=0.0, measure=1.0, guard_after=1.0 + window_s, end=2.0 + window_s),
        "iterations": iterations(1.0, ITERATIONS, window_s / ITERATIONS),
        sensor["stream"]: power,
    }
    return summarize(streams, {"sensors": [sensor]}, batch_size=batch_size, **more)
