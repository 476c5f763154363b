"""What a power source is really like: pure functions over its readings, (ns, microjoules or microwatts).

Refresh period, noise, quantum, correlation, lag, and whether a counter agrees with the power beside it.
Nothing is assumed that can be measured; what the readings do not tell is None.
"""

from __future__ import annotations

import functools
import math
import statistics
from dataclasses import asdict, dataclass, field
from typing import Any, Mapping, Sequence

from paretofleet_agent.sensors.protocol import COUNTER, Reading

#: Fewer changes than this tell no period.
CHANGES_MIN = 5
#: Fewer steps of a counter may have a multiple of its quantum in common.
QUANTUM_STEPS_MIN = 4
#: Gaps between refreshes that differ by more than this are flagged.
IRREGULAR_MAX = 3.0
#: A read may cost this share of the time between two reads at most.
COST_SHARE_MAX = 1 / 20
POLLING_S_MIN, POLLING_S_MAX = 0.01, 0.2
#: How often a source is read that is not followed refresh by refresh.
POLLING_S = 0.05
#: A counter that differs by more from the power beside it is flagged.
MISMATCH_MAX = 0.03
CONSTANT, FEW_CHANGES, IRREGULAR = "constant", "few_changes", "irregular_refresh"
MISMATCH = "counter_integral_mismatch"
RHO_MAX = 0.95


@dataclass(frozen=True)
class Refresh:
    """Seconds between changes of the value: the median is the period, the deciles say how regular it is."""

    period_s: float | None
    p10_s: float | None
    p90_s: float | None
    flags: Sequence[str] = ()


@dataclass(frozen=True)
class Steady:
    """A source under a steady load: mean and standard deviation of its power, lag-1 correlation."""

    mean_w: float | None
    sd_w: float | None
    rho: float | None


@dataclass(frozen=True)
class Character:
    """What was measured of one rail; None is not known. The noise is that under load, unless it says idle."""

    period_s: float | None = None
    period_p10_s: float | None = None
    period_p90_s: float | None = None
    lag_s: float | None = None
    rise_s: float | None = None
    noise_w: float | None = None
    idle_noise_w: float | None = None
    rho: float | None = None
    quantum_u: int | None = None
    read_cost_s: float | None = None
    read_cost_p99_s: float | None = None
    polling_s: float | None = None
    flags: Sequence[str] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """JSON-ready."""
        return dict(asdict(self), flags=list(self.flags))


def distinct(readings: Sequence[Reading]) -> list[Reading]:
    """The first of `readings` with every new value.

    >>> distinct([(0, 5), (1, 5), (2, 7)])
    [(0, 5), (2, 7)]
    """
    return [
        reading
        for before, reading in zip([None, *readings], readings)
        if before is None or before[1] != reading[1]
    ]


def refresh(readings: Sequence[Reading], *, self_timed: bool = False) -> Refresh:
    """The refresh period from `readings` in quick succession under a load that varies.

    A `self_timed` source, such as a meter, gives each refresh once with its own time, whatever its value.
    """
    changes = list(readings) if self_timed else distinct(readings)
    changes = changes[1:]  # the first value was there before we came
    if not changes:
        return Refresh(None, None, None, [CONSTANT] if readings else [])
    if len(changes) <= CHANGES_MIN:
        return Refresh(None, None, None, [FEW_CHANGES])
    gaps = sorted((after[0] - before[0]) / 1e9 for before, after in zip(changes, changes[1:]))
    low, high = quantile(gaps, 0.1), quantile(gaps, 0.9)
    return Refresh(statistics.median(gaps), low, high, [IRREGULAR] if high > IRREGULAR_MAX * low else [])


def steady(readings: Sequence[Reading], kind: str) -> Steady:
    """Noise from `readings` of a rail of `kind` under a steady load."""
    powers = watts(distinct(readings), kind)
    if len(powers) < CHANGES_MIN:
        return Steady(statistics.mean(powers) if powers else None, None, None)
    return Steady(mean_w=statistics.mean(powers), sd_w=statistics.stdev(powers), rho=correlation(powers))


def noise_w(pieces: Sequence[Sequence[Reading]], kind: str) -> float | None:
    """Standard deviation in watts over `pieces` of readings of a rail of `kind`; None for too few."""
    powers = [power for piece in pieces for power in watts(distinct(piece), kind)]
    return statistics.stdev(powers) if len(powers) >= CHANGES_MIN else None


