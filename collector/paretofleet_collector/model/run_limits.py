"""How long one run warms up and measures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """How long one run warms up and measures; see `Limits` in fleet.proto."""

    warm_up_min_s: float
    warm_up_min_iterations: int
    warm_up_max_s: float
    warm_up_max_iterations: int
    iterations_min: int
    iterations_max: int
    window_min_s: float
    block_s: float
    idle_s: float
    timeout_s: float
    is_short: bool
    cool_max_s: float
    window_floor_s: float = 0.0
