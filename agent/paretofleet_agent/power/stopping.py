"""How long a window must be for its energy, and what its work must look like: pure functions, time as data.

Energy has no certain length of window: it depends on how often a sensor refreshes, on its noise and on its
steps. After each block the readings so far give the relative uncertainty U at 95 %, and the window goes on
until U is 2 % or its time is up. With d the length so far, p the time between refreshes, n distinct
refreshes, rho their lag-one correlation, P the mean power, E the energy, q the quantum:

    N_eff = n (1 - rho) / (1 + rho)
    edge     (p / d) |1 - P_edge / P| / sqrt(12)          P_edge: mean over the guard before
    sampling s_P / (P sqrt(N_eff))                        0 for a counter
    quantum  2 q / (E sqrt(12)) or q / (P sqrt(12 N_eff)), of power without N_eff where s_P is below q / 2
    time     the uncertainty of a reading's time / d
    U = t(max(N_eff - 1, 4); 0.975) sqrt(edge^2 + sampling^2 + quantum^2 + time^2)

A power says nothing before its 20th refresh: a rule that looks again and again would stop where a few
readings happen to be alike. A quantum that no longer window averages out is not waited for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Mapping, Sequence, Tuple

from paretofleet_agent.power.counters import counted_uj
from paretofleet_agent.power.rail_facts import RailFacts
from paretofleet_agent.sensors.protocol import FILTERED

#: The relative uncertainty that is asked for.
UNCERTAINTY_MAX = 0.02
#: The longest window, and the longest on a board, whose sensors are slow.
CAP_S, BOARD_CAP_S = 120.0, 300.0
BOARD_SCOPES = ("module", "module+carrier")
#: A block lasts so many refreshes, a window so many, and never less than a second.
BLOCK_REFRESHES, WINDOW_REFRESHES, BLOCK_S_MIN = 10, 30, 1.0
#: The shortest guard and the longest, also under a short protocol: what is slower finds no window anyway.
GUARD_S_MIN, GUARD_S_MAX, SHORT_GUARD_S_MAX = 0.5, 10.0, 2.0
#: The shortest windows of sensors: counters that refresh often, all others that always look, those that look
#: a part of the time or long ago, and those of a second and slower.
FAST_COUNTER_S, STEADY_S, SLOW_S, METER_S = 2.0, 5.0, 10.0, 60.0
FAST_PERIOD_S, SLOW_PERIOD_S, METER_PERIOD_S = 0.01, 0.3, 1.0
#: So many refreshes say how far an energy may be off: of a counter, and of a power, whose spread must be seen
#: first. Windows of a real board that ended from the third on were off by more than they said in one of five.
COUNTER_REFRESHES_MIN, POWER_REFRESHES_MIN = 3, 20
#: What is said of this moment looks back so far, or over so many periods of a slow sensor.
NOW_S, NOW_PERIODS = 2.0, 6.0
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
class WindowVerdict:
    """Whether the window goes on, and the largest U of the rails; None where no rail says anything."""

    state: str
    uncertainty: float | None


@dataclass(frozen=True)
class SeenPower:
    """The mean of a rail's power; None where it shows too few refreshes or its counter began anew."""

    refreshes: int
    mean_w: float | None


def guard_s(rails: Sequence[RailFacts], *, is_short: bool = False) -> float:
    """Seconds of load before and after the window, so that the slowest of `rails` sees only load inside it.

    A rail whose averages overlap, such as that of a second, gets half of one more. Where the guard ends
    sooner than a rail would need, as under a protocol that `is_short`, its error says so.
    """
    needed = [max(2.0 * rail.period_s, rail.lag_s + _memory_s(rail)) for rail in rails]
    return min(max([GUARD_S_MIN, *needed]), SHORT_GUARD_S_MAX if is_short else GUARD_S_MAX)


def block_s(rails: Sequence[RailFacts]) -> float:
    """Seconds that a block of the window lasts at least, so that it brings refreshes of all `rails`."""
    return max([BLOCK_S_MIN] + [BLOCK_REFRESHES * rail.period_s for rail in rails])


def least_s(rail: RailFacts) -> float:
    """Seconds of the shortest window that makes sense for a `rail`, whatever its readings say."""
    return max(_floor_s(rail), WINDOW_REFRESHES * rail.period_s)


def cap_s(rails: Sequence[RailFacts]) -> float:
    """Seconds of the longest window for `rails`."""
    return BOARD_CAP_S if any(rail.scope in BOARD_SCOPES for rail in rails) else CAP_S


