"""When a run is warm, and how long the next block of its warm-up is: pure functions, time as data."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Mapping, Sequence

from paretofleet_agent.measure.series import BLOCK_ITERATIONS_MAX, BLOCK_S_MIN, Block, Series, quantile
from paretofleet_agent.model import Limits

#: Two consecutive windows agree when their medians and quartiles are this close (relative).
MEDIAN_TOLERANCE = 0.02
QUARTILE_TOLERANCE = 0.05
WINDOW_ITERATIONS_MIN = 10
WINDOW_S = 0.5
#: Both windows together have a trend when Mann and Kendall's test gives less than 5 %. It looks at medians of
#: so many groups: neighbours resemble one another, and in thousands of values the least drift is a trend.
TREND_GROUPS = 20
TREND_Z = 1.959963984540054
#: A clock that moves by more than this between two blocks (relative) is not steady: above one step of any
#: governor near its upper end (100 MHz of 2 GHz), below the step from base to boost.
CLOCK_TOLERANCE = 0.06
#: Two pairs of windows after the least time, and in blocks of a second one that is warm, and a third reading
#: of the clocks; before that the most iterations of a very fast model say nothing.
TRIED_S = 4 * WINDOW_S
#: The least warm-up of what lowers its clocks between two runs and takes a while to raise them again: GPUs,
#: and every part of a Jetson.
SLOW_WARM_UP_S = 2.0

MORE, STEADY, CAPPED = "more", "steady", "capped"


def limits_here(limits: Limits, *, wakes_slowly: bool, has_floor: bool = True) -> Limits:
    """The `limits` as they hold for a target; `wakes_slowly`: a GPU, or anything on a Jetson.

    A short protocol keeps its own warm-up: it is for a first look. `has_floor`: a window lasts long enough
    that what others do in it is seen.
    """
    if not has_floor:
        limits = replace(limits, window_floor_s=0.0)
    if limits.is_short or not wakes_slowly:
        return limits
    return replace(
        limits,
        warm_up_min_s=max(limits.warm_up_min_s, SLOW_WARM_UP_S),
        warm_up_max_s=max(limits.warm_up_max_s, SLOW_WARM_UP_S),
    )


def warm_up(
    series: Series,
    limits: Limits,
    clocks_khz: Sequence[Mapping[str, int]] = (),
    *,
    overlaps: bool = False,
    period_s: float = 0.0,
) -> str:
    """How the warm-up goes on after `series`: MORE, STEADY, or CAPPED (on with the flag `warmup_not_steady`).

    By its `limits` a short protocol asks for the least time and iterations only; any other also for two
    consecutive windows that agree and for clocks that stand. The most time ends it either way; the most
    iterations do once there was time for the windows. `clocks_khz`: readings by clock, one within each block
    so far. `overlaps`: in throughput mode a duration is that of handing over, which says nothing of the work:
    blocks are judged. `period_s`: from one iteration to the next, where they come by the clock.
    """
    minima = series.elapsed_s >= limits.warm_up_min_s and series.n >= limits.warm_up_min_iterations
    if minima and limits.is_short:
        return STEADY
    if minima and _looks_the_same(series, overlaps, period_s) and clocks_stand(clocks_khz):
        return STEADY
    tried = series.elapsed_s >= limits.warm_up_min_s + TRIED_S
    if series.elapsed_s >= limits.warm_up_max_s or (tried and series.n >= limits.warm_up_max_iterations):
        return CAPPED
    return MORE


def windows_agree(durations_ns: Sequence[int], period_s: float = 0.0) -> bool:
    """Whether the last two windows of w = max(10, half a second's) `durations_ns` look the same.

    `period_s`: what passes at least from one to the next.

    Their medians are within 2 % and their quartiles within 5 %, the first value of the earlier one is no
    outlier of it (a tail of cold iterations), and there is no trend over both.
    """
    if len(durations_ns) < 2 * WINDOW_ITERATIONS_MIN:
        return False
    typical_s = quantile(sorted(durations_ns[-WINDOW_ITERATIONS_MIN:]), 0.5) / 1e9
    w = max(WINDOW_ITERATIONS_MIN, math.ceil(WINDOW_S / max(typical_s, period_s, 1e-9)))
    if len(durations_ns) < 2 * w:
        return False
    earlier, later = sorted(durations_ns[-2 * w : -w]), sorted(durations_ns[-w:])
    q1, q2, q3 = (quantile(earlier, p) for p in (0.25, 0.5, 0.75))
    return (
        _close(q2, quantile(later, 0.5), MEDIAN_TOLERANCE)
        and _close(q1, quantile(later, 0.25), QUARTILE_TOLERANCE)
        and _close(q3, quantile(later, 0.75), QUARTILE_TOLERANCE)
        and durations_ns[-2 * w] <= q3 + 1.5 * (q3 - q1)
        and not has_trend(_group_medians(durations_ns[-2 * w :]))
    )


def blocks_agree(blocks: Sequence[tuple[int, int]]) -> bool:
    """Whether the time of an iteration is within 2 % in the last two windows made of whole blocks.

    A window has at least 10 iterations and half a second; `blocks` are those of a `Series`.
    """
    means: list[float] = []
    n = span_ns = 0
    for count, block_ns in reversed(blocks):
        n, span_ns = n + count, span_ns + block_ns
        if n >= WINDOW_ITERATIONS_MIN and span_ns >= WINDOW_S * 1e9:
            means.append(span_ns / n)
            n = span_ns = 0
            if len(means) == 2:
                return _close(means[0], means[1], MEDIAN_TOLERANCE)
    return False


def _looks_the_same(series: Series, overlaps: bool, period_s: float) -> bool:
    return blocks_agree(series.blocks) if overlaps else windows_agree(series.durations_ns, period_s)


def has_trend(values: Sequence[float]) -> bool:
    """Mann and Kendall's test of `values` at 5 %, with ties (Kendall, Rank Correlation Methods, 1975)."""
    n = len(values)
    pairs = [(a, b) for at, a in enumerate(values) for b in values[at + 1 :]]
    s = sum((b > a) - (b < a) for a, b in pairs)
    ties = [values.count(value) for value in set(values)]
    variance = (n * (n - 1) * (2 * n + 5) - sum(t * (t - 1) * (2 * t + 5) for t in ties)) / 18
    return variance > 0 and abs(s) - 1 > TREND_Z * math.sqrt(variance)


def clocks_stand(clocks_khz: Sequence[Mapping[str, int]]) -> bool:
    """Whether no clock moved by more than a step between the last two of `clocks_khz`; true without two."""
    if len(clocks_khz) < 2:
        return True
    before, now = clocks_khz[-2:]
    return all(_close(before[name], now[name], CLOCK_TOLERANCE) for name in before.keys() & now.keys())


def _group_medians(values: Sequence[int]) -> list[float]:
    """Medians of at most TREND_GROUPS consecutive groups of nearly one size."""
    edges = [len(values) * i // TREND_GROUPS for i in range(TREND_GROUPS + 1)]
    return [quantile(sorted(values[a:b]), 0.5) for a, b in zip(edges, edges[1:]) if a < b]


def next_warm_up_block(series: Series, limits: Limits) -> Block:
    """The block after `series`, not far past the least time of `limits` or, where they end it, iterations."""
    left_s = limits.warm_up_min_s - series.elapsed_s
    if left_s > 0:
        return Block(max(min(limits.block_s, left_s), BLOCK_S_MIN), BLOCK_ITERATIONS_MAX)
    missing = limits.warm_up_min_iterations - series.n
    return Block(limits.block_s, missing if limits.is_short and missing > 0 else BLOCK_ITERATIONS_MAX)


def _close(a: float, b: float, tolerance: float) -> bool:
    return abs(a - b) <= tolerance * max(abs(a), abs(b))
