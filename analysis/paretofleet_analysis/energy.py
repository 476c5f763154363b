"""Energy of a window from what a sensor said: counter differences, or trapezoids over distinct refreshes.

Times in are int64 nanoseconds of one clock, counters and values int64 micro-units; energies out are joules.
A window that the readings do not cover has no energy: None, never an extrapolation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

#: A gap of more than this many refresh periods inside a window voids a sampled energy.
GAP_PERIODS_MAX = 3.0
#: With fewer effective refreshes than this the t quantile is taken as if there were so many.
FREEDOM_MIN = 4.0


@dataclass(frozen=True)
class Readings:
    """A sensor's refreshes as a curve: seconds since `origin_ns`, and joules (counter) or watts."""

    t_s: np.ndarray
    value: np.ndarray
    is_counter: bool
    origin_ns: int
    spacing_s: float

    def seconds(self, t_ns: int) -> float:
        """A time of the clock on the curve's axis."""
        return (t_ns - self.origin_ns) / 1e9


def readings(
    t_ns: np.ndarray,
    value_u: np.ndarray,
    *,
    is_counter: bool,
    period_s: float | None = None,
    lag_s: float | None = None,
    max_range_u: int | None = None,
) -> Readings | None:
    """The curve behind raw readings; None when there are fewer than two, or a counter was reset.

    Repeated reads of one refresh are one reading: it counts again when its value changed or a period passed.
    `lag_s` shifts the times back. A counter that falls has wrapped if `max_range_u` is known and the step is
    less than half of it, and was reset otherwise.

    >>> curve = readings(np.array([0, 10**9]), np.array([900, 100]), is_counter=True, max_range_u=1000)
    >>> curve.value
    array([0.    , 0.0002])
    """
    t_ns, first = np.unique(t_ns, return_index=True)
    value_u = value_u[first]
    if t_ns.size < 2:
        return None
    origin = int(t_ns[0])
    t_s = (t_ns - origin) / 1e9 - (lag_s or 0.0)
    spacing = float(np.median(np.diff(t_s)))
    if is_counter:
        steps = np.diff(value_u)
        if max_range_u is not None:
            steps = np.where(steps < 0, steps + max_range_u, steps)
            if (steps > max_range_u / 2).any():
                return None
        if (steps < 0).any():
            return None
        value = np.concatenate([[0], np.cumsum(steps)]) / 1e6
        # A counter that stands still for longer than its period stood still; a shorter pause is a stale read.
        kept = _refreshes(t_s, value, None if period_s is None else 1.5 * period_s, changes_only=True)
        kept[-1] = True
    else:
        value = value_u / 1e6
        kept = _refreshes(t_s, value, period_s, changes_only=False)
    return Readings(t_s[kept], value[kept], is_counter, origin, max(spacing, period_s or 0.0))


def _refreshes(
    t_s: np.ndarray, value: np.ndarray, period_s: float | None, *, changes_only: bool
) -> np.ndarray:
    """Readings whose value changed, or that are at least a period after the last one kept.

    Without a known period: the changes (`changes_only`), or everything.
    """
    kept = np.ones(t_s.size, dtype=bool)
    if period_s is None:
        if changes_only:
            kept[1:] = np.diff(value) != 0
        return kept
    last = 0
    for k in range(1, t_s.size):
        kept[k] = value[k] != value[last] or t_s[k] - t_s[last] >= period_s * (1 - 1e-9)
        if kept[k]:
            last = k
    return kept


def joules(curve: Readings, start_s: float, end_s: float) -> float | None:
    """Energy between two times on the curve's axis, interpolated at both ends; None where not covered.

    Counters: the difference of the interpolated counter. Samples: the trapezoid rule, and None also where two
    refreshes inside the window are more than three periods apart.

    >>> curve = readings(np.arange(11) * 10**8, np.full(11, 70_000_000), is_counter=False)
    >>> round(joules(curve, 0.25, 0.75), 9)
    35.0
    >>> joules(curve, 0.5, 1.5) is None
    True
    """
    t_s, value = curve.t_s, curve.value
    if not (start_s < end_s and t_s[0] <= start_s and end_s <= t_s[-1]):
        return None
    if curve.is_counter:
        return float(np.interp(end_s, t_s, value) - np.interp(start_s, t_s, value))
    inside = (t_s > start_s) & (t_s < end_s)
    times = np.concatenate([[start_s], t_s[inside], [end_s]])
    first, last = np.searchsorted(t_s, start_s, side="right") - 1, np.searchsorted(t_s, end_s)
    if np.diff(t_s[first : last + 1]).max() > GAP_PERIODS_MAX * curve.spacing_s * (1 + 1e-9):
        return None
    return float(np.trapezoid(np.interp(times, t_s, value), times))


def watts(curve: Readings, start_s: float, end_s: float) -> float | None:
    """Mean power between two times, or over what the readings reach of it; None below half of it."""
    low, high = max(start_s, float(curve.t_s[0])), min(end_s, float(curve.t_s[-1]))
    if high - low < 0.5 * (end_s - start_s) or high <= low:
        return None
    energy = joules(curve, low, high)
    return None if energy is None else energy / (high - low)


def relative_uncertainty(
    curve: Readings, start_s: float, end_s: float, *, quantum: float | None, edge_w: float | None
) -> float | None:
    """95 % relative uncertainty of a window's energy: edges, sampling, quantum; the gain is apart.

    `U = t(N_eff - 1) sqrt(u_edge^2 + u_samp^2 + u_q^2)`. `quantum` in joules (counter) or watts; unknown:
    None. `edge_w`: mean power of the guard bands; None means unknown, and then the worst case, nothing, is
    assumed.
    """
    energy = joules(curve, start_s, end_s)
    if quantum is None or energy is None or energy <= 0:
        return None
    length = end_s - start_s
    power = energy / length
    seen = curve.value[(curve.t_s >= start_s) & (curve.t_s <= end_s)]
    rho = 0.0 if curve.is_counter else _first_autocorrelation(seen)
    n_eff = max(seen.size * (1 - rho) / (1 + rho), 1.0)
    u_edge = curve.spacing_s / length * abs(1 - (edge_w or 0.0) / power) / np.sqrt(12)
    if curve.is_counter:
        u_sampling, u_quantum = 0.0, 2 * quantum / (energy * np.sqrt(12))
    else:
        spread = float(seen.std(ddof=1)) if seen.size > 1 else power
        u_sampling, u_quantum = spread / (power * np.sqrt(n_eff)), quantum / (power * np.sqrt(12 * n_eff))
    reach = stdtrit(max(n_eff - 1, FREEDOM_MIN), 0.975)
    return float(reach * np.sqrt(u_edge**2 + u_sampling**2 + u_quantum**2))


def _first_autocorrelation(values: np.ndarray) -> float:
    """Lag-one autocorrelation, clipped to [0, 0.95]; 0 where it is not defined."""
    if values.size < 3:
        return 0.0
    centred = values - values.mean()
    total = float(centred @ centred)
    return float(np.clip(centred[1:] @ centred[:-1] / total, 0, 0.95)) if total > 0 else 0.0
