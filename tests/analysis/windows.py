"""Runs whose energy is known: a power curve and a sensor that shows it with its faults."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from paretofleet_agent.power.estimators import polling_s
from paretofleet_agent.power.polling import is_made_by_reads
from paretofleet_agent.sensors.protocol import BOXCAR, COUNTER
from paretofleet_agent.simulate.sensor_models import MODELS, Curve, SensorModel, with_faults
from paretofleet_analysis.runs.sample_schemas import PHASES
from paretofleet_analysis.runs.summary import summarize_run

S = 1e9
#: The sensors of facts/measurement.md 1.1 to 1.3: how long their windows are, and the powers they see.
KINDS: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "nvml-counter": ((5, 8), (60, 350)),
    "nvml-full": ((5, 10), (60, 350)),
    "nvml-part-time": ((10, 14), (60, 500)),
    "nvml-pascal": ((5, 10), (40, 250)),
    "nvml-average": ((10, 14), (60, 350)),
    "nvml-filtered": ((10, 14), (40, 250)),
    "ina3221-triggered": ((5, 10), (3, 12)),
    "ina3221-continuous": ((10, 25), (3, 12)),
    "rapl": ((2, 5), (20, 150)),
}
IDLE_SHARE = 0.3
SLOW_STEP_S = 0.05
#: How late a read comes at most, relative to the time between two.
READ_JITTER = 0.05


@dataclass(frozen=True)
class Run:
    """A simulated run's streams and facts, and its true energy."""

    streams: dict[str, dict[str, np.ndarray]]
    facts: dict[str, Any]
    true_j: float

    def summary(self) -> dict[str, Any]:
        """What the analysis says of it."""
        return summarize_run(self.streams, self.facts, batch_size=1, mode="latency", target_kind="cpu")

    def entry(self) -> dict[str, Any]:
        """What it says of the one sensor."""
        (entry,) = self.summary()["energy"]
        return dict(entry)


@dataclass(frozen=True)
class Load:
    """What the work draws: `high_w` for the first `duty` of every iteration, `low_w` for the rest.

    `slow` is the relative standard deviation of fluctuations that last longer than an iteration, `jitter`
    that of an iteration's time, `pause_s` the idle after each.
    """

    high_w: float
    low_w: float
    iteration_s: float
    duty: float = 1.0
    slow: float = 0.0
    jitter: float = 0.0
    pause_s: float = 0.0


def guard_of(model: SensorModel) -> float:
    return max(2 * model.period_s, model.lag_s + model.window_s, 0.5, 4 * model.tau_s)


