"""The protocols: the only place where limits for warm-up, iterations, runs and idle are written."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from paretofleet_collector.model.run_limits import Limits

#: What a power source asks of a run at least, by the agent's rule for energy: seconds of a guard, and of a
#: window by the kind of the sensor. The agent goes on from there until the energy is known to 2 %.
GUARD_S = 0.5
ENERGY_WINDOW_S: Mapping[str, float] = {"counter": 2.0, "filtered": 10.0}
OTHER_ENERGY_WINDOW_S = 5.0
#: No window is shorter, however fast the model: foreign load is counted in ticks of 10 ms, of which fewer
#: than 5 say nothing, and a sensor that refreshes ten times a second is read five times.
WINDOW_FLOOR_S = 0.5
#: The least warm-up of a GPU and of a Jetson, whose clocks fall between runs; also by the agent's rule.
SLOW_WARM_UP_S = 2.0


@dataclass(frozen=True)
class Protocol:
    """Limits of a run, the number of runs, and the half-width of the 95 % interval at which runs stop.

    `relative_half_width` is a fraction of the mean; runs go on from `runs_min` to `runs_max` until it is met.
    """

    name: str
    limits: Limits
    runs_min: int
    runs_max: int
    relative_half_width: float

    @property
    def iterations_min(self) -> int:
        """Iterations of a run at least, of warm-up and window."""
        return self.limits.warm_up_min_iterations + self.limits.iterations_min

    def run_seconds(
        self, sensor_kinds: Collection[str] = (), *, wakes_slowly: bool = False, period_s: float = 0.0
    ) -> float:
        """Seconds that one run takes at least: shortest warm-up and shortest window.

        With a power source (`sensor_kinds`: those of the device's sensors) also the guards around the window,
        the idle after it and, but for a short protocol, the window of the quickest of the sensors. Process
        start, model load, slow iterations and cooling down come on top; only a model so fast that it has the
        most iterations before that ends sooner, after WINDOW_FLOOR_S. `wakes_slowly`: on a GPU or a Jetson.
        `period_s`: seconds from one batch to the next, where items come by the clock.
        """
        limits = self.limits
        warm_up_s = limits.warm_up_min_s
        if wakes_slowly and not limits.is_short:
            warm_up_s = max(warm_up_s, SLOW_WARM_UP_S)
        warm_up_s = max(warm_up_s, limits.warm_up_min_iterations * period_s)
        timed_s = max(limits.window_min_s, limits.iterations_min * period_s)
        if not sensor_kinds:
            return warm_up_s + timed_s
        energy_s = min(ENERGY_WINDOW_S.get(kind, OTHER_ENERGY_WINDOW_S) for kind in sensor_kinds)
        window_s = timed_s if limits.is_short else max(timed_s, energy_s)
        return warm_up_s + 2 * GUARD_S + window_s + limits.idle_s

    def block_seconds(self, sensor_kinds: Collection[str] = ()) -> float:
        """Seconds that a block takes beside its runs: with a power source, idle before the first of them."""
        return self.limits.idle_s if sensor_kinds else 0.0


# `standard`: two windows of half a second must agree before a run is warm, which needs a little more than
# their second; then 2 s of window, because a further process tells more about a mean than further seconds.
_ALL = (
    Protocol(
        name="quick",
        limits=Limits(
            warm_up_min_s=0.3,
            warm_up_min_iterations=5,
            warm_up_max_s=10.0,
            warm_up_max_iterations=2000,
            iterations_min=10,
            iterations_max=30,
            window_min_s=1.5,
            block_s=1.0,
            idle_s=0.0,
            timeout_s=300.0,
            is_short=True,
            cool_max_s=0.0,
            window_floor_s=WINDOW_FLOOR_S,
        ),
        runs_min=5,
        runs_max=5,
        relative_half_width=0.02,
    ),
    Protocol(
        name="standard",
        limits=Limits(
            warm_up_min_s=1.2,
            warm_up_min_iterations=20,
            warm_up_max_s=60.0,
            warm_up_max_iterations=2000,
            iterations_min=30,
            iterations_max=2000,
            window_min_s=2.0,
            block_s=1.0,
            idle_s=2.0,
            timeout_s=900.0,
            is_short=False,
            cool_max_s=60.0,
            window_floor_s=WINDOW_FLOOR_S,
        ),
        runs_min=5,
        runs_max=20,
        relative_half_width=0.02,
    ),
    Protocol(
        name="sustained",
        limits=Limits(
            warm_up_min_s=60.0,
            warm_up_min_iterations=20,
            warm_up_max_s=300.0,
            warm_up_max_iterations=100_000,
            iterations_min=30,
            iterations_max=100_000,
            window_min_s=30.0,
            block_s=1.0,
            idle_s=5.0,
            timeout_s=1800.0,
            is_short=False,
            cool_max_s=0.0,
            window_floor_s=WINDOW_FLOOR_S,
        ),
        runs_min=5,
        runs_max=20,
        relative_half_width=0.02,
    ),
)

PROTOCOLS: Mapping[str, Protocol] = {protocol.name: protocol for protocol in _ALL}


def protocol_of(name: str, timeout_s: float | None = None) -> Protocol:
    """The protocol called `name`, with a time limit of a run of `timeout_s` seconds where that is given."""
    protocol = PROTOCOLS[name]
    if timeout_s is None:
        return protocol
    return replace(protocol, limits=replace(protocol.limits, timeout_s=timeout_s))
