"""Why a sensor has no energy of a window: one flag a cause, told from its facts and its readings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from paretofleet_analysis.runs.power_curve import PowerCurve
from paretofleet_analysis.runs.window import Window

NOT_COVERED, RESET, FROZEN = "energy_not_covered", "counter_reset", "sensor_frozen"
TOO_SLOW, PAUSES, IMPLAUSIBLE = "sensor_too_slow", "pauses_unknown", "implausible_power"
MISSING = "sensor_missing"
#: All of these: an energy that is absent has one of them.
CAUSES = (NOT_COVERED, RESET, FROZEN, TOO_SLOW, PAUSES, IMPLAUSIBLE, MISSING)
#: A window with fewer refreshes than this has no energy of its own.
REFRESHES_MIN = 2


def absent_curve_flags(sensor: Mapping[str, Any], columns: tuple[np.ndarray, np.ndarray]) -> list[str]:
    """The flag of a `sensor`, its facts, whose readings make no curve.

    `columns`: its readings, times in ns and micro-units.
    """
    times_ns, values_u = columns
    if sensor.get("missing"):
        return [MISSING]
    if np.unique(times_ns).size < REFRESHES_MIN:
        return [NOT_COVERED]
    if np.unique(values_u).size == 1:
        return [FROZEN]
    return [RESET] if sensor.get("kind") == "counter" else [TOO_SLOW]


def uncovered_flags(curve: PowerCurve, window: Window, columns: tuple[np.ndarray, np.ndarray]) -> list[str]:
    """The flag of a sensor whose `curve` does not cover the `window`.

    `columns`: its readings, times in ns and micro-units, of which the curve has the distinct ones.
    """
    times_ns, values_u = columns
    if REFRESHES_MIN * curve.spacing_s > window.seconds:
        return [TOO_SLOW]
    inside = (times_ns >= window.start_ns) & (times_ns <= window.end_ns)
    stands_still = inside.sum() >= REFRESHES_MIN and np.unique(values_u[inside]).size == 1
    return [FROZEN] if curve.is_counter and stands_still else [NOT_COVERED]


def unseen_work_flags(total_j: float, paused_j: float | None, *, has_seen_work: bool) -> list[str]:
    """The flag of a window's energy that tells nothing of its work; none where it does.

    `total_j`, `paused_j`: joules of the window and of the pauses in it, None where unknown;
    `has_seen_work`: refreshes lie in the window or in a guard.
    """
    if not has_seen_work:
        return [TOO_SLOW]
    if total_j <= 0:
        return [IMPLAUSIBLE]
    return [PAUSES] if paused_j is None or total_j <= paused_j else []
