"""Limits and series of iterations whose law is known, for the rules of warm-up and window."""

from __future__ import annotations

import dataclasses
import random

from paretofleet_agent.measure.series import Series
from paretofleet_agent.model import Limits

STANDARD = Limits(
    warm_up_min_s=1.0,
    warm_up_min_iterations=20,
    warm_up_max_s=60.0,
    warm_up_max_iterations=2000,
    iterations_min=30,
    iterations_max=2000,
    window_min_s=5.0,
    block_s=1.0,
    idle_s=2.0,
    timeout_s=600.0,
    is_short=False,
)
QUICK = dataclasses.replace(
    STANDARD, warm_up_min_s=0.3, warm_up_min_iterations=5, iterations_min=10, iterations_max=30, is_short=True
)


def series(seconds):
    starts, now = [], 10**12
    durations = [int(s * 1e9) for s in seconds]
    for duration in durations:
        starts.append(now)
        now += duration
    return Series().extended(starts, durations)


def noisy(mean_s, n, *, sigma=0.01, seed=1, trend=lambda _: 1.0):
    draw = random.Random(seed)
    return [mean_s * trend(i) * draw.lognormvariate(0, sigma) for i in range(n)]
