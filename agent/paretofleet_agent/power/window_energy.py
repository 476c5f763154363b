"""The energy of a window as its rails show it: counted, or by the rule that decides how long a window is.

Where the report's own rule has no energy there is none here: a hole in the readings, a counter that began
anew, a power above what the target can draw.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Mapping

from paretofleet_agent.power import stopping
from paretofleet_agent.power.counted_window import counter_curve, counter_uncertainty
from paretofleet_agent.power.rail_facts import RailFacts, rail_facts
from paretofleet_agent.power.stopping import Samples
from paretofleet_agent.sensors.protocol import INSTANT

#: The report's rule of a hole: a gap of more than so many periods, or of the window less than this share in
#: rhythm. A refresh shows in the next read; one that takes so many reads longer was missed.
GAP_PERIODS_MAX, COVERAGE_MIN = 3.0, 0.9
MISSED_READS, MISSED_SPREAD_READS = 1.5, 2.0
#: A rhythm that nobody knows shows in so many changes.
CHANGES_MIN = 6


@dataclass(frozen=True)
class WindowSpan:
    """The measured window from `start_ns` to `end_ns`, the guard before it from `begin_ns` on.

    An iteration begins `every_s` seconds.
    """

    begin_ns: int
    start_ns: int
    end_ns: int
    every_s: float

    @property
    def seconds(self) -> float:
        """The length of the window."""
        return (self.end_ns - self.start_ns) / 1e9


@dataclass(frozen=True)
class WindowEnergy:
    """Joules and how far they may be off at 95 %, relative; where one of them is None, `why`.

    `needed_s`: so many seconds of window would have both, where only that is lacking.
    """

    energy_j: float | None
    relative_uncertainty: float | None
    why: str | None = None
    needed_s: float | None = None


def window_energy(
    facts: Mapping[str, Any], samples: Samples, window: WindowSpan, read_s: float
) -> WindowEnergy:
    """The energy that one rail shows of the `window`, by its `facts` and its `samples`.

    It is read every `read_s` seconds where the facts do not say.
    """
    name = f"{facts['source']}/{facts['rail']}"
    if facts.get("missing"):
        return WindowEnergy(None, None, f"{name} is missing in this run: {facts['missing']}")
    rail = rail_facts(facts, read_s)
    if rail.is_counter and (lacking := _counter_fault(rail, samples)):
        return WindowEnergy(None, None, f"{name} {lacking}")
    power = stopping.seen_power(rail, samples, window.start_ns, window.end_ns)
    least = stopping.COUNTER_REFRESHES_MIN
    if power.refreshes < least:
        why = (
            f"{name} showed {power.refreshes} of the {least} refreshes that an energy needs in the window of "
            f"{window.seconds:.3g} s"
        )
        return WindowEnergy(None, None, why, _needed_s(rail, window))
    mean_w = power.mean_w or 0.0
    reasons = (
        (mean_w <= 0.0, f"{name} shows no power"),
        (
            not _is_covered(facts, rail, samples, window),
            f"readings of {name} are missing in the window: look at its connection",
        ),
        (
            not rail.is_counter and not rail.own_period_s and _changes(samples) < CHANGES_MIN,
            f"the refresh of {name} is unknown, and its readings hardly change",
        ),
    )
    why_none = next((why for holds, why in reasons if holds), None)
    if why_none is not None:
        return WindowEnergy(None, None, why_none)
    if rail.is_counter:
        mean_w, relative = _counted(rail, samples, window)
    else:
        relative = stopping.uncertainty(rail, samples, window.begin_ns, window.start_ns, window.end_ns)
    return _judged(facts, rail, window, mean_w, relative)


def _counted(rail: RailFacts, samples: Samples, window: WindowSpan) -> tuple[float, float | None]:
    """The mean power of a counter over the `window`, watts, and how far it may be off."""
    curve = counter_curve(rail, samples)
    if curve is None:
        return 0.0, None
    begin_s, start_s, end_s = (
        (t_ns - samples[0][0]) / 1e9 for t_ns in (window.begin_ns, window.start_ns, window.end_ns)
    )
    guard_s = start_s - begin_s
    edge_w = curve.between(begin_s, start_s) / guard_s if guard_s > 0 else None
    relative = counter_uncertainty(rail, curve, start_s, end_s, edge_w)
    return curve.between(start_s, end_s) / window.seconds, relative


def _judged(
    facts: Mapping[str, Any], rail: RailFacts, window: WindowSpan, power_w: float, relative: float | None
) -> WindowEnergy:
    """The energy of a power that was seen, unless the target cannot draw it."""
    name = f"{facts['source']}/{facts['rail']}"
    most_w = facts.get("max_power_w")
    off = (facts.get("gain_relative_uncertainty") or 0.0) + (relative or 0.0)
    if most_w is not None and power_w > most_w * (1.0 + off):
        why = f"{name} shows {power_w:.4g} W where {most_w:.4g} W is the most that can be drawn"
        return WindowEnergy(None, None, why)
    energy_j = power_w * window.seconds
    if _may_keep_step(facts, rail, window):
        why = f"{name} looks only a part of the time, and the iterations may keep step with it"
        return WindowEnergy(energy_j, None, why)
    if relative is None and rail.quantum is None:
        return WindowEnergy(energy_j, None, f"the step of {name}'s readings is unknown")
    if relative is None:
        return WindowEnergy(energy_j, None, f"too few refreshes of {name}", _needed_s(rail, window))
    return WindowEnergy(energy_j, relative)


def _needed_s(rail: RailFacts, window: WindowSpan) -> float:
    """Whole seconds of a window that is long enough, and clearly longer than this one."""
    return math.ceil(max(stopping.least_s(rail), 2 * window.seconds))


def _may_keep_step(facts: Mapping[str, Any], rail: RailFacts, window: WindowSpan) -> bool:
    """Whether a sensor that looks only a part of the time may always have seen the same part of the work.

    One that converts when it is read, at random times, cannot.
    """
    looks_at_times = rail.kind == INSTANT and not facts.get("read_spread")
    if not (rail.is_part_time or looks_at_times):
        return False
    pause_s = stopping.spread_pause_s(window.every_s, period_s=rail.period_s, window_s=rail.window_s)
    return pause_s is not None


def _is_covered(facts: Mapping[str, Any], rail: RailFacts, samples: Samples, window: WindowSpan) -> bool:
    """Whether refreshes reach both ends, without a hole; what a counter misses in between it counts."""
    read_s = facts.get("read_s") or rail.period_s
    waited_s = 0.0 if rail.own_times_s is not None else min(rail.late_s, read_s) / 2.0
    late_ns = (rail.lag_s + rail.window_s / 2.0 + waited_s) * 1e9
    start_ns, end_ns = window.start_ns + late_ns, window.end_ns + late_ns
    times_ns = stopping.refresh_times_ns(rail, samples)
    before = [t_ns for t_ns in times_ns if t_ns <= start_ns][-1:]
    after = [t_ns for t_ns in times_ns if t_ns >= end_ns][:1]
    if not (before and after):
        return False
    around_ns = [*before, *(t_ns for t_ns in times_ns if start_ns < t_ns < end_ns), *after]
    gaps = list(zip(around_ns, around_ns[1:]))
    longest_ns = GAP_PERIODS_MAX * rail.period_s * 1e9
    if rail.is_counter:
        return all(there - here <= longest_ns for here, there in (gaps[0], gaps[-1]))
    rhythm_s = rail.own_period_s if rail.own_period_s > read_s else 0.0
    missed_reads = MISSED_SPREAD_READS if facts.get("read_spread") else MISSED_READS
    in_rhythm_ns = sum(
        min(there, end_ns) - max(here, start_ns)
        for here, there in gaps
        if there - here <= (rhythm_s + missed_reads * read_s) * 1e9
    )
    is_whole = all(there - here <= longest_ns for here, there in gaps)
    return is_whole and in_rhythm_ns >= COVERAGE_MIN * (end_ns - start_ns)


def _counter_fault(rail: RailFacts, samples: Samples) -> str | None:
    """Why a counter's readings of a run are no energy, as the report judges all of them; None where not."""
    times_ns, values_uj = samples
    if len(times_ns) > stopping.COUNTER_REFRESHES_MIN and len(set(values_uj)) == 1:
        return "stood still while the target worked: use another sensor"
    whole = stopping.seen_power(rail, samples, times_ns[0], times_ns[-1]) if times_ns else None
    if whole and whole.refreshes >= stopping.COUNTER_REFRESHES_MIN and whole.mean_w is None:
        return "began to count anew in this run: measure again"
    return None


def _changes(samples: Samples) -> int:
    return sum(before != after for before, after in zip(samples[1], samples[1][1:]))
