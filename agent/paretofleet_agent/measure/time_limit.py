"""How much of a protocol fits into what is left of a run's time limit: pure functions, time as data."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Mapping

from paretofleet_agent.errors import AttemptFailed
from paretofleet_agent.model import Limits
from paretofleet_agent.runner import time_limit

#: The flag of a run whose warm-up or window was cut.
TIME_LIMITED = "time_limited"
#: Iterations that warm-up and window have at least; with fewer there is no run.
ITERATIONS_MIN = 4
#: The share of a cut run's iterations that warms up.
WARM_UP_SHARE = 0.25
#: What an iteration may take longer than the one by which it was planned.
RESERVE = 1.1


@dataclass(frozen=True)
class IterationCost:
    """What is known before the warm-up: seconds of an iteration, and what else must fit.

    `other_iterations`: of guards and the last check. `other_s`: seconds of idle.
    """

    iteration_s: float
    other_iterations: int = 1
    other_s: float = 0.0

    @property
    def every_s(self) -> float:
        """Seconds that are planned for an iteration."""
        return RESERVE * self.iteration_s


def cost_of(facts: Mapping[str, Any], limits: Limits, *, period_s: float, has_power: bool) -> IterationCost:
    """The cost of a run by the cold inferences among its `facts`; items come every `period_s`, 0 if not.

    `has_power`: guards and idle come too, by the `limits`.
    """
    second_ns = facts["second_inference_ns"]
    cold_s = (facts["first_inference_ns"] if second_ns is None else second_ns) / 1e9
    return IterationCost(
        iteration_s=max(cold_s, period_s),
        other_iterations=3 if has_power else 1,
        other_s=limits.idle_s if has_power else 0.0,
    )


def fitted(limits: Limits, cost: IterationCost, left_s: float) -> Limits:
    """The `limits` as far as they fit into the `left_s` seconds of a run, at this `cost`.

    A warm-up that goes on until times are steady ends where the window must begin. Where the least of both
    does not fit, they get what there is, in fewer iterations. Raises AttemptFailed where these are too few.
    """
    every_s = cost.every_s
    free_s = left_s - cost.other_s - cost.other_iterations * every_s
    window_s = max(limits.window_min_s, limits.window_floor_s, limits.iterations_min * every_s)
    warm_up_s = max(limits.warm_up_min_s, limits.warm_up_min_iterations * every_s)
    spare_s = free_s - window_s - warm_up_s
    if spare_s >= 0:
        return replace(limits, warm_up_max_s=min(limits.warm_up_max_s, warm_up_s + spare_s))
    n = math.floor(free_s / every_s)
    if n < ITERATIONS_MIN:
        needed = limits.warm_up_min_iterations + limits.iterations_min
        raise AttemptFailed(
            "timeout",
            time_limit.sentence(cost.iteration_s, limits.timeout_s, needed),
            time_limit.facts(cost.iteration_s, limits.timeout_s),
        )
    warm_up_n = max(1, min(limits.warm_up_min_iterations, int(WARM_UP_SHARE * n)))
    window_n = n - warm_up_n
    return replace(
        limits,
        warm_up_min_iterations=warm_up_n,
        warm_up_min_s=min(limits.warm_up_min_s, warm_up_n * cost.iteration_s),
        warm_up_max_s=max(min(limits.warm_up_max_s, (warm_up_n - 0.5) * cost.iteration_s), 0.0),
        iterations_min=min(limits.iterations_min, window_n),
        window_min_s=min(limits.window_min_s, window_n * cost.iteration_s),
        window_floor_s=min(limits.window_floor_s, window_n * cost.iteration_s),
    )


def is_cut(limits: Limits, before: Limits) -> bool:
    """Whether `limits` ask for less than those `before` them."""
    return replace(limits, warm_up_max_s=before.warm_up_max_s) != before
