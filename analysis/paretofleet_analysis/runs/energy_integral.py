"""Energy of a window from what a sensor said: counter differences, or trapezoids over distinct refreshes.

A window that the readings do not cover has no energy: None, never an extrapolation.
"""

from __future__ import annotations

import numpy as np

from paretofleet_analysis.runs.power_curve import PowerCurve

#: A gap of more than this many refresh periods inside a window voids its energy.
GAP_PERIODS_MAX = 3.0
#: The share of a window that refreshes in their rhythm must cover.
COVERAGE_MIN = 0.9


def energy_j(curve: PowerCurve, start_s: float, end_s: float) -> float | None:
    """Joules from `start_s` to `end_s` on the axis of the `curve`, interpolated there; None if not covered.

    Counters: the difference of the interpolated counter. Samples: the trapezoid rule.

    >>> from paretofleet_analysis.runs.power_curve import SensorFacts, power_curve
    >>> curve = power_curve(np.arange(11) * 10**8, np.full(11, 70_000_000), SensorFacts(is_counter=False))
    >>> round(energy_j(curve, 0.25, 0.75), 9)
    35.0
    >>> energy_j(curve, 0.5, 1.5) is None
    True
    """
    if not is_covered(curve, start_s, end_s):
        return None
    t_s, value = curve.t_s, curve.value
    if curve.is_counter:
        return float(np.interp(end_s, t_s, value) - np.interp(start_s, t_s, value))
    inside = (t_s > start_s) & (t_s < end_s)
    times = np.concatenate([[start_s], t_s[inside], [end_s]])
    return float(np.trapezoid(np.interp(times, t_s, value), times))


def is_covered(curve: PowerCurve, start_s: float, end_s: float) -> bool:
    """Whether refreshes of the `curve` reach both ends, without a long gap, in rhythm for 90 % of the time.

    The ends are `start_s` and `end_s`, on the axis of the curve. What a counter misses in between it counts
    nevertheless, so only its gaps at the ends matter.
    """
    t_s = curve.t_s
    if not (start_s < end_s and t_s[0] <= start_s and end_s <= t_s[-1]):
        return False
    first = int(np.searchsorted(t_s, start_s, side="right")) - 1
    last = max(int(np.searchsorted(t_s, end_s)), first + 1)
    times = t_s[first : last + 1]
    gaps = np.diff(times)
    longest = GAP_PERIODS_MAX * curve.spacing_s * (1 + 1e-9)
    if curve.is_counter:
        return bool(gaps[0] <= longest and gaps[-1] <= longest)
    if gaps.max() > longest:
        return False
    lengths = np.diff(np.clip(times, start_s, end_s))
    # A refresh shows in the next read; one that takes a read longer than that was missed.
    rhythm_s = curve.spacing_s if curve.spacing_s > curve.read_s * (1 + 1e-9) else 0.0
    in_rhythm = gaps <= rhythm_s + curve.missed_s
    return bool(lengths[in_rhythm].sum() >= COVERAGE_MIN * (end_s - start_s))


def mean_power_w(curve: PowerCurve, start_s: float, end_s: float) -> float | None:
    """Mean watts of the `curve` from `start_s` to `end_s`, or over what it reaches of it; None below half."""
    low, high = max(start_s, float(curve.t_s[0])), min(end_s, float(curve.t_s[-1]))
    if high - low < 0.5 * (end_s - start_s) or high <= low:
        return None
    energy = energy_j(curve, low, high)
    return None if energy is None else energy / (high - low)
