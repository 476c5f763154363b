"""The curve behind a sensor's readings: what it showed when, freed of its delays and of our reads.

Times in are int64 nanoseconds of one clock, counters and values int64 micro-units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from paretofleet_analysis.runs.counted_energy import joules_counted

#: Between one read and two, so that their jitter decides nothing; reads at random are up to two apart.
MISSED_READS, MISSED_SPREAD_READS = 1.5, 2.0
#: Fewer changes than this in a run tell no period.
CHANGES_MIN = 6
#: A period that is longer than the time between our reads by this is the sensor's own rhythm.
OWN_RHYTHM = 1.1


@dataclass(frozen=True)
class SensorFacts:
    """How a sensor refreshes and how it was read; times in seconds, None where nobody knows.

    `period_s`: between two refreshes; `lag_s`: how late it shows a change, which moves nothing where it is
    unknown; `window_s`: what a power averages over; `max_range_u`: micro-joules at which a counter wraps;
    `max_power_w`: what the target can draw over a second, in watts.
    `read_s`: how often it was read, None where only the readings tell; `is_spread`: once at random in every
    such time. `is_self_timed`: each reading is a refresh and has the sensor's own time, to be trusted to
    within a read, by which the two clocks were compared; nothing is shifted for our reads.
    """

    is_counter: bool
    period_s: float | None = None
    lag_s: float | None = None
    window_s: float | None = None
    max_range_u: int | None = None
    max_power_w: float | None = None
    read_s: float | None = None
    is_spread: bool = False
    is_self_timed: bool = False


@dataclass(frozen=True)
class PowerCurve:
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


def power_curve(t_ns: np.ndarray, value_u: np.ndarray, sensor: SensorFacts) -> PowerCurve | None:
    """The curve behind raw readings; None when there are fewer than two, or a counter was reset.

    `t_ns`, `value_u`: times and micro-joules or microwatts, one of each a reading of the `sensor`.
    Repeated reads of one refresh are one reading: a counter's counts again when it moved, a power also when
    a period passed. Times are shifted back to what they show: by the lag, by half of the window that a
    power averages over, and to the middle of the time in which a refresh must have come; a power that does
    not average and shows no rhythm of its own may be made by the read itself, so its time is the read's. A
    counter starts anew where `joules_counted` says so. A lag that nobody measured or assumes may be as long
    as a period.

    >>> counter = SensorFacts(is_counter=True, max_range_u=1000)
    >>> power_curve(np.array([0, 10**9]), np.array([900, 100]), counter).value
    array([0.    , 0.0002])
    """
    t_ns, first = np.unique(t_ns, return_index=True)
    value_u = value_u[first]
    if t_ns.size < 2:
        return None
    origin, period_s = int(t_ns[0]), sensor.period_s
    t_s = (t_ns - origin) / 1e9
    gaps = np.diff(t_s)
    # Failed reads do not pass for a slower rhythm.
    read_s = float(np.quantile(gaps, 0.25)) if sensor.read_s is None else sensor.read_s
    late_s = _lateness(gaps, period_s, read_s)
    if sensor.is_self_timed:
        late_s = np.minimum(late_s, read_s)
    waited_s = 0.0 if sensor.is_self_timed else late_s / 2
    if sensor.is_counter:
        value = joules_counted(
            t_ns,
            value_u,
            max_range_uj=sensor.max_range_u,
            max_power_w=sensor.max_power_w,
            period_s=period_s,
        )
        if value is None:
            return None
        kept = np.diff(value, prepend=-1.0) != 0
        if kept.sum() < 2:
            return None
        t_s = t_s - waited_s
    else:
        value = value_u / 1e6
        kept = _refreshes(t_s, value, None if sensor.is_self_timed else period_s)
        refreshes_itself = period_s is not None and period_s > OWN_RHYTHM * read_s
        is_waited_for = period_s is not None and (sensor.window_s is not None or refreshes_itself)
        t_s = t_s - (sensor.window_s or 0.0) / 2 - (waited_s if is_waited_for else 0.0)
    t_s = t_s - (sensor.lag_s or 0.0)
    spacing_s = max(read_s, period_s or 0.0)
    return PowerCurve(
        t_s=t_s[kept],
        value=value[kept],
        is_counter=sensor.is_counter,
        origin_ns=origin,
        spacing_s=spacing_s,
        read_s=read_s,
        missed_s=(MISSED_SPREAD_READS if sensor.is_spread else MISSED_READS) * read_s,
        late_s=late_s[kept],
        unknown_lag_s=(period_s or spacing_s) if sensor.lag_s is None else 0.0,
    )


def _lateness(gaps: np.ndarray, period_s: float | None, read_s: float) -> np.ndarray:
    """How late each reading may be for what it shows: a period, or the time since the read before."""
    longest_s = np.inf if period_s is None else period_s
    return np.asarray(np.minimum(np.append(period_s or read_s, gaps), longest_s))


def observed_period_s(t_ns: np.ndarray, value_u: np.ndarray, read_s: float | None = None) -> float | None:
    """The seconds between refreshes as a run's power readings show them: the median between changes.

    `t_ns`, `value_u`: times and microwatts, one of each a reading. Readings that come at another rhythm than
    the reads, every `read_s` seconds, bring their own: each is a refresh. None below 6 changes: whatever does
    not change that often in a run may as well be slower than the run.

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