def judge(
    rails: Sequence[RailFacts],
    samples: Mapping[str, Samples],
    *,
    begin_ns: int,
    start_ns: int,
    now_ns: int,
) -> WindowVerdict:
    """Whether the window from `start_ns` to `now_ns` is long enough for each of `rails`.

    `samples` holds each stream's readings from `begin_ns` on, where the guard before began. A rail that
    says nothing is not waited for longer than its shortest window. ENOUGH where there is no rail at all.
    """
    elapsed_s = (now_ns - start_ns) / 1e9
    uncertainties: list[float] = []
    goes_on = is_capped = False
    for rail in rails:
        estimate = _estimate(rail, samples.get(rail.stream, ((), ())), begin_ns, start_ns, now_ns)
        goes_on = goes_on or elapsed_s < least_s(rail)
        if estimate is None:
            continue
        u, least_u = estimate
        uncertainties.append(u)
        goes_on = goes_on or u > UNCERTAINTY_MAX >= least_u
        is_capped = is_capped or least_u > UNCERTAINTY_MAX
    worst = max(uncertainties, default=None)
    if goes_on and elapsed_s < cap_s(rails):
        return WindowVerdict(MORE, worst)
    return WindowVerdict(CAPPED if goes_on or is_capped else ENOUGH, worst)


def uncertainty(rail: RailFacts, samples: Samples, begin_ns: int, start_ns: int, end_ns: int) -> float | None:
    """U of the energy of the window from `start_ns` to `end_ns`, by the `samples` of a `rail` so far.

    The guard before began at `begin_ns`. None where too few refreshes came, the counter was reset, or the
    quantum is unknown.
    """
    estimate = _estimate(rail, samples, begin_ns, start_ns, end_ns)
    return None if estimate is None else estimate[0]


def _estimate(
    rail: RailFacts, samples: Samples, begin_ns: int, start_ns: int, end_ns: int
) -> tuple[float, float] | None:
    """U, and what of it no longer window lowers; None as `uncertainty` says."""
    edge = _refreshes(rail, samples, begin_ns, start_ns)
    seen = _refreshes(rail, samples, start_ns, end_ns)
    least = COUNTER_REFRESHES_MIN if rail.is_counter else POWER_REFRESHES_MIN
    if len(seen) < least or rail.quantum is None:
        return None
    length_s = (end_ns - start_ns) / 1e9
    power_w = _mean_w(rail, seen)
    if power_w is None or power_w <= 0:
        return None
    edge_w = _mean_w(rail, edge) if len(edge) >= 2 else None
    step = 0.0 if edge_w is None else abs(1.0 - edge_w / power_w)
    u_edge = rail.period_s / length_s * step / math.sqrt(12.0)
    u_stays = 0.0
    if rail.is_counter:
        n_eff, u_sampling = float(len(seen)), 0.0
        u_quantum = 2.0 * rail.quantum / (power_w * length_s * math.sqrt(12.0))
        u_time = (rail.late_s / math.sqrt(6.0) + CLOCK_S) / length_s
    else:
        watts = [value / 1e6 for _, value in seen]
        n_eff, spread_w = effective_count(watts), _deviation(watts)
        u_sampling = spread_w / (power_w * math.sqrt(n_eff))
        # Steps average out only where the power itself moves across them.
        u_stays = rail.quantum / (power_w * math.sqrt(12.0)) if spread_w <= rail.quantum / 2.0 else 0.0
        u_quantum = u_stays or rail.quantum / (power_w * math.sqrt(12.0 * n_eff))
        u_time = CLOCK_S / length_s
    total = math.sqrt(u_edge**2 + u_sampling**2 + u_quantum**2 + u_time**2)
    reach = student_975(max(n_eff - 1.0, FREEDOM_MIN))
    return reach * total, reach * u_stays


def spread_pause_s(iteration_s: float, *, period_s: float, window_s: float) -> float | None:
    """Seconds of idle after each iteration that let a part-time sensor see all of it; None without need.

    An iteration takes `iteration_s`, and together with its pause m + 0.618 periods, m as small as possible.
    The sensor averages over `window_s` of each `period_s`.

    >>> round(spread_pause_s(0.1, period_s=0.1, window_s=0.025), 4)
    0.0618
    >>> spread_pause_s(0.01, period_s=0.1, window_s=0.025) is None
    True
    """
    if window_s >= period_s or iteration_s <= window_s / 2.0:
        return None
    whole = max(0, math.ceil(iteration_s / period_s - GOLDEN))
    return (whole + GOLDEN) * period_s - iteration_s


