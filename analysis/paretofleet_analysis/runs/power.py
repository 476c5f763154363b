"""What each power sensor says of a run's window.

A window's energy includes the idle of a spread run (a pause after each iteration, so that a part-time sensor
sees all of it); there the energy of an item is what remains without the pauses, which are taken at the
armed idle power.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from paretofleet_analysis.runs import aliasing
from paretofleet_analysis.runs.absent_energy import (
    IMPLAUSIBLE,
    REFRESHES_MIN,
    absent_curve_flags,
    uncovered_flags,
    unseen_work_flags,
)
from paretofleet_analysis.runs.counted_energy import POWER_MAX_W
from paretofleet_analysis.runs.energy_integral import energy_j
from paretofleet_analysis.runs.energy_uncertainty import ErrorBudget, dynamic_energy_j, error_budget
from paretofleet_analysis.runs.idle_power import IdlePower, guard_power_w, guarded_s, idle_power
from paretofleet_analysis.runs.power_curve import (
    OWN_RHYTHM,
    PowerCurve,
    SensorFacts,
    observed_period_s,
    power_curve,
)
from paretofleet_analysis.runs.window import Span, Window

#: A statistical uncertainty above this marks the run `energy_not_converged`.
ENERGY_UNCERTAINTY_MAX = 0.02
#: A power of fewer is never said to be known to 2 %: so few readings may be alike by chance.
SURE_REFRESHES_MIN = 7

NOT_CONVERGED, DRIFT, ALIASING = "energy_not_converged", "idle_power_drift", "aliasing_possible"

_VALUES = (
    *("power_w", "energy_j", "energy_j_per_item", "dynamic_j_per_item", "relative_uncertainty"),
    *("edge_uncertainty", "sampling_uncertainty", "quantum_uncertainty", "time_uncertainty", "error_bound"),
    *("dynamic_relative_uncertainty", "refreshes"),
    *("idle_power_w", "idle_kind", "cold_idle_power_w", "armed_idle_power_w"),
)


def rail_energy(
    sensor: Mapping[str, Any],
    columns: tuple[np.ndarray, np.ndarray],
    spans: Sequence[Span],
    window: Window,
) -> dict[str, Any]:
    """What one `sensor` says of the `window`; where there is no energy, nulls and the flag that says why.

    `columns`: its readings, times in ns and micro-units; `spans`: the run's phases. JSON-ready: the entry of
    a summary's `energy`, its flags under "flags".
    """
    entry: dict[str, Any] = {
        **{key: sensor.get(key) for key in ("stream", "source", "rail", "scope", "kind")},
        **dict.fromkeys(_VALUES),
        "gain_uncertainty": sensor.get("gain_relative_uncertainty"),
        "window_s": window.seconds,
        "primary": False,  # until the rails of the run are compared
        "flags": [],
    }
    if sensor.get("period_s") is None and sensor.get("kind") != "counter":
        sensor = {**sensor, "period_s": observed_period_s(*columns, sensor.get("read_s"))}
    curve = _curve(sensor, columns)
    if curve is None:
        entry["flags"] += absent_curve_flags(sensor, columns)
        return entry
    quantum = sensor.get("quantum_j") if curve.is_counter else sensor.get("quantum_w")
    margin_s = (sensor.get("window_s") or 0.0) / 2 + curve.spacing_s
    idle = idle_power(curve, spans, quantum=quantum, margin_s=margin_s)
    entry |= _idle_values(idle)
    if idle.has_drifted:
        entry["flags"].append(DRIFT)
    start_s, end_s = curve.seconds(window.start_ns), curve.seconds(window.end_ns)
    total_j = energy_j(curve, start_s, end_s)
    paused_j = _paused_energy_j(window, idle)
    edge_w = guard_power_w(curve, spans, 2 * margin_s)
    refreshes = int(curve.inside(start_s, end_s).sum())
    if total_j is None:
        entry["flags"] += uncovered_flags(curve, window, columns)
        return entry
    has_seen_work = refreshes >= REFRESHES_MIN or edge_w is not None
    flags = unseen_work_flags(total_j, paused_j, has_seen_work=has_seen_work)
    if paused_j is None or flags:
        entry["flags"] += flags
        return entry
    budget = None
    if sensor.get("period_s") is not None:
        load_s = guarded_s(curve, spans, window)
        budget = error_budget(curve, start_s, end_s, quantum=quantum, edge_w=edge_w, load_s=load_s)
    values = _values(window, total_j, paused_j, idle, budget)
    if _is_implausible(values, sensor):
        return implausible(entry)
    entry |= values
    entry["refreshes"] = refreshes
    if _aliases(curve, sensor, window):
        entry["flags"].append(ALIASING)
        entry["relative_uncertainty"] = entry["dynamic_relative_uncertainty"] = None
    elif _is_unsure(entry["relative_uncertainty"], None if curve.is_counter else refreshes):
        entry["flags"].append(NOT_CONVERGED)
    return entry


def implausible(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The `entry` of a rail without its values, and with the flag that says why."""
    return {**entry, **dict.fromkeys(_VALUES), "flags": [*entry["flags"], IMPLAUSIBLE]}


