"""Simulated power sensors whose truth is known: what a sensor shows of a power curve, with its faults.

A sensor refreshes every `period_s`, `phase_s` after the curve's zero, with `jitter_s` (standard deviation).
A refresh at time r shows, of the power P that was drawn,

    counter     the energy since the start, E(r - lag)
    instant     P(r - lag)
    boxcar      the mean of P over [r - lag - window, r - lag]; window < period is a part-time sensor
    filtered    a first-order low-pass of P with time constant tau, at r - lag

times the gain, plus normal noise (power only), in whole quanta: down for a counter, to the nearest for
power. A counter starts at `start_j`, wraps at `max_range_uj` and restarts at `reset_s`. A read shows the
last refresh. With probability `stale` a refresh does not come and the old value stays; with probability
`failing` a read gives nothing (EAGAIN); after `lost_s` no read gives anything. Everything follows from the
seed.
"""

from __future__ import annotations

import bisect
import math
import random
from dataclasses import dataclass, replace
from typing import Callable, Iterable, Mapping, Sequence

from paretofleet_agent.sensors.protocol import BOXCAR, COUNTER, FILTERED, INSTANT, Rail, Reading, Readings

#: After so many missing refreshes in a row the simulation stops to look further back.
STALE_MAX = 50


class Curve:
    """Power over time: `watts[i]` from `starts_s[i]` to the next start, and 0 before the first."""

    def __init__(self, steps: Iterable[tuple[float, float]] = ()) -> None:
        self._starts: list[float] = []
        self._watts: list[float] = []
        self._joules: list[float] = []
        self._filtered: dict[float, list[float]] = {}
        for start_s, watts in steps:
            self.add(start_s, watts)

    @classmethod
    def square(
        cls, low_w: float, high_w: float, *, period_s: float, duty: float, begin_s: float, end_s: float
    ) -> Curve:
        """`low_w` outside [begin, end]; inside, `high_w` for the first `duty` of every period."""
        curve = cls([(-1e6, low_w)])
        for number in range(math.ceil((end_s - begin_s) / period_s)):
            start_s = begin_s + number * period_s
            curve.add(start_s, high_w)
            if duty < 1:
                curve.add(min(start_s + duty * period_s, end_s), low_w)
        curve.add(end_s, low_w)
        return curve

    def add(self, start_s: float, watts: float) -> None:
        """Draws `watts` from `start_s` on, which is not before the last start."""
        if self._starts:
            last = self._starts[-1]
            self._joules.append(self._joules[-1] + self._watts[-1] * (start_s - last))
        else:
            self._joules.append(0.0)
        self._starts.append(start_s)
        self._watts.append(watts)
        self._filtered.clear()

    def watts(self, t_s: float) -> float:
        """The power at a time."""
        index = bisect.bisect_right(self._starts, t_s) - 1
        return self._watts[index] if index >= 0 else 0.0

    def joules(self, from_s: float, to_s: float) -> float:
        """The energy between two times."""
        return self._energy(to_s) - self._energy(from_s)

    def filtered(self, t_s: float, tau_s: float) -> float:
        """The power behind a low-pass with time constant `tau_s`, settled before the first step."""
        index = bisect.bisect_right(self._starts, t_s) - 1
        if index < 0:
            return 0.0
        states = self._filtered.setdefault(tau_s, self._watts[:1])
        for at in range(len(states), index + 1):
            elapsed = self._starts[at] - self._starts[at - 1]
            before = self._watts[at - 1]
            states.append(before + (states[-1] - before) * math.exp(-elapsed / tau_s))
        now = self._watts[index]
        return now + (states[index] - now) * math.exp(-(t_s - self._starts[index]) / tau_s)

    def _energy(self, t_s: float) -> float:
        index = bisect.bisect_right(self._starts, t_s) - 1
        return self._joules[index] + self._watts[index] * (t_s - self._starts[index]) if index >= 0 else 0.0


