"""Energy of a window from what a sensor said: counter differences, or trapezoids over distinct refreshes.

Times in are int64 nanoseconds of one clock, counters and values int64 micro-units; energies out are joules.
A window that the readings do not cover has no energy: None, never an extrapolation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: A gap of more than this many refresh periods inside a window voids its energy.
GAP_PERIODS_MAX = 3.0
#: The share of a window that refreshes in their rhythm must cover.
COVERAGE_MIN = 0.9
#: Between one read and two, so that their jitter decides nothing; reads at random are up to two apart.
MISSED_READS, MISSED_SPREAD_READS = 1.5, 2.0
#: Fewer changes than this in a run tell no period.
CHANGES_MIN = 6
#: A period that is longer than the time between our reads by this is the sensor's own rhythm.
OWN_RHYTHM = 1.1


@dataclass(frozen=True)
class Readings:
    """A sensor's refreshes as a curve: seconds since `origin_ns`, and joules (counter) or watts.

    `spacing_s` is the time between refreshes as we see them: the sensor's own or that of our reads,
    whichever is longer. `read_s` is the time between our reads, `missed_s` a gap between two that is longer
    than any without a failed read, `late_s` how late each refresh may have been seen, `unknown_lag_s` by how
    much the sensor may be late besides, unknown to anyone.
    """

    t_s: np.ndarray
    value: np.ndarray
    is_counter: bool
    origin_ns: int
    spacing_s: float
    read_s: float
    missed_s: float
    late_s: np.ndarray
    unknown_lag_s: float = 0.0

    def seconds(self, t_ns: int) -> float:
        """A time of the clock on the curve's axis."""
        return (t_ns - self.origin_ns) / 1e9

    def inside(self, start_s: float, end_s: float) -> np.ndarray:
        """Which refreshes lie between two times, both included."""
        return np.asarray((self.t_s >= start_s) & (self.t_s <= end_s))


def readings(
    t_ns: np.ndarray,
    value_u: np.ndarray,
    *,
    is_counter: bool,
    period_s: float | None = None,
    lag_s: float | None = None,
    window_s: float | None = None,
    max_range_u: int | None = None,
    read_s: float | None = None,
    is_spread: bool = False,
    is_self_timed: bool = False,
) -> Readings | None:
    """The curve behind raw readings; None when there are fewer than two, or a counter was reset.

    A `lag_s` that nobody measured or assumes moves nothing, and may be as long as a period.
    Repeated reads of one refresh are one reading: a counter's counts again when it moved, a power also when
    a period passed. Times are shifted back to what they show: by `lag_s`, by half of the `window_s` that a
    power averages over, and to the middle of the time in which a refresh must have come; a power that does
    not average and shows no rhythm of its own may be made by the read itself, so its time is the read's. A
    counter that falls has wrapped if `max_range_u` is known and the step is less than half of it, and was
    reset otherwise. `read_s`: how often it was read, None where only the readings tell; `is_spread`: once at
    random in every such time. `is_self_timed`: each reading is a refresh and has the sensor's own time, to be
    trusted to within a read, by which the two clocks were compared; nothing is shifted for our reads.

    >>> curve = readings(np.array([0, 10**9]), np.array([900, 100]), is_counter=True, max_range_u=1000)
    >>> curve.value
    array([0.    , 0.0002])
    """
    t_ns, first = np.unique(t_ns, return_index=True)
    value_u = value_u[first]
    if t_ns.size < 2:
        return None
    origin = int(t_ns[0])
    t_s = (t_ns - origin) / 1e9
    gaps = np.diff(t_s)
    if read_s is None:
        read_s = float(np.quantile(gaps, 0.25))  # failed reads do not pass for a slower rhythm
    missed_s = (MISSED_SPREAD_READS if is_spread else MISSED_READS) * read_s
    late_s = _lateness(gaps, period_s, read_s)
    if is_self_timed:
        late_s = np.minimum(late_s, read_s)
    waited_s = 0.0 if is_self_timed else late_s / 2
    if is_counter:
        value = _joules_counted(value_u, max_range_u)
        if value is None:
            return None
        kept = np.diff(value, prepend=-1.0) != 0
        if kept.sum() < 2:
            return None
        t_s = t_s - waited_s
    else:
        value = value_u / 1e6
        kept = _refreshes(t_s, value, None if is_self_timed else period_s)
        by_itself = window_s is not None or (period_s is not None and period_s > OWN_RHYTHM * read_s)
        t_s = t_s - (window_s or 0.0) / 2 - (waited_s if by_itself and period_s is not None else 0.0)
    t_s = t_s - (lag_s or 0.0)
    spacing = max(read_s, period_s or 0.0)
    unknown_s = (period_s or spacing) if lag_s is None else 0.0
    seen = (t_s[kept], value[kept], is_counter, origin, spacing, read_s, missed_s, late_s[kept])
    return Readings(*seen, unknown_lag_s=unknown_s)


