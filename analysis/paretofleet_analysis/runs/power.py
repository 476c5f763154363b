"""What each power sensor says of a run's window.

A window's energy includes the idle of a spread run (a pause after each iteration, so that a part-time sensor
sees all of it); there the energy of an item is what remains without the pauses, which are taken at the
armed idle power.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from paretofleet_analysis.runs import aliasing, energy_integral
from paretofleet_analysis.runs.energy_uncertainty import Budget, budget, dynamic_joules

#: A statistical uncertainty above this marks the run `energy_not_converged`.
ENERGY_UNCERTAINTY_MAX = 0.02
#: A loaded model that idles at this much less than nothing loaded: the device had not come to rest before.
IDLE_DRIFT_MAX = 0.05
#: Fewer refreshes in the window than this and no guard that is seen: the sensor is slower than the run.
REFRESHES_MIN = 2

NOT_COVERED, NOT_CONVERGED, DRIFT = "energy_not_covered", "energy_not_converged", "idle_power_drift"
ALIASING = "aliasing_possible"
COLD, ARMED = "cold_idle", "armed_idle"


@dataclass(frozen=True)
class Span:
    """A phase of the run, in nanoseconds of its clock."""

    phase: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True)
class Window:
    """The measured iterations: their starts and durations, and the hull of both.

    `is_spread`: there is a pause after each iteration, which is not part of the work.
    """

    durations_s: np.ndarray
    starts_ns: np.ndarray
    end_ns: int
    items: int
    is_spread: bool = False

    @property
    def start_ns(self) -> int:
        """Start of the first iteration."""
        return int(self.starts_ns.min())

    @property
    def seconds(self) -> float:
        """Length of the window."""
        return (self.end_ns - self.start_ns) / 1e9

    @property
    def paused_s(self) -> float:
        """How much of it the pauses of a spread run are."""
        return self.seconds - float(self.durations_s.sum()) if self.is_spread else 0.0


@dataclass(frozen=True)
class Idle:
    """Mean power while nothing runs, before the model is loaded and with it; None where not measured."""

    cold_w: float | None = None
    armed_w: float | None = None
    cold_relative: float | None = None
    armed_relative: float | None = None

    @property
    def power_w(self) -> float | None:
        """With the model loaded, else without."""
        return self.cold_w if self.armed_w is None else self.armed_w

    @property
    def relative(self) -> float | None:
        """Its relative uncertainty at 95 %."""
        return self.cold_relative if self.armed_w is None else self.armed_relative

    @property
    def has_drifted(self) -> bool:
        """Whether it idled clearly lower with the model loaded: the device was not at rest before."""
        if self.cold_w is None or self.armed_w is None:
            return False
        off_w = math.hypot(self.cold_w * (self.cold_relative or 0), self.armed_w * (self.armed_relative or 0))
        return self.cold_w - self.armed_w > max(IDLE_DRIFT_MAX * self.cold_w, off_w)

    @property
    def kind(self) -> str | None:
        """What `power_w` is."""
        if self.armed_w is not None:
            return ARMED
        return None if self.cold_w is None else COLD


_VALUES = (
    *("power_w", "energy_j", "energy_j_per_item", "dynamic_j_per_item", "relative_uncertainty"),
    *("edge_uncertainty", "sampling_uncertainty", "quantum_uncertainty", "time_uncertainty", "error_bound"),
    *("dynamic_relative_uncertainty", "refreshes"),
    *("idle_power_w", "idle_kind", "cold_idle_power_w", "armed_idle_power_w"),
)


def entry_of(
    sensor: Mapping[str, Any],
    columns: tuple[np.ndarray, np.ndarray],
    spans: Sequence[Span],
    window: Window,
) -> dict[str, Any]:
    """What one sensor says of the window; values null, and a flag, where its readings do not cover it.

    `columns`: its readings, times in ns and micro-units. The flags are under "flags".
    """
    entry: dict[str, Any] = {
        **{key: sensor.get(key) for key in ("stream", "source", "rail", "scope", "kind")},
        **dict.fromkeys(_VALUES),
        "gain_uncertainty": sensor.get("gain_relative_uncertainty"),
        "window_s": window.seconds,
        "primary": False,
        "flags": [],
    }
    is_slow = False
    if sensor.get("period_s") is None and sensor.get("kind") != "counter":
        sensor = {**sensor, "period_s": energy_integral.observed_period_s(*columns, sensor.get("read_s"))}
        is_slow = sensor["period_s"] is None
    curve = None if is_slow or sensor.get("missing") else _curve(sensor, columns)
    if curve is None:
        entry["flags"].append(NOT_COVERED)
        return entry
    quantum = sensor.get("quantum_j") if curve.is_counter else sensor.get("quantum_w")
    margin_s = (sensor.get("window_s") or 0.0) / 2 + curve.spacing_s
    idle = _idle(curve, spans, quantum, margin_s)
    entry |= {
        "idle_power_w": idle.power_w,
        "idle_kind": idle.kind,
        "cold_idle_power_w": idle.cold_w,
        "armed_idle_power_w": idle.armed_w,
    }
    if idle.has_drifted:
        entry["flags"].append(DRIFT)
    start_s, end_s = curve.seconds(window.start_ns), curve.seconds(window.end_ns)
    total = energy_integral.joules(curve, start_s, end_s)
    refreshes = int(curve.inside(start_s, end_s).sum())
    paused_j = _paused_joules(window, idle)
    edge_w = _guard_power(curve, spans, 2 * margin_s)
    is_slow = refreshes < REFRESHES_MIN and edge_w is None
    if total is None or paused_j is None or total <= paused_j or is_slow:
        entry["flags"].append(NOT_COVERED)
        return entry
    found = None
    if sensor.get("period_s") is not None:
        found = budget(curve, start_s, end_s, quantum=quantum, edge_w=edge_w)
    entry |= _values(window, total, paused_j, idle, found)
    entry["refreshes"] = refreshes
    if _aliases(curve, sensor, window):
        entry["flags"].append(ALIASING)
        entry["relative_uncertainty"] = entry["dynamic_relative_uncertainty"] = None
    elif (entry["relative_uncertainty"] or 0) > ENERGY_UNCERTAINTY_MAX:
        entry["flags"].append(NOT_CONVERGED)
    return entry


def _values(
    window: Window, total: float, paused_j: float, idle: Idle, found: Budget | None
) -> dict[str, Any]:
    """The energy of the work, what of it is above idle, and how far each may be off."""
    own = total - paused_j
    busy_s = window.seconds - window.paused_s
    values: dict[str, Any] = {
        "power_w": own / busy_s,
        "energy_j": own,
        "energy_j_per_item": own / window.items,
    }
    relative = None
    if found is not None:
        scale = total / own
        values |= {
            "edge_uncertainty": found.edge * scale,
            "sampling_uncertainty": found.sampling * scale,
            "quantum_uncertainty": found.quantum * scale,
            "time_uncertainty": found.time * scale,
            "error_bound": found.bound * scale,
        }
        if not paused_j:
            relative = found.relative
        elif idle.relative is not None:
            relative = math.hypot(total * found.relative, paused_j * idle.relative) / own
    values["relative_uncertainty"] = relative
    if idle.power_w is not None:
        dynamic, uncertainty = dynamic_joules(own, relative, idle.power_w * busy_s, idle.relative)
        values["dynamic_j_per_item"] = None if dynamic is None else dynamic / window.items
        values["dynamic_relative_uncertainty"] = uncertainty
    return values


def _paused_joules(window: Window, idle: Idle) -> float | None:
    """Energy of the pauses of a spread run; None where there are some and the armed idle is unknown."""
    if not window.is_spread:
        return 0.0
    return None if idle.armed_w is None else idle.armed_w * window.paused_s


def _aliases(curve: energy_integral.Readings, sensor: Mapping[str, Any], window: Window) -> bool:
    """Whether a part-time sensor saw the same part of the iterations again and again."""
    if sensor.get("kind") not in ("instant", "boxcar") or curve.is_counter:
        return False
    looks_s = sensor.get("window_s")
    if looks_s is None:
        looks_s = 0.0 if sensor["kind"] == "instant" else math.inf
    starts_s = np.sort((window.starts_ns - curve.origin_ns) / 1e9)
    times_s = curve.t_s[curve.inside(float(starts_s[0]), float(starts_s[-1]))]
    period_s = sensor.get("period_s") or 0.0
    refreshes_itself = period_s > energy_integral.OWN_RHYTHM * curve.read_s
    return aliasing.is_possible(
        times_s,
        starts_s,
        window_s=looks_s,
        spacing_s=curve.spacing_s,
        rhythm_s=period_s if refreshes_itself else None,
    )


def _curve(
    sensor: Mapping[str, Any], columns: tuple[np.ndarray, np.ndarray]
) -> energy_integral.Readings | None:
    return energy_integral.readings(
        *columns,
        is_counter=sensor.get("schema") == "energy/1",
        period_s=sensor.get("period_s"),
        lag_s=sensor.get("lag_s"),
        window_s=sensor.get("window_s") if sensor.get("kind") == "boxcar" else None,
        max_range_u=sensor.get("max_range_uj"),
        read_s=sensor.get("read_s"),
        is_spread=bool(sensor.get("read_spread")),
        is_self_timed=bool(sensor.get("is_self_timed")),
    )


def _guard_power(curve: energy_integral.Readings, spans: Sequence[Span], least_s: float) -> float | None:
    """Mean power of the guard bands that last long enough to be seen; None where there is none."""
    powers = [
        energy_integral.watts(curve, curve.seconds(span.start_ns), curve.seconds(span.end_ns))
        for span in spans
        if span.phase.startswith("guard") and span.end_ns - span.start_ns >= 1e9 * least_s
    ]
    known = [power for power in powers if power is not None]
    return sum(known) / len(known) if known else None


def _idle(
    curve: energy_integral.Readings, spans: Sequence[Span], quantum: float | None, margin_s: float
) -> Idle:
    """Idle powers by whether the model was loaded by then, without the ends, where the load still shows."""
    load_ns = min((span.start_ns for span in spans if span.phase == "load"), default=None)
    found: dict[str, tuple[float, float | None]] = {}
    for span in spans:
        if not span.phase.startswith("idle"):
            continue
        kind = COLD if load_ns is not None and span.end_ns <= load_ns else ARMED
        start_s, end_s = curve.seconds(span.start_ns) + margin_s, curve.seconds(span.end_ns) - margin_s
        power = energy_integral.watts(curve, start_s, end_s) if start_s < end_s else None
        if power is None:
            continue
        low, high = max(start_s, float(curve.t_s[0])), min(end_s, float(curve.t_s[-1]))
        own = budget(curve, low, high, quantum=quantum, edge_w=power)
        found[kind] = (power, None if own is None else own.relative)
    (cold_w, cold), (armed_w, armed) = (found.get(kind, (None, None)) for kind in (COLD, ARMED))
    return Idle(cold_w, armed_w, cold, armed)