def quantum_u(series: Sequence[Sequence[Reading]], kind: str) -> int | None:
    """The step in which a rail of `kind` counts or shows power in `series` of readings, in uJ or uW.

    Of a power the smallest change. A counter's change holds many steps, the energy of a whole refresh; what
    all its changes are multiples of is the step. None where they are too few or all alike, which says only
    that the load was.

    >>> quantum_u([[(0, 0), (1, 7_002_000), (2, 13_999_000), (3, 21_000_000), (4, 28_000_000)]], COUNTER)
    1000
    >>> quantum_u([[(0, 5_000), (1, 8_000), (2, 6_000)]], "instant")
    2000
    """
    steps = [
        after[1] - before[1]
        for readings in series
        for before, after in zip(readings, readings[1:])
        if after[1] != before[1]
    ]
    if kind != COUNTER:
        return min(map(abs, steps), default=None)
    counted = [step for step in steps if step > 0]  # a wrap is no multiple
    if len(counted) < QUANTUM_STEPS_MIN or min(counted) == max(counted):
        return None
    return functools.reduce(math.gcd, counted)


def watts(changes: Sequence[Reading], kind: str) -> list[float]:
    """Watts of every refresh among the `changes` of a rail of `kind`; of a counter, the mean between two."""
    if kind != COUNTER:
        return [value / 1e6 for _, value in changes]
    return [
        (after[1] - before[1]) / 1e6 / ((after[0] - before[0]) / 1e9)
        for before, after in zip(changes, changes[1:])
        if after[1] > before[1] and after[0] > before[0]
    ]


def correlation(values: Sequence[float]) -> float:
    """The correlation of neighbours among `values`, between 0 and 0.95."""
    mean = statistics.mean(values)
    variance = sum((value - mean) ** 2 for value in values)
    if variance == 0:
        return 0.0
    pairs = sum((before - mean) * (after - mean) for before, after in zip(values, values[1:]))
    return min(max(pairs / variance, 0.0), RHO_MAX)


def step_response(
    readings: Sequence[Reading], kind: str, steps_ns: Sequence[int], every_s: float
) -> tuple[float | None, float | None]:
    """(delay, rise) in seconds, medians: until half of a step shows, and from a tenth of it to nine tenths.

    By `readings` of a rail of `kind`. `steps_ns` are the times at which the load changed, each held for
    `every_s` seconds at least.
    """
    shown = readings if kind != COUNTER else _power_of_counter(distinct(readings))
    lags, rises = [], []
    for step_ns in steps_ns:
        end_ns = step_ns + int(every_s * 1e9)
        before = [value for t_ns, value in shown if step_ns - int(every_s * 5e8) <= t_ns < step_ns]
        after = [(t_ns, value) for t_ns, value in shown if step_ns <= t_ns < end_ns]
        late = [value for t_ns, value in after if t_ns >= step_ns + int(every_s * 5e8)]
        if not before or not late:
            continue
        low, high = statistics.median(before), statistics.median(late)
        if abs(high - low) <= 3 * (statistics.pstdev(before) + statistics.pstdev(late)):
            continue  # too small a step to be seen
        crossed = [_crossing(after, low + part * (high - low), rising=high > low) for part in (0.1, 0.5, 0.9)]
        if None not in crossed:
            tenth, half, ninth = (t_ns for t_ns in crossed if t_ns is not None)
            lags.append((half - step_ns) / 1e9)
            rises.append((ninth - tenth) / 1e9)
    return (statistics.median(lags), statistics.median(rises)) if lags else (None, None)


def own_lag_s(half_s: float, *, period_s: float | None, window_s: float | None) -> float:
    """Seconds of a source's own lag within `half_s`, the delay until half of a step shows.

    Without half of the `window_s` that a refresh averages over, and half a `period_s`, which passes on
    average until the next refresh. Readings are put in their place by lag and window apart, so neither may
    hold the other.

    >>> round(own_lag_s(0.75, period_s=0.1, window_s=1.0), 9)
    0.2
    >>> own_lag_s(0.04, period_s=0.1, window_s=0.025)
    0.0
    """
    return max(half_s - (window_s or 0.0) / 2 - (period_s or 0.0) / 2, 0.0)