def seen_power(rail: RailFacts, samples: Samples, start_ns: int, end_ns: int) -> SeenPower:
    """What power the `samples` of a `rail` show from `start_ns` to `end_ns`, and by how many refreshes."""
    seen = _refreshes(rail, samples, start_ns, end_ns)
    return SeenPower(len(seen), _mean_w(rail, seen) if len(seen) >= COUNTER_REFRESHES_MIN else None)


def power_now_w(rails: Sequence[RailFacts], samples: Mapping[str, Samples], now_ns: int) -> float | None:
    """Watts that all `rails` together showed in the seconds before `now_ns`, by their `samples` by stream.

    For people who watch, and in no result. None without rails, or where one of them showed too little.
    """
    total_w = 0.0
    for rail in rails:
        since_ns = now_ns - int(max(NOW_S, NOW_PERIODS * rail.period_s) * 1e9)
        mean_w = seen_power(rail, samples.get(rail.stream, ((), ())), since_ns, now_ns).mean_w
        if mean_w is None:
            return None
        total_w += mean_w
    return total_w if rails else None


def refresh_times_ns(rail: RailFacts, samples: Samples) -> list[int]:
    """When the `samples` of a `rail` show a new refresh, in nanoseconds of their clock."""
    times_ns = samples[0]
    return [t_ns for t_ns, _ in _refreshes(rail, samples, times_ns[0], times_ns[-1])] if times_ns else []


def effective_count(values: Sequence[float]) -> float:
    """N (1 - rho) / (1 + rho) of N `values`, with their lag-one correlation rho in 0 to 0.95; at least 1."""
    n = len(values)
    mean = sum(values) / n
    variance = sum((value - mean) ** 2 for value in values)
    if n < 3 or variance <= 0.0:
        return float(n)
    rho = sum((a - mean) * (b - mean) for a, b in zip(values, values[1:])) / variance
    rho = min(max(rho, 0.0), CORRELATION_MAX)
    return max(n * (1.0 - rho) / (1.0 + rho), 1.0)


def student_975(freedom: float) -> float:
    """The 97.5 % quantile of Student's t for 4 degrees of `freedom` and more, good to 0.3 %.

    >>> [round(student_975(freedom), 2) for freedom in (4, 9, 30, 1000)]
    [2.77, 2.26, 2.04, 1.96]
    """
    z = 1.959963984540054
    first = (z**3 + z) / 4.0
    second = (5.0 * z**5 + 16.0 * z**3 + 3.0 * z) / 96.0
    third = (3.0 * z**7 + 19.0 * z**5 + 17.0 * z**3 - 15.0 * z) / 384.0
    return z + first / freedom + second / freedom**2 + third / freedom**3


def _memory_s(rail: RailFacts) -> float:
    return rail.window_s * (1.5 if rail.window_s > rail.own_period_s else 1.0)


def _floor_s(rail: RailFacts) -> float:
    if rail.own_period_s >= METER_PERIOD_S:
        return METER_S
    if rail.is_counter:
        return FAST_COUNTER_S if 0.0 < rail.own_period_s <= FAST_PERIOD_S else STEADY_S
    is_slow = rail.kind == FILTERED or rail.own_period_s >= SLOW_PERIOD_S
    looks_back = rail.window_s > 2.0 * rail.own_period_s
    return SLOW_S if is_slow or looks_back or rail.is_part_time else STEADY_S


def _refreshes(rail: RailFacts, samples: Samples, from_ns: int, to_ns: int) -> list[tuple[int, int]]:
    """Distinct refreshes between two times: the value changed or, of a power, a period passed."""
    longest_ns = math.inf if rail.is_counter else rail.own_period_s * 1e9
    refreshes: list[tuple[int, int]] = []
    for t_ns, value in zip(*samples):
        if not from_ns <= t_ns <= to_ns:
            continue
        if not refreshes or value != refreshes[-1][1] or t_ns - refreshes[-1][0] >= longest_ns:
            refreshes.append((t_ns, value))
    return refreshes


def _mean_w(rail: RailFacts, refreshes: Sequence[tuple[int, int]]) -> float | None:
    """Mean power of some refreshes; None after a reset of a counter."""
    if not rail.is_counter:
        return sum(value for _, value in refreshes) / 1e6 / len(refreshes)
    energy_uj = counted_uj(
        refreshes,
        max_range_uj=rail.max_range_uj,
        max_power_w=rail.max_power_w,
        period_s=rail.own_period_s,
    )
    if energy_uj is None:
        return None
    return energy_uj / 1e6 / ((refreshes[-1][0] - refreshes[0][0]) / 1e9)


def _deviation(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))