def _idle_values(idle: IdlePower) -> dict[str, Any]:
    return {
        "idle_power_w": idle.power_w,
        "idle_kind": idle.kind,
        "cold_idle_power_w": idle.cold_w,
        "armed_idle_power_w": idle.armed_w,
    }


def _is_unsure(relative: float | None, refreshes: int | None) -> bool:
    """Whether an energy with an uncertainty is not known to 2 %; `refreshes` of a power, None: a counter."""
    if relative is None:
        return False
    is_brief = refreshes is not None and refreshes < SURE_REFRESHES_MIN
    return is_brief or relative > ENERGY_UNCERTAINTY_MAX


def _is_implausible(values: Mapping[str, Any], sensor: Mapping[str, Any]) -> bool:
    """Whether the power is above the most that the target can draw, by more than it may be off."""
    most_w = sensor.get("max_power_w") or POWER_MAX_W
    off = (sensor.get("gain_relative_uncertainty") or 0.0) + (values["relative_uncertainty"] or 0.0)
    return bool(values["power_w"] > most_w * (1.0 + off))


def _values(
    window: Window, total_j: float, paused_j: float, idle: IdlePower, budget: ErrorBudget | None
) -> dict[str, Any]:
    """The energy of the work, what of it is above idle, and how far each may be off."""
    work_j = total_j - paused_j
    busy_s = window.seconds - window.paused_s
    values: dict[str, Any] = {
        "power_w": work_j / busy_s,
        "energy_j": work_j,
        "energy_j_per_item": work_j / window.items,
    }
    relative = None
    if budget is not None:
        scale = total_j / work_j
        values |= {
            "edge_uncertainty": budget.edge * scale,
            "sampling_uncertainty": budget.sampling * scale,
            "quantum_uncertainty": budget.quantum * scale,
            "time_uncertainty": budget.time * scale,
            "error_bound": budget.bound * scale,
        }
        if not paused_j:
            relative = budget.relative
        elif idle.relative is not None:
            relative = math.hypot(total_j * budget.relative, paused_j * idle.relative) / work_j
    values["relative_uncertainty"] = relative
    if idle.power_w is not None:
        dynamic_j, uncertainty = dynamic_energy_j(work_j, relative, idle.power_w * busy_s, idle.relative)
        values["dynamic_j_per_item"] = None if dynamic_j is None else dynamic_j / window.items
        values["dynamic_relative_uncertainty"] = uncertainty
    return values


def _paused_energy_j(window: Window, idle: IdlePower) -> float | None:
    """Energy of the pauses of a spread run; None where there are some and the armed idle is unknown."""
    if not window.is_spread:
        return 0.0
    return None if idle.armed_w is None else idle.armed_w * window.paused_s


def _aliases(curve: PowerCurve, sensor: Mapping[str, Any], window: Window) -> bool:
    """Whether a part-time sensor saw the same part of the iterations again and again."""
    if sensor.get("kind") not in ("instant", "boxcar") or curve.is_counter:
        return False
    looks_s = sensor.get("window_s")
    if looks_s is None:
        looks_s = 0.0 if sensor["kind"] == "instant" else math.inf
    starts_s = np.sort((window.starts_ns - curve.origin_ns) / 1e9)
    times_s = curve.t_s[curve.inside(float(starts_s[0]), float(starts_s[-1]))]
    period_s = sensor.get("period_s") or 0.0
    refreshes_itself = period_s > OWN_RHYTHM * curve.read_s
    return aliasing.is_possible(
        times_s,
        starts_s,
        window_s=looks_s,
        spacing_s=curve.spacing_s,
        rhythm_s=period_s if refreshes_itself else None,
    )


def _curve(sensor: Mapping[str, Any], columns: tuple[np.ndarray, np.ndarray]) -> PowerCurve | None:
    """The curve of a sensor's readings; None where its power shows no period, or a part of it is missing."""
    if sensor.get("missing") or (sensor.get("period_s") is None and sensor.get("kind") != "counter"):
        return None
    return power_curve(
        *columns,
        SensorFacts(
            is_counter=sensor.get("schema") == "energy/1",
            period_s=sensor.get("period_s"),
            lag_s=sensor.get("lag_s"),
            window_s=sensor.get("window_s") if sensor.get("kind") == "boxcar" else None,
            max_range_u=sensor.get("max_range_uj"),
            max_power_w=sensor.get("max_power_w"),
            read_s=sensor.get("read_s"),
            is_spread=bool(sensor.get("read_spread")),
            is_self_timed=bool(sensor.get("is_self_timed")),
        ),
    )
