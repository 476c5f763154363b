"""Where the variance of a configuration's time is: between processes or within them, and what to do about it.

Kalibera and Jones, "Rigorous benchmarking in reasonable time" (ISMM 2013), for two levels: 2 is the process,
1 the iteration. The variance of the upper level is the corrected one: the variance of the process means less
what the iterations in them contribute. Iterations resemble their neighbours, so what they contribute is taken
from batch means instead of from their variance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paretofleet_analysis.report.access import Row

#: The pilot that the paper's numbers need.
PROCESSES_MIN = 5
#: Windows within this factor of the best one are as good as it.
NEAR_BEST = 1.5
MORE_RUNS, LONGER_WINDOWS, BALANCED = "more runs", "longer windows", "either"


@dataclass(frozen=True)
class Levels:
    """Variances of a process's mean, in the square of the values' unit.

    `within`: what its iterations contribute (S1 squared / r1); `s2`: the variance of the process means (S2
    squared); `t2`: between processes alone (T2 squared, at least 0); from so many `processes`.
    """

    within: float
    s2: float
    t2: float
    processes: int

    def best_window_s(self, overhead_s: float, window_s: float) -> float | None:
        """The window of a process that buys the narrowest interval for its time; `window_s` was measured.

        The paper's ceil(sqrt(c2 / c1 * T1 squared / T2 squared)) iterations, in seconds and not rounded, with
        c2 = `overhead_s` the cost of a process beside its window. None where processes do not differ: then
        more of them add nothing.
        """
        return None if self.t2 == 0 else math.sqrt(overhead_s * window_s * self.within / self.t2)


def levels(means: Sequence[float], errors: Sequence[float]) -> Levels | None:
    """The levels of a configuration; None below 2 processes.

    `means`: of the iterations of each process; `errors`: their standard errors, `batch_means.mean_error`.

    >>> three = levels([2.0, 5.0, 8.0], [1.0, 1.0, 1.0])
    >>> three.s2, three.t2, three.best_window_s(overhead_s=16.0, window_s=2.0)
    (9.0, 8.0, 2.0)
    """
    if len(means) < 2:
        return None
    s2, within = float(np.var(means, ddof=1)), float(np.mean(np.square(errors)))
    return Levels(within, s2, max(0.0, s2 - within), len(means))


@dataclass(frozen=True)
class Advice:
    """What to repeat of a row: `help` is more runs, longer windows or either.

    `spread`: the standard deviation of the runs' mean latencies, relative; `between`: the share of its square
    that runs differ by beyond their iterations (drift between blocks too). `overhead_s`: what a run costs
    beside its window of `window_s`; `best_window_s` is None where runs do not differ.
    """

    help: str
    spread: float
    between: float
    runs: int
    overhead_s: float
    window_s: float
    best_window_s: float | None


def advice(row: Row) -> Advice | None:
    """What to repeat of a report's `row`; None below 5 counted runs of 30 iterations, or if all are alike."""
    columns = ("run_counted", "batch_latency_mean_s_runs", "run_mean_error_s", "run_overhead_s")
    runs = [
        values
        for is_counted, *values in zip(*(row[name] or () for name in columns), strict=False)
        if is_counted and None not in values
    ]
    if len(runs) < PROCESSES_MIN:
        return None
    means, errors, overheads = (np.array(column) for column in zip(*runs, strict=True))
    split = levels(means.tolist(), errors.tolist())
    if split is None or split.s2 == 0:
        return None
    mean_s = float(means.mean())
    window_s, overhead_s = row["iterations"] / row["runs"] * mean_s, float(overheads.mean())
    best_s = split.best_window_s(overhead_s, window_s)
    if best_s is None or best_s > NEAR_BEST * window_s:
        repeat = LONGER_WINDOWS
    else:
        repeat = MORE_RUNS if best_s * NEAR_BEST < window_s else BALANCED
    spread, between = math.sqrt(split.s2) / mean_s, split.t2 / split.s2
    return Advice(repeat, spread, between, len(runs), overhead_s, window_s, best_s)
