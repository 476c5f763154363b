"""The protocols: the only place where limits for warm-up, iterations, runs and idle are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from paretofleet_collector.model import Limits


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

    def run_seconds(self, *, idles: bool) -> float:
        """Seconds of one run by the protocol: shortest warm-up, shortest window, idle before and after.

        Process start, model load, slow iterations and cooling down come on top; a run that reaches
        `iterations_max` first ends sooner. `idles`: the device has a power source, for which idle is spent.
        """
        limits = self.limits
        return limits.warm_up_min_s + limits.window_min_s + (2 * limits.idle_s if idles else 0.0)


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
        ),
        runs_min=5,
        runs_max=5,
        relative_half_width=0.02,
    ),
    Protocol(
        name="standard",
        limits=Limits(
            warm_up_min_s=1.0,
            warm_up_min_iterations=20,
            warm_up_max_s=60.0,
            warm_up_max_iterations=2000,
            iterations_min=30,
            iterations_max=2000,
            window_min_s=5.0,
            block_s=1.0,
            idle_s=2.0,
            timeout_s=900.0,
            is_short=False,
            cool_max_s=60.0,
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
        ),
        runs_min=5,
        runs_max=20,
        relative_half_width=0.02,
    ),
)

PROTOCOLS: Mapping[str, Protocol] = {protocol.name: protocol for protocol in _ALL}
