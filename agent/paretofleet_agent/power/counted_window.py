"""What a counter counted in a window, and how far that may be off: the report's terms for a counter.

A refresh is seen by the first read after it, so its time is the middle of the time since the read before.
With d the window's length, E its energy, h how late refreshes are seen (root mean square), n their number,
q the quantum, p the time between refreshes, P_edge the mean power of the guard before, s how the energy
between two refreshes leaves the straight line (standard deviation):

    edge     (p / d) |1 - P_edge d / E| / sqrt(12)
    quantum  2 q / (E sqrt(12))
    time     h / (d sqrt(6)) and s / (E sqrt(3))
    U        t(max(n - 1, 4); 0.975) times the root of the sum of squares
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import Sequence

from paretofleet_agent.power.counters import counted_series_uj
from paretofleet_agent.power.rail_facts import RailFacts
from paretofleet_agent.power.stopping import FREEDOM_MIN, Samples, student_975


@dataclass(frozen=True)
class CounterCurve:
    """A counter's refreshes: seconds since the first reading, joules, and how late each was seen."""

    times_s: Sequence[float]
    joules: Sequence[float]
    late_s: Sequence[float]

    def between(self, start_s: float, end_s: float) -> float:
        """Joules from `start_s` to `end_s`, on straight lines between refreshes and level beyond them."""
        return self._at(end_s) - self._at(start_s)

    def _at(self, t_s: float) -> float:
        place = bisect_right(self.times_s, t_s)
        if place in (0, len(self.times_s)):
            return self.joules[max(place - 1, 0)]
        (t0, t1), (j0, j1) = self.times_s[place - 1 : place + 1], self.joules[place - 1 : place + 1]
        return j0 + (j1 - j0) * (t_s - t0) / (t1 - t0)


def counter_curve(rail: RailFacts, samples: Samples) -> CounterCurve | None:
    """The refreshes that the `samples` of a `rail` show; None for fewer than two, or where it began anew."""
    readings = list(zip(*samples))
    counted = (
        None
        if len(readings) < 2
        else counted_series_uj(
            readings,
            max_range_uj=rail.max_range_uj,
            max_power_w=rail.max_power_w,
            period_s=rail.own_period_s,
        )
    )
    if counted is None:
        return None
    longest_s = rail.own_period_s or math.inf
    times_s, joules, late_s = [], [], []
    for at, (t_ns, _) in enumerate(readings):
        if at and counted[at] == counted[at - 1]:
            continue
        gap_s = (t_ns - readings[at - 1][0]) / 1e9 if at else rail.period_s
        late = min(gap_s, longest_s)
        if rail.own_times_s is not None:
            late = min(late, rail.own_times_s)
        waited_s = 0.0 if rail.own_times_s is not None else late / 2
        times_s.append((t_ns - readings[0][0]) / 1e9 - waited_s - rail.lag_s)
        joules.append(counted[at] / 1e6)
        late_s.append(late)
    return CounterCurve(times_s, joules, late_s) if len(times_s) > 1 else None


def counter_uncertainty(
    rail: RailFacts, curve: CounterCurve, start_s: float, end_s: float, edge_w: float | None
) -> float | None:
    """U at 95 % of the energy of a `rail`, by its `curve`, from `start_s` to `end_s`, relative to it.

    `edge_w`: mean power of the guard before, None where unknown, when it is taken as nothing. None without a
    quantum, or where the window holds no energy or no refresh.
    """
    energy_j, length_s = curve.between(start_s, end_s), end_s - start_s
    inside = [at for at, t_s in enumerate(curve.times_s) if start_s <= t_s <= end_s]
    if rail.quantum is None or energy_j <= 0 or not inside:
        return None
    step = abs(1.0 - (edge_w or 0.0) * length_s / energy_j)
    late_s = math.sqrt(sum(curve.late_s[at] ** 2 for at in inside) / len(inside))
    terms = (
        rail.period_s / length_s * step / math.sqrt(12.0),
        2.0 * rail.quantum / energy_j / math.sqrt(12.0),
        late_s / length_s / math.sqrt(6.0),
        _off_the_line_j(curve, inside, late_s) / energy_j / math.sqrt(3.0),
    )
    return student_975(max(len(inside) - 1.0, FREEDOM_MIN)) * math.sqrt(sum(term**2 for term in terms))


def _off_the_line_j(curve: CounterCurve, inside: Sequence[int], late_s: float) -> float:
    """Joules by which the energy between two refreshes leaves the line, less what the times make of it."""
    if len(inside) < 3:
        return 0.0
    first, last = inside[0], inside[-1]
    power_w = (curve.joules[last] - curve.joules[first]) / (curve.times_s[last] - curve.times_s[first])
    off = [
        curve.joules[there] - curve.joules[here] - power_w * (curve.times_s[there] - curve.times_s[here])
        for here, there in zip(inside, inside[1:])
    ]
    mean_square = sum(each**2 for each in off) / len(off)
    return math.sqrt(max(mean_square - (power_w * late_s) ** 2 / 6.0, 0.0))