@dataclass(frozen=True)
class SensorModel:
    """The constants of a simulated sensor; see the module. `quantum` is in watts, of a counter in joules."""

    kind: str
    period_s: float
    window_s: float = 0.0
    lag_s: float = 0.0
    tau_s: float = 0.0
    gain: float = 1.0
    noise_w: float = 0.0
    quantum: float = 0.0
    max_range_uj: int | None = None
    start_j: float = 0.0
    phase_s: float = 0.0
    jitter_s: float = 0.0
    stale: float = 0.0
    failing: float = 0.0
    lost_s: float | None = None
    reset_s: float | None = None
    seed: int = 1

    @property
    def part_time(self) -> bool:
        """Whether it looks only a part of the time, so that periodic work can alias."""
        return self.kind in (INSTANT, BOXCAR) and self.window_s < self.period_s

    def read(self, curve: Curve, t_s: float, number: int = 0) -> int | None:
        """What read `number` at `t_s` shows: microjoules or microwatts, None where it fails."""
        if self.lost_s is not None and t_s >= self.lost_s:
            return None
        if self.failing and self._random("read", number).random() < self.failing:
            return None
        refresh = math.floor((t_s - self.phase_s) / self.period_s)
        while self._time(refresh) > t_s:  # jitter may bring it late
            refresh -= 1
        for _ in range(STALE_MAX):
            if not self.stale or self._random("stale", refresh).random() >= self.stale:
                break
            refresh -= 1
        return self._shown(curve, refresh)

    def rail(self, source: str, rail: str, scope: str) -> Rail:
        """What a sensor like this one says of itself."""
        is_counter = self.kind == COUNTER
        return Rail(
            source=source,
            rail=rail,
            scope=scope,
            kind=self.kind,
            primary=True,
            max_range_uj=self.max_range_uj,
            period_s=self.period_s,
            lag_s=self.lag_s,
            window_s=self.window_s or None,
            quantum_w=None if is_counter else self.quantum or None,
            quantum_j=self.quantum or None if is_counter else None,
        )

    def _time(self, refresh: int) -> float:
        late_s = abs(self._random("jitter", refresh).gauss(0.0, self.jitter_s)) if self.jitter_s else 0.0
        return self.phase_s + refresh * self.period_s + min(late_s, 0.9 * self.period_s)

    def _shown(self, curve: Curve, refresh: int) -> int:
        t_s = self._time(refresh)
        at_s = t_s - self.lag_s
        if self.kind == COUNTER:
            begin_s = 0.0 if self.reset_s is None or t_s < self.reset_s else self.reset_s
            start_j = self.start_j if begin_s == 0.0 else 0.0
            shown = start_j + self.gain * curve.joules(begin_s, max(at_s, begin_s))
        else:
            shown = self.gain * self._seen_w(curve, at_s)
            if self.noise_w:
                shown += self._random("noise", refresh).gauss(0.0, self.noise_w)
        if self.quantum:
            rounded = 1e-9 if self.kind == COUNTER else 0.5
            shown = math.floor(shown / self.quantum + rounded) * self.quantum
        shown_u = max(0, round(shown * 1e6))
        return shown_u % self.max_range_uj if self.max_range_uj else shown_u

    def _seen_w(self, curve: Curve, at_s: float) -> float:
        if self.kind == FILTERED:
            return curve.filtered(at_s, self.tau_s)
        if self.kind == BOXCAR and self.window_s:
            return curve.joules(at_s - self.window_s, at_s) / self.window_s
        return curve.watts(at_s)

    def _random(self, purpose: str, number: int) -> random.Random:
        return random.Random(f"{self.seed} {purpose} {number}")


class ModelledSensor:
    """A sensor of one rail that shows a curve by a model, at the times of a clock in nanoseconds."""

    def __init__(self, rail: Rail, model: SensorModel, curve: Curve, clock: Callable[[], int]) -> None:
        self._rail, self._model, self._curve, self._clock = rail, model, curve, clock
        self._reads = 0

    def rails(self) -> Sequence[Rail]:
        """The one rail."""
        return [self._rail]

    def read(self) -> Sequence[Readings]:
        """What the model shows now."""
        now_ns = self._clock()
        value = self._model.read(self._curve, now_ns / 1e9, self._reads)
        self._reads += 1
        return [None if value is None else [(now_ns, value)]]

    def close(self) -> None:
        """Nothing to give back."""


def readings(
    model: SensorModel, curve: Curve, *, begin_s: float, end_s: float, every_s: float
) -> list[Reading]:
    """What a sampler would have of a `curve` by a `model`: a read every `every_s` from `begin_s` to `end_s`.

    Failed reads are left out.
    """
    readings: list[Reading] = []
    for number in range(math.floor((end_s - begin_s) / every_s) + 1):
        t_s = begin_s + number * every_s
        value = model.read(curve, t_s, number)
        if value is not None:
            readings.append((round(t_s * 1e9), value))
    return readings


#: Sensors like those of facts/measurement.md 1.1 to 1.4, by name, without gain error, noise or faults.
MODELS: Mapping[str, SensorModel] = {
    "nvml-counter": SensorModel(COUNTER, 0.1, quantum=1e-3, start_j=12_345.0),
    "nvml-full": SensorModel(BOXCAR, 0.1, window_s=0.1, quantum=1e-3),
    "nvml-part-time": SensorModel(BOXCAR, 0.1, window_s=0.025, quantum=1e-3),
    "nvml-pascal": SensorModel(BOXCAR, 0.02, window_s=0.01, quantum=1e-3),
    "nvml-average": SensorModel(BOXCAR, 0.1, window_s=1.0, quantum=1e-3),
    "nvml-filtered": SensorModel(FILTERED, 0.1, tau_s=0.3, quantum=1e-3),
    "ina3221-triggered": SensorModel(INSTANT, 0.84e-3, quantum=0.152),
    "ina3221-continuous": SensorModel(BOXCAR, 0.4224, window_s=0.4224, quantum=0.152),
    "rapl": SensorModel(COUNTER, 1e-3, quantum=61e-6, max_range_uj=262_143_328_850, start_j=262_000.0),
    "intel-gpu": SensorModel(COUNTER, 1e-3, quantum=61e-6, start_j=100.0),
    "meter": SensorModel(BOXCAR, 1.0, window_s=1.0, quantum=0.1),
}


def with_faults(model: SensorModel, seed: int, *, stale: float = 0.0, failing: float = 0.0) -> SensorModel:
    """The sensor of `model` at a phase by `seed`, with shares of `stale` refreshes and `failing` reads."""
    phase_s = random.Random(f"{seed} phase").uniform(0.0, model.period_s)
    return replace(model, seed=seed, phase_s=phase_s, stale=stale, failing=failing)