def integral_disagreement(counter: Sequence[Reading], power: Sequence[Reading]) -> float | None:
    """How far the energy of a `counter` is from the integral of the `power` beside it, relative to that.

    Both over the span that both cover; None where that holds too few refreshes or the counter fell.
    """
    counts, powers = distinct(counter), distinct(power)
    if len(counts) < CHANGES_MIN or len(powers) < CHANGES_MIN:
        return None
    begin, end = max(counts[0][0], powers[0][0]), min(counts[-1][0], powers[-1][0])
    inside = [reading for reading in counts if begin <= reading[0] <= end]
    if len(inside) < CHANGES_MIN or any(b[1] < a[1] for a, b in zip(inside, inside[1:])):
        return None
    counted_j = (inside[-1][1] - inside[0][1]) / 1e6
    integral_j = integral(powers, inside[0][0], inside[-1][0])
    return abs(counted_j - integral_j) / integral_j if integral_j > 0 else None


def integral(powers: Sequence[Reading], from_ns: int, to_ns: int) -> float:
    """Joules under the readings `powers` by trapezoids, clipped to `from_ns` and `to_ns`."""
    total = 0.0
    for (t0, p0), (t1, p1) in zip(powers, powers[1:]):
        a, b = max(t0, from_ns), min(t1, to_ns)
        if a < b:
            at_a, at_b = (p0 + (p1 - p0) * (t - t0) / (t1 - t0) for t in (a, b))
            total += (at_a + at_b) / 2 / 1e6 * (b - a) / 1e9
    return total


def polling_s(kind: str, period_s: float | None, read_cost_s: float) -> float:
    """Seconds between two reads: half the refresh `period_s`, so that no refresh is lost, 10 to 200 ms.

    20 reads a second do for a rail of the `kind` counter, which loses nothing between them, and for a source
    of unknown period or with refreshes that come too fast to be followed. Never so often that reading, at
    `read_cost_s` each, costs much.

    >>> polling_s("boxcar", 0.02, 0.0), polling_s("counter", 0.02, 0.0), polling_s("instant", 0.001, 0.0)
    (0.01, 0.05, 0.05)
    >>> polling_s("boxcar", 0.42, 0.0), polling_s("boxcar", 0.42, 0.025)
    (0.2, 0.5)
    """
    half_s = (period_s or 0.0) / 2
    is_followed = kind != COUNTER and half_s >= POLLING_S_MIN
    wanted = half_s if is_followed else max(half_s, POLLING_S)
    return max(min(wanted, POLLING_S_MAX), read_cost_s / COST_SHARE_MAX)


def with_measured(facts: Mapping[str, Any], character: Mapping[str, Any] | None) -> dict[str, Any]:
    """The `facts` of a rail with what its measured `character` says in their place, and all of it beside."""
    if character is None:
        return dict(facts)
    better = dict(facts, measured=dict(character))
    if facts["window_s"] is not None:
        better["window_s"] = averaging_window_s(
            facts["window_s"], facts["period_s"], character.get("period_s")
        )
    for key in ("period_s", "lag_s"):
        if character.get(key) is not None:
            better[key] = character[key]
    quantum_u = character.get("quantum_u")
    key = "quantum_j" if facts["kind"] == COUNTER else "quantum_w"
    if quantum_u and facts[key] is None:
        better[key] = quantum_u / 1e6
    return better


def averaging_window_s(window_s: float, assumed_s: float | None, measured_s: float | None) -> float:
    """Seconds that a refresh averages over, where `window_s` was assumed, and a period of `assumed_s`.

    The period is really `measured_s`: a source that always looks still does.

    >>> averaging_window_s(0.1, 0.1, 0.1004), averaging_window_s(0.025, 0.1, 0.1004)
    (0.1004, 0.025)
    >>> averaging_window_s(1.0, 0.1, None)
    1.0
    """
    return measured_s if measured_s is not None and window_s == assumed_s else window_s


def quantile(ordered: Sequence[float], share: float) -> float:
    """The nearest of the `ordered` values at a `share` of them.

    >>> quantile([1.0, 2.0, 3.0, 4.0, 5.0], 0.9)
    5.0
    """
    return ordered[round(share * (len(ordered) - 1))]


def _power_of_counter(changes: Sequence[Reading]) -> list[Reading]:
    """Microwatts at the middle between two changes of a counter."""
    return [
        ((before[0] + after[0]) // 2, (after[1] - before[1]) * 10**9 // (after[0] - before[0]))
        for before, after in zip(changes, changes[1:])
        if after[1] > before[1] and after[0] > before[0]
    ]


def _crossing(shown: Sequence[Reading], level: float, *, rising: bool) -> int | None:
    return next((t_ns for t_ns, value in shown if (value >= level) == rising), None)