def run_of(
    model: SensorModel,
    load: Load,
    *,
    window_s: float,
    seed: int,
    idle_w: float,
    guard_s: float | None = None,
    read_spread: bool | None = None,
    idle_s: float = 2.0,
    facts: dict[str, Any] | None = None,
) -> Run:
    """Idle, guard, window, guard, idle; the sensor is read all the time, pauses are in the window only.

    It is read as the sampler reads it: as often as its kind and period ask for, and at random within that
    time where the read makes the reading (`read_spread`, if that is not to be otherwise).
    """
    rng = random.Random(seed)
    guard_s = guard_of(model) if guard_s is None else guard_s
    curve = Curve([(-1e3, idle_w)])
    begin_s = idle_s + rng.random()
    t_s, slow, starts, durations = begin_s, 0.0, [], []
    measure_s = end_s = None
    marks = [(idle_s * 0, "idle_before"), (idle_s, "load"), (begin_s, "guard_before")]
    keep = math.exp(-load.iteration_s / SLOW_STEP_S)
    while end_s is None or t_s < end_s + guard_s:
        if measure_s is None and t_s >= begin_s + guard_s:
            measure_s = t_s
            marks.append((t_s, "measure"))
        if end_s is None and measure_s is not None and t_s >= measure_s + window_s:
            end_s = t_s
            marks.append((t_s, "guard_after"))
        slow = keep * slow + math.sqrt(1 - keep * keep) * rng.gauss(0, 1)
        scale = 1 + load.slow * slow
        length_s = load.iteration_s * (1 + load.jitter * rng.gauss(0, 1))
        curve.add(t_s, load.high_w * scale)
        if load.duty < 1:
            curve.add(t_s + load.duty * length_s, load.low_w * scale)
        starts.append(t_s)
        durations.append(length_s)
        t_s += length_s
        if load.pause_s and measure_s is not None and end_s is None:
            curve.add(t_s, idle_w)
            t_s += load.pause_s
    curve.add(t_s, idle_w)
    marks += [(t_s, "idle_after"), (t_s + idle_s, "end")]
    rail = model.rail("sim", "rail", "package")
    every_s = polling_s(model.kind, model.period_s, 0.0)
    is_spread = is_made_by_reads(rail, {}) if read_spread is None else read_spread
    jitter = 1.0 if is_spread else READ_JITTER
    times, values = [], []
    at_s = rng.random() * every_s
    for number in range(math.ceil((t_s + idle_s) / every_s)):
        read_s = at_s + (number + jitter * rng.random()) * every_s
        value = model.read(curve, read_s, number)
        if value is not None:
            times.append(round(read_s * S))
            values.append(value)
    assert measure_s is not None
    measured = [k for k, start in enumerate(starts) if measure_s <= start < end_s]
    last_s = starts[measured[-1]] + durations[measured[-1]]
    streams = {
        "iterations": {
            "start_ns": np.array([round(at * S) for at in starts]),
            "duration_ns": np.array([round(length * S) for length in durations]),
        },
        "marks": {
            "t_ns": np.array([round(at * S) for at, _ in marks]),
            "phase": np.array([PHASES.index(name) for _, name in marks]),
        },
        rail.stream: {
            "t_ns": np.array(times),
            "counter_uj" if model.kind == COUNTER else "value_uw": np.array(values),
        },
    }
    busy_j = sum(curve.joules(starts[k], starts[k] + durations[k]) for k in measured)
    true_j = busy_j if load.pause_s else curve.joules(measure_s, last_s)
    sensor = {**rail.facts(), "read_s": every_s, "read_spread": is_spread}
    return Run(streams, {"sensors": [sensor], **(facts or {})}, true_j)


def random_run(kind: str, seed: int) -> Run:
    """A run like real ones: a phase and a period of its own, noise, stale refreshes, failing reads, wraps."""
    rng = random.Random(f"{kind} {seed}")
    (shortest, longest), (least_w, most_w) = KINDS[kind]
    power_w = rng.uniform(least_w, most_w)
    model = with_faults(MODELS[kind], seed, stale=rng.choice((0, 0.01)), failing=rng.choice((0, 0.005)))
    nominal = model
    noise = rng.uniform(0.01, 0.05) * power_w
    model = replace(model, noise_w=0.0 if model.kind == COUNTER else noise)
    model = replace(model, period_s=model.period_s * rng.uniform(0.99, 1.01))
    if model.kind == BOXCAR and model.window_s == nominal.period_s:
        model = replace(model, window_s=model.period_s)
    if model.max_range_uj:
        model = replace(model, start_j=rng.uniform(0.9, 1.0) * model.max_range_uj / 1e6)
    load = Load(
        high_w=power_w * 1.03,
        low_w=power_w * 0.9,
        duty=0.8,
        iteration_s=rng.uniform(0.004, 0.06),
        slow=rng.uniform(0.0, 0.02),
        jitter=0.02,
    )
    return run_of(
        model,
        load,
        window_s=rng.uniform(shortest, longest),
        seed=seed,
        idle_w=IDLE_SHARE * power_w,
    )


def steady_run(kind: str, seed: int) -> Run:
    """The deterministic terms alone: steady work, no noise; guards that are missing, short or long enough."""
    rng = random.Random(f"steady {kind} {seed}")
    (shortest, longest), (least_w, most_w) = KINDS[kind]
    power_w = rng.uniform(least_w, most_w)
    model = with_faults(MODELS[kind], seed)
    load = Load(power_w, power_w, iteration_s=rng.uniform(0.004, 0.06))
    guard_s = rng.choice((None, guard_of(model) * rng.uniform(1, 2)))
    return run_of(
        model,
        load,
        window_s=rng.uniform(shortest, longest),
        seed=seed,
        idle_w=rng.uniform(0.1, 0.9) * power_w,
        guard_s=guard_s,
    )
