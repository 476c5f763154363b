"""When a run is warm, when it is enough, how long the next block is: pure functions, time as data."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Mapping, Sequence

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
#: Bounds the memory of a block of warm-up.
WARM_UP_BLOCK_ITERATIONS = 200_000
#: The least that a block lasts: below it the frames would cost more than the work.
BLOCK_S_MIN = 0.05

#: The least warm-up of what lowers its clocks between two runs and takes a while to raise them again: GPUs,
#: and every part of a Jetson.
SLOW_WARM_UP_S = 2.0

MORE, STEADY, CAPPED = "more", "steady", "capped"


@dataclass(frozen=True)
class Series:
    """Iterations so far: durations in ns, and the time in ns from the first start to the last end.

    `blocks`: of each block how many iterations it had, and its ns from its first start to its last end.
    """

    durations_ns: tuple[int, ...] = ()
    first_ns: int = 0
    last_ns: int = 0
    blocks: tuple[tuple[int, int], ...] = ()

    def extended(self, starts_ns: Sequence[int], durations_ns: Sequence[int]) -> Series:
        """The series with one more block."""
        if not starts_ns:
            return self
        first_ns = self.first_ns if self.durations_ns else starts_ns[0]
        last_ns = starts_ns[-1] + durations_ns[-1]
        return replace(
            self,
            durations_ns=self.durations_ns + tuple(durations_ns),
            first_ns=first_ns,
            last_ns=last_ns,
            blocks=(*self.blocks, (len(starts_ns), last_ns - starts_ns[0])),
        )

    @property
    def n(self) -> int:
        """How many iterations."""
        return len(self.durations_ns)

    @property
    def elapsed_s(self) -> float:
        """Seconds from the start of the first to the end of the last iteration."""
        return (self.last_ns - self.first_ns) / 1e9


@dataclass(frozen=True)
class Block:
    """What to ask of the runner next."""

    seconds: float
    max_iterations: int
    min_iterations: int = 1


def limits_here(limits: Limits, *, wakes_slowly: bool) -> Limits:
    """The limits as they hold for a target; `wakes_slowly`: a GPU, or anything on a Jetson.

    A short protocol keeps its own: it is for a first look.
    """
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
) -> str:
    """MORE, STEADY, or CAPPED (go on with the flag `warmup_not_steady`).

    A short protocol asks for the least time and iterations only; any other also for two consecutive windows
    that agree and for clocks that stand. The most time ends it either way; the most iterations do once there
    was time for the windows. `clocks_khz`: readings by clock, one within each block so far. `overlaps`: in
    throughput mode a duration is that of handing over, which says nothing of the work: blocks are judged.
    """
    minima = series.elapsed_s >= limits.warm_up_min_s and series.n >= limits.warm_up_min_iterations
    if minima and (limits.is_short or (_looks_the_same(series, overlaps) and clocks_stand(clocks_khz))):
        return STEADY
    tried = series.elapsed_s >= limits.warm_up_min_s + TRIED_S
    if series.elapsed_s >= limits.warm_up_max_s or (tried and series.n >= limits.warm_up_max_iterations):
        return CAPPED
    return MORE


def windows_agree(durations_ns: Sequence[int]) -> bool:
    """Whether the last two windows of w = max(10, half a second's) iterations look the same.

    Their medians are within 2 % and their quartiles within 5 %, the first value of the earlier one is no
    outlier of it (a tail of cold iterations), and there is no trend over both.
    """
    if len(durations_ns) < 2 * WINDOW_ITERATIONS_MIN:
        return False
    typical_s = quantile(sorted(durations_ns[-WINDOW_ITERATIONS_MIN:]), 0.5) / 1e9
    w = max(WINDOW_ITERATIONS_MIN, math.ceil(WINDOW_S / max(typical_s, 1e-9)))
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


def _looks_the_same(series: Series, overlaps: bool) -> bool:
    return blocks_agree(series.blocks) if overlaps else windows_agree(series.durations_ns)


def has_trend(values: Sequence[float]) -> bool:
    """Mann and Kendall's test at 5 %, ties allowed for (Kendall, Rank Correlation Methods, 1975)."""
    n = len(values)
    pairs = [(a, b) for at, a in enumerate(values) for b in values[at + 1 :]]
    s = sum((b > a) - (b < a) for a, b in pairs)
    ties = [values.count(value) for value in set(values)]
    variance = (n * (n - 1) * (2 * n + 5) - sum(t * (t - 1) * (2 * t + 5) for t in ties)) / 18
    return variance > 0 and abs(s) - 1 > TREND_Z * math.sqrt(variance)


def clocks_stand(clocks_khz: Sequence[Mapping[str, int]]) -> bool:
    """Whether no clock moved by more than a step between the last two readings; true without readings."""
    if len(clocks_khz) < 2:
        return True
    before, now = clocks_khz[-2:]
    return all(_close(before[name], now[name], CLOCK_TOLERANCE) for name in before.keys() & now.keys())


def _group_medians(values: Sequence[int]) -> list[float]:
    """Medians of at most TREND_GROUPS consecutive groups of nearly one size."""
    edges = [len(values) * i // TREND_GROUPS for i in range(TREND_GROUPS + 1)]
    return [quantile(sorted(values[a:b]), 0.5) for a, b in zip(edges, edges[1:]) if a < b]


def enough(series: Series, limits: Limits) -> bool:
    """Whether the window holds enough: the most iterations, or the least with the least time."""
    if series.n >= limits.iterations_max:
        return True
    return series.n >= limits.iterations_min and series.elapsed_s >= limits.window_min_s


def next_warm_up_block(series: Series, limits: Limits) -> Block:
    """The next block of warm-up: not far past the least time and, where these end it, iterations."""
    left_s = limits.warm_up_min_s - series.elapsed_s
    if left_s > 0:
        return Block(max(min(limits.block_s, left_s), BLOCK_S_MIN), WARM_UP_BLOCK_ITERATIONS)
    missing = limits.warm_up_min_iterations - series.n
    return Block(limits.block_s, missing if limits.is_short and missing > 0 else WARM_UP_BLOCK_ITERATIONS)


def next_block(series: Series, limits: Limits) -> Block:
    """The next block of the window: never past the most iterations, not far past its least time."""
    most = max(1, limits.iterations_max - series.n)
    left_s = limits.window_min_s - series.elapsed_s
    if left_s > 0:
        return Block(seconds=max(min(limits.block_s, left_s), BLOCK_S_MIN), max_iterations=most)
    missing = max(1, limits.iterations_min - series.n)
    return Block(seconds=limits.block_s, max_iterations=min(most, missing))


def whole_window(limits: Limits) -> Block:
    """The window as one block, for a runtime that starts anew with every block."""
    return Block(limits.window_min_s, limits.iterations_max, limits.iterations_min)


def quantile(ordered: Sequence[float], p: float) -> float:
    """The p-quantile of an ordered, non-empty sequence, interpolated linearly (type 7)."""
    position = p * (len(ordered) - 1)
    low = math.floor(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (position - low) * (ordered[high] - ordered[low])


def _close(a: float, b: float, tolerance: float) -> bool:
    return abs(a - b) <= tolerance * max(abs(a), abs(b))
