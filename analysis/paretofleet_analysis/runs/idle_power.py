"""What a sensor says of a run's idle phases and guard bands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from paretofleet_analysis.runs.energy_integral import mean_power_w
from paretofleet_analysis.runs.energy_uncertainty import error_budget
from paretofleet_analysis.runs.power_curve import PowerCurve
from paretofleet_analysis.runs.window import Span, Window

#: A loaded model that idles at this much less than nothing loaded: the device had not come to rest before.
IDLE_DRIFT_MAX = 0.05
COLD, ARMED = "cold_idle", "armed_idle"


@dataclass(frozen=True)
class IdlePower:
    """Mean power while nothing runs, before the model is loaded and with it; None where not measured."""

    cold_w: float | None = None
    armed_w: float | None = None
    cold_relative: float | None = None
    armed_relative: float | None = None

    @property
    def power_w(self) -> float | None:
        """With the model loaded, else without."""
        return self.cold_w if self.armed_w is None else self.armed_w

    @property
    def relative(self) -> float | None:
        """Its relative uncertainty at 95 %."""
        return self.cold_relative if self.armed_w is None else self.armed_relative

    @property
    def has_drifted(self) -> bool:
        """Whether it idled clearly lower with the model loaded: the device was not at rest before."""
        if self.cold_w is None or self.armed_w is None:
            return False
        off_w = math.hypot(self.cold_w * (self.cold_relative or 0), self.armed_w * (self.armed_relative or 0))
        return self.cold_w - self.armed_w > max(IDLE_DRIFT_MAX * self.cold_w, off_w)

    @property
    def kind(self) -> str | None:
        """What `power_w` is."""
        if self.armed_w is not None:
            return ARMED
        return None if self.cold_w is None else COLD


def idle_power(
    curve: PowerCurve, spans: Sequence[Span], *, quantum: float | None, margin_s: float
) -> IdlePower:
    """Idle powers of the `curve` by whether the model was loaded in each of the idle `spans`.

    `margin_s`: seconds at the ends of a phase that are left out, where the load still shows. `quantum`: the
    sensor's step in joules (counter) or watts, None where unknown.
    """
    load_ns = min((span.start_ns for span in spans if span.phase == "load"), default=None)
    powers: dict[str, tuple[float, float | None]] = {}
    for span in spans:
        if not span.phase.startswith("idle"):
            continue
        kind = COLD if load_ns is not None and span.end_ns <= load_ns else ARMED
        start_s, end_s = curve.seconds(span.start_ns) + margin_s, curve.seconds(span.end_ns) - margin_s
        power = mean_power_w(curve, start_s, end_s) if start_s < end_s else None
        if power is None:
            continue
        low, high = max(start_s, float(curve.t_s[0])), min(end_s, float(curve.t_s[-1]))
        budget = error_budget(curve, low, high, quantum=quantum, edge_w=power, load_s=(low, high))
        powers[kind] = (power, None if budget is None else budget.relative)
    (cold_w, cold), (armed_w, armed) = (powers.get(kind, (None, None)) for kind in (COLD, ARMED))
    return IdlePower(cold_w, armed_w, cold, armed)


def guarded_s(curve: PowerCurve, spans: Sequence[Span], window: Window) -> tuple[float, float]:
    """From when to when the load of the `window` ran, with the guard bands among `spans`, on the `curve`."""
    guards = [span for span in spans if span.phase.startswith("guard")]
    start_ns = min([window.start_ns, *(span.start_ns for span in guards)])
    end_ns = max([window.end_ns, *(span.end_ns for span in guards)])
    return curve.seconds(start_ns), curve.seconds(end_ns)


def guard_power_w(curve: PowerCurve, spans: Sequence[Span], least_s: float) -> float | None:
    """Mean watts of the `curve` in guard bands among `spans` of at least `least_s` seconds; None without."""
    powers = [
        mean_power_w(curve, curve.seconds(span.start_ns), curve.seconds(span.end_ns))
        for span in spans
        if span.phase.startswith("guard") and span.end_ns - span.start_ns >= 1e9 * least_s
    ]
    seen = [power for power in powers if power is not None]
    return sum(seen) / len(seen) if seen else None
