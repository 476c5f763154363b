"""How long a window must be for its energy, and what its work must look like: pure functions, time as data.

Energy has no certain length of window: it depends on how often a sensor refreshes, on its noise and on its
steps. After each block the readings so far give the relative uncertainty U at 95 %, and the window goes on
until U is 2 % or its time is up. With d the length so far, p the time between refreshes, n distinct
refreshes, rho their lag-one correlation, P the mean power, E the energy, q the quantum:

    N_eff = n (1 - rho) / (1 + rho)
    edge     (p / d) |1 - P_edge / P| / sqrt(12)          P_edge: mean over the guard before
    sampling s_P / (P sqrt(N_eff))                        0 for a counter
    quantum  2 q / (E sqrt(12)) or q / (P sqrt(12 N_eff))
    time     the uncertainty of a reading's time / d
    U = t(max(N_eff - 1, 4); 0.975) sqrt(edge^2 + sampling^2 + quantum^2 + time^2)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Mapping, Sequence, Tuple

from paretofleet_agent.sensors.protocol import BOXCAR, COUNTER, FILTERED

#: The relative uncertainty that is asked for.
UNCERTAINTY_MAX = 0.02
#: The longest window, and the longest on a board, whose sensors are slow.
CAP_S, BOARD_CAP_S = 120.0, 300.0
BOARD_SCOPES = ("module", "module+carrier")
#: The scope of what speaks only where nothing nearer does.
BATTERY = "battery"
#: A block lasts so many refreshes, a window so many, and never less than a second.
BLOCK_REFRESHES, WINDOW_REFRESHES, BLOCK_S_MIN = 10, 30, 1.0
#: The shortest guard and the longest, also under a short protocol: what is slower finds no window anyway.
GUARD_S_MIN, GUARD_S_MAX, SHORT_GUARD_S_MAX = 0.5, 10.0, 2.0
#: The shortest windows of sensors: counters that refresh often, all others that always look, those that look
#: a part of the time or long ago, and those of a second and slower.
FAST_COUNTER_S, STEADY_S, SLOW_S, METER_S = 2.0, 5.0, 10.0, 60.0
FAST_PERIOD_S, SLOW_PERIOD_S, METER_PERIOD_S = 0.01, 0.3, 1.0
#: With fewer effective refreshes the t quantile is taken as if there were so many.
FREEDOM_MIN = 4.0
CORRELATION_MAX = 0.95
#: Reading a clock twice around a read.
CLOCK_S = 1e-6
#: Successive iterations land this part of a period further, which never comes round to the same place.
GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0

MORE, ENOUGH, CAPPED = "more", "enough", "capped"

#: Times in ns and micro-units of a rail, in order.
Samples = Tuple[Sequence[int], Sequence[int]]


@dataclass(frozen=True)
class RailFacts:
    """What the rule must know of a rail. `period_s` is as seen: its own, or the time between our reads.

    `own_times_s`: of a sensor that gives the times of its refreshes, how far they may be off.
    """

    stream: str
    scope: str
    kind: str
    period_s: float
    own_period_s: float
    window_s: float
    lag_s: float
    quantum: float | None
    max_range_uj: int | None = None
    own_times_s: float | None = None

    @property
    def is_counter(self) -> bool:
        """Whether it counts energy."""
        return self.kind == COUNTER

    @property
    def late_s(self) -> float:
        """The time in which a refresh was seen."""
        if self.own_times_s is not None:
            return self.own_times_s
        return min(self.own_period_s or self.period_s, self.period_s)

    @property
    def is_part_time(self) -> bool:
        """Whether it averages over less than its period, so that work may keep step with it unseen."""
        return self.kind == BOXCAR and 0 < self.window_s < self.own_period_s


@dataclass(frozen=True)
class WindowVerdict:
    """Whether the window goes on, and the largest U of the sensors; None where no sensor says anything."""

    state: str
    uncertainty: float | None


def rails_of(rails: Sequence[Mapping[str, Any]], target_id: str, read_s: float) -> list[RailFacts]:
    """The rails that a run on a target takes its energy from, by their facts.

    They are read every `read_s` where their facts say nothing else. A rail that is missing decides nothing,
    and a battery nothing beside a nearer one: its gauge would make every window as long as windows get.
    """
    sensors = [
        RailFacts(
            stream=rail["stream"],
            scope=rail["scope"],
            kind=rail["kind"],
            period_s=max(rail.get("period_s") or 0.0, rail.get("read_s") or read_s),
            own_period_s=rail.get("period_s") or 0.0,
            window_s=rail.get("window_s") or 0.0,
            lag_s=rail.get("lag_s") or 0.0,
            quantum=rail.get("quantum_j") if rail["kind"] == COUNTER else rail.get("quantum_w"),
            max_range_uj=rail.get("max_range_uj"),
            own_times_s=(rail.get("read_s") or read_s) if rail.get("is_self_timed") else None,
        )
        for rail in rails
        if rail.get("primary") and not rail.get("missing") and rail.get("target_id") in (None, target_id)
    ]
    return [sensor for sensor in sensors if sensor.scope != BATTERY] or sensors


def guard_s(sensors: Sequence[RailFacts], *, is_short: bool = False) -> float:
    """How long the load runs before and after the window, so that a slow sensor sees only load inside it.

    A sensor whose averages overlap, such as that of a second, gets half of one more. Where the guard ends
    sooner than a sensor would need, its error says so.
    """
    needed = [max(2.0 * sensor.period_s, sensor.lag_s + _memory_s(sensor)) for sensor in sensors]
    return min(max([GUARD_S_MIN, *needed]), SHORT_GUARD_S_MAX if is_short else GUARD_S_MAX)


def block_s(sensors: Sequence[RailFacts]) -> float:
    """How long a block of the window lasts at least, so that it brings refreshes."""
    return max([BLOCK_S_MIN] + [BLOCK_REFRESHES * sensor.period_s for sensor in sensors])


def least_s(sensor: RailFacts) -> float:
    """The shortest window that makes sense for a sensor, whatever its readings say."""
    return max(_floor_s(sensor), WINDOW_REFRESHES * sensor.period_s)


def cap_s(sensors: Sequence[RailFacts]) -> float:
    """The longest window."""
    return BOARD_CAP_S if any(sensor.scope in BOARD_SCOPES for sensor in sensors) else CAP_S


def judge(
    sensors: Sequence[RailFacts],
    samples: Mapping[str, Samples],
    *,
    begin_ns: int,
    start_ns: int,
    now_ns: int,
) -> WindowVerdict:
    """Whether the window from `start_ns` to `now_ns` is long enough for every sensor.

    `samples` holds each stream's readings from `begin_ns` on, where the guard before began. A sensor that
    says nothing is not waited for longer than its shortest window. ENOUGH where there is no sensor at all.
    """
    elapsed_s = (now_ns - start_ns) / 1e9
    known: list[float] = []
    goes_on = False
    for sensor in sensors:
        found = uncertainty(sensor, samples.get(sensor.stream, ((), ())), begin_ns, start_ns, now_ns)
        is_early = elapsed_s < least_s(sensor)
        goes_on = goes_on or is_early or (found is not None and found > UNCERTAINTY_MAX)
        if found is not None:
            known.append(found)
    worst = max(known) if known else None
    if goes_on and elapsed_s >= cap_s(sensors):
        return WindowVerdict(CAPPED, worst)
    return WindowVerdict(MORE if goes_on else ENOUGH, worst)


def uncertainty(
    sensor: RailFacts, samples: Samples, begin_ns: int, start_ns: int, end_ns: int
) -> float | None:
    """U of a window's energy from the readings so far; None where too few came or the quantum is unknown."""
    edge = _refreshes(sensor, samples, begin_ns, start_ns)
    seen = _refreshes(sensor, samples, start_ns, end_ns)
    if len(seen) < 3 or sensor.quantum is None:
        return None
    length_s = (end_ns - start_ns) / 1e9
    power_w = _mean_w(sensor, seen)
    if power_w is None or power_w <= 0:
        return None
    edge_w = _mean_w(sensor, edge) if len(edge) >= 2 else None
    step = 0.0 if edge_w is None else abs(1.0 - edge_w / power_w)
    u_edge = sensor.period_s / length_s * step / math.sqrt(12.0)
    if sensor.is_counter:
        n_eff, u_sampling = float(len(seen)), 0.0
        u_quantum = 2.0 * sensor.quantum / (power_w * length_s * math.sqrt(12.0))
        u_time = (sensor.late_s / math.sqrt(6.0) + CLOCK_S) / length_s
    else:
        watts = [value / 1e6 for _, value in seen]
        n_eff, spread_w = effective_count(watts), _deviation(watts)
        u_sampling = spread_w / (power_w * math.sqrt(n_eff))
        u_quantum = sensor.quantum / (power_w * math.sqrt(12.0 * n_eff))
        u_time = CLOCK_S / length_s
    total = math.sqrt(u_edge**2 + u_sampling**2 + u_quantum**2 + u_time**2)
    return student_975(max(n_eff - 1.0, FREEDOM_MIN)) * total