def _lateness(gaps: np.ndarray, period_s: float | None, read_s: float) -> np.ndarray:
    """How late each reading may be for what it shows: a period, or the time since the read before."""
    longest_s = np.inf if period_s is None else period_s
    return np.asarray(np.minimum(np.append(period_s or read_s, gaps), longest_s))


def observed_period_s(t_ns: np.ndarray, value_u: np.ndarray, read_s: float | None = None) -> float | None:
    """The time between refreshes as a run's power readings show it: the median between changes.

    Readings that come at another rhythm than the reads, `read_s`, bring their own: each is a refresh. None
    below 6 changes: whatever does not change that often in a run may as well be slower than the run.

    >>> observed_period_s(np.arange(80) * 10**8, np.arange(80) // 10)
    1.0
    >>> observed_period_s(np.arange(80) * 10**8, np.full(80, 7)) is None
    True
    >>> observed_period_s(np.arange(80) * 10**9, np.full(80, 7), 0.2)
    1.0
    """
    gaps = np.diff(t_ns)
    if gaps.size and read_s is not None and not 0.6 < float(np.median(gaps)) / (read_s * 1e9) < 1.6:
        return float(np.median(gaps)) / 1e9
    changed = np.flatnonzero(np.diff(value_u)) + 1
    return None if changed.size < CHANGES_MIN else float(np.median(np.diff(t_ns[changed]))) / 1e9


def _joules_counted(value_u: np.ndarray, max_range_u: int | None) -> np.ndarray | None:
    """Joules since the first reading, wraps undone; None after a reset."""
    steps = np.diff(value_u)
    if max_range_u is not None:
        steps = np.where(steps < 0, steps + max_range_u, steps)
        if (steps > max_range_u / 2).any():
            return None
    if (steps < 0).any():
        return None
    return np.concatenate([[0], np.cumsum(steps)]) / 1e6


def _refreshes(t_s: np.ndarray, value: np.ndarray, period_s: float | None) -> np.ndarray:
    """Readings whose value changed, or that are at least a period after the last one kept.

    Without a known period: everything.
    """
    kept = np.ones(t_s.size, dtype=bool)
    if period_s is None:
        return kept
    last = 0
    for k in range(1, t_s.size):
        kept[k] = value[k] != value[last] or t_s[k] - t_s[last] >= period_s * (1 - 1e-9)
        if kept[k]:
            last = k
    return kept


def joules(curve: Readings, start_s: float, end_s: float) -> float | None:
    """Energy between two times on the curve's axis, interpolated at both ends; None where not covered.

    Counters: the difference of the interpolated counter. Samples: the trapezoid rule.

    >>> curve = readings(np.arange(11) * 10**8, np.full(11, 70_000_000), is_counter=False)
    >>> round(joules(curve, 0.25, 0.75), 9)
    35.0
    >>> joules(curve, 0.5, 1.5) is None
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


def is_covered(curve: Readings, start_s: float, end_s: float) -> bool:
    """Whether the refreshes reach both ends, without a long gap, and in their rhythm for 90 % of the time.

    What a counter misses in between it counts nevertheless, so only its gaps at the ends matter.
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
    own_s = curve.spacing_s if curve.spacing_s > curve.read_s * (1 + 1e-9) else 0.0
    in_rhythm = gaps <= own_s + curve.missed_s
    return bool(lengths[in_rhythm].sum() >= COVERAGE_MIN * (end_s - start_s))


def watts(curve: Readings, start_s: float, end_s: float) -> float | None:
    """Mean power between two times, or over what the readings reach of it; None below half of it."""
    low, high = max(start_s, float(curve.t_s[0])), min(end_s, float(curve.t_s[-1]))
    if high - low < 0.5 * (end_s - start_s) or high <= low:
        return None
    energy = joules(curve, low, high)
    return None if energy is None else energy / (high - low)