def spread_pause_s(iteration_s: float, *, period_s: float, window_s: float) -> float | None:
    """The idle after each iteration that lets a part-time sensor see all of it; None where none is needed.

    Iteration and pause together take m + 0.618 periods, m as small as possible.

    >>> round(spread_pause_s(0.1, period_s=0.1, window_s=0.025), 4)
    0.0618
    >>> spread_pause_s(0.01, period_s=0.1, window_s=0.025) is None
    True
    """
    if window_s >= period_s or iteration_s <= window_s / 2.0:
        return None
    whole = max(0, math.ceil(iteration_s / period_s - GOLDEN))
    return (whole + GOLDEN) * period_s - iteration_s


def effective_count(values: Sequence[float]) -> float:
    """N (1 - rho) / (1 + rho) with the lag-one correlation rho between 0 and 0.95, at least 1."""
    n = len(values)
    mean = sum(values) / n
    variance = sum((value - mean) ** 2 for value in values)
    if n < 3 or variance <= 0.0:
        return float(n)
    rho = sum((a - mean) * (b - mean) for a, b in zip(values, values[1:])) / variance
    rho = min(max(rho, 0.0), CORRELATION_MAX)
    return max(n * (1.0 - rho) / (1.0 + rho), 1.0)


def student_975(freedom: float) -> float:
    """The 97.5 % quantile of Student's t for 4 degrees of freedom and more, good to 0.3 %.

    >>> [round(student_975(freedom), 2) for freedom in (4, 9, 30, 1000)]
    [2.77, 2.26, 2.04, 1.96]
    """
    z = 1.959963984540054
    first = (z**3 + z) / 4.0
    second = (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0
    third = (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / 384.0
    return z + first / freedom + second / freedom**2 + third / freedom**3


def _memory_s(sensor: RailFacts) -> float:
    return sensor.window_s * (1.5 if sensor.window_s > sensor.own_period_s else 1.0)


def _floor_s(sensor: RailFacts) -> float:
    if sensor.own_period_s >= METER_PERIOD_S:
        return METER_S
    if sensor.is_counter:
        return FAST_COUNTER_S if 0.0 < sensor.own_period_s <= FAST_PERIOD_S else STEADY_S
    is_slow = sensor.kind == FILTERED or sensor.own_period_s >= SLOW_PERIOD_S
    looks_back = sensor.window_s > 2.0 * sensor.own_period_s
    return SLOW_S if is_slow or looks_back or sensor.is_part_time else STEADY_S


def _refreshes(sensor: RailFacts, samples: Samples, from_ns: int, to_ns: int) -> list[tuple[int, int]]:
    """Distinct refreshes between two times: the value changed or, of a power, a period passed."""
    found: list[tuple[int, int]] = []
    for t_ns, value in zip(*samples):
        if not from_ns <= t_ns <= to_ns:
            continue
        is_due = not sensor.is_counter and t_ns - found[-1][0] >= sensor.own_period_s * 1e9 if found else True
        if is_due or value != found[-1][1]:
            found.append((t_ns, value))
    return found


def _mean_w(sensor: RailFacts, refreshes: Sequence[tuple[int, int]]) -> float | None:
    """Mean power of some refreshes; None after a reset of a counter."""
    if not sensor.is_counter:
        return sum(value for _, value in refreshes) / 1e6 / len(refreshes)
    counted = 0
    for (_, before), (_, after) in zip(refreshes, refreshes[1:]):
        step = after - before
        if step < 0 and sensor.max_range_uj is not None:
            step += sensor.max_range_uj
        if step < 0:
            return None
        counted += step
    return counted / 1e6 / ((refreshes[-1][0] - refreshes[0][0]) / 1e9)


def _deviation(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
