"""What the exact ranking costs beside the loop everyone would write. `python bench/pareto_speed.py
[--quick]`.

The control resamples a run of each configuration with numpy and asks
moocore.is_nondominated(keep_weakly=True), 1,000 times; a few of those draws are timed, between the repeats
of the kernel, and scaled. Both sides start from the list of arrays, so preparation is included, use one
thread and are timed in CPU seconds of that thread, so that other work on the machine counts for neither.
Every ratio is the median of its repeats. Two threads are timed by the clock, and what they miss is undecided
where others used the cores meanwhile. Exit code 1 when a figure misses its goal.
"""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import machine
import moocore
import numpy as np
from paretofleet_analysis.pareto import (
    Shared,
    dominance_probability,
    front_probability,
    mean_front_probability,
)
from paretofleet_analysis.pareto.kernel import engine

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "analysis" / "pareto"))
from fleets import noisy_shell

DRAWS = 1000
FLEETS = (
    (10_000, 4, 0.05, 60, 100),
    (100_000, 4, 0.05, 40, 60),
    (10_000, 6, 0.05, 80, 100),
    (10_000, 4, 0.2, 10, 20),
)


def cpu(call: Callable[[], object], clock: Callable[[], float] = time.thread_time) -> float:
    """Seconds of a call."""
    start = clock()
    call()
    return clock() - start


def resampler(samples: list[np.ndarray]) -> Callable[[int], np.ndarray]:
    """The control: a function that draws so many fleets and counts how often each configuration is on top."""

    def run(draws: int) -> np.ndarray:
        rows = np.concatenate(samples)
        runs = np.array([len(x) for x in samples])
        starts = np.cumsum(runs) - runs
        rng = np.random.default_rng(1)
        hits = np.zeros(len(samples))
        for _ in range(draws):
            hits += moocore.is_nondominated(rows[starts + rng.integers(runs)], keep_weakly=True)
        return hits / draws

    return run


def front_ratio(samples: list[np.ndarray], repeats: int, draws: int) -> tuple[float, float, float]:
    """Control over kernel: median, least and greatest of the interleaved repeats."""
    control, maximize = resampler(samples), [False] * samples[0].shape[1]
    ratios = []
    for _ in range(repeats + 1):
        slow = cpu(lambda: control(draws)) / draws * DRAWS
        ratios.append(slow / cpu(lambda: front_probability(samples, maximize=maximize)))
    warm = sorted(ratios[1:])
    return float(np.median(warm)), warm[0], warm[-1]


def pair_ratio(repeats: int, draws: int = 2) -> float:
    """The pairwise matrix beside per-objective numpy comparisons of drawn fleets."""
    samples = noisy_shell(1, 2000, 4, 0.05)

    def control() -> None:
        rng = np.random.default_rng(1)
        counts = np.zeros((2000, 2000))
        for _ in range(draws):
            drawn = np.array([x[rng.integers(len(x))] for x in samples])
            at_most, less = np.ones((2000, 2000), bool), np.zeros((2000, 2000), bool)
            for column in drawn.T:
                at_most &= column[:, None] <= column
                less |= column[:, None] < column
            counts += at_most & less

    ratios = []
    for _ in range(repeats + 1):
        slow = cpu(control) / draws * DRAWS
        ratios.append(slow / cpu(lambda: dominance_probability(samples, maximize=[False] * 4)))
    return float(np.median(ratios[1:]))


def shared_ratio(repeats: int) -> float:
    """1,000 models x 10 configurations with 10 values of a shared accuracy each, beside the same without."""
    samples = noisy_shell(1, 10_000, 4, 0.05)
    rng = np.random.default_rng(2)
    values = [a + 0.01 * rng.standard_normal(10) for a in rng.uniform(0.5, 0.8, 1000)]
    shared = Shared(groups=np.repeat(np.arange(1000), 10), values=values, maximize=True)
    ratios = []
    for _ in range(repeats + 1):
        alone = cpu(lambda: front_probability(samples, maximize=[False] * 4))
        ratios.append(cpu(lambda: front_probability(samples, maximize=[False] * 4, shared=shared)) / alone)
    return float(np.median(ratios[1:]))


def thread_gain(repeats: int) -> tuple[float, bool]:
    """Time of one thread over that of two by the clock, the best of each, and whether two cores were idle."""
    samples = noisy_shell(1, 10_000, 4, 0.2)
    walls: list[list[float]] = [[], []]
    front_probability(samples, maximize=[False] * 4, threads=2)
    watch = machine.Watch()
    for _ in range(2 * repeats):
        for threads in (1, 2):
            start = time.perf_counter()
            front_probability(samples, maximize=[False] * 4, threads=threads)
            walls[threads - 1].append(time.perf_counter() - start)
    return min(walls[0]) / min(walls[1]), watch.had(2)


def memory_ratio() -> float:
    """The peak of allocations during a call over the size of the samples."""
    samples = noisy_shell(1, 100_000, 4, 0.05)
    size = sum(x.nbytes for x in samples)
    tracemalloc.start()
    front_probability(samples, maximize=[False] * 4)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / size


def rank_seconds() -> float:
    """CPU seconds of the question `mean`, with a margin, of 5,000 rows with 5 runs each."""
    samples = noisy_shell(1, 5000, 3, 0.05, low=5, high=5)
    options = {"maximize": [False] * 3, "margin": [0.02] * 3}
    return min(cpu(lambda: mean_front_probability(samples, **options)) for _ in range(2))


def main() -> int:
    """Print the table; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="3 repeats instead of 7, and no fleet of 100,000"
    )
    quick = parser.parse_args().quick
    repeats = 3 if quick else 7
    missed = 0

    def line(what: str, value: str, goal: str, *, kept: bool, idle: bool = True) -> None:
        nonlocal missed
        said = machine.judged(kept=kept, idle=idle)
        missed += said == "MISSED"
        print(f"{what:58s} {value:>24s}   {goal:26s} {said}", flush=True)

    print(f"kernel: {engine.engine().name}; control: numpy + moocore {moocore.__version__}, {DRAWS:,} draws")
    for size, d, noise, must, aim in FLEETS:
        if quick and size > 10_000:
            continue
        draws = 10 if size <= 10_000 else 3
        ratio, low, high = front_ratio(noisy_shell(1, size, d, noise), repeats, draws)
        what = f"front_probability N={size:,} d={d} noise {noise:.0%}"
        line(
            what,
            f"{ratio:.0f}x ({low:.0f} to {high:.0f})",
            f"at least {must}x, aim {aim}x",
            kept=ratio >= must,
        )
    pairs = pair_ratio(repeats)
    line(
        "dominance_probability N=2,000 d=4, numpy per objective",
        f"{pairs:.0f}x",
        "at least 200x",
        kept=pairs >= 200,
    )
    shared = shared_ratio(repeats)
    line(
        "time with shared, 1,000 models x 10 configurations", f"{shared:.2f}x", "at most 3x", kept=shared <= 3
    )
    gain, idle = thread_gain(repeats)
    line(
        "two threads over one, by the clock",
        f"{gain:.2f}x",
        "at least 1.6x on idle cores",
        kept=gain >= 1.6,
        idle=idle,
    )
    seconds = rank_seconds()
    line(
        "mean_front_probability, 5,000 rows, with a margin", f"{seconds:.2f} s", "under 2 s", kept=seconds < 2
    )
    if not quick:
        memory = memory_ratio()
        line("peak memory over the samples', N=100,000 d=4", f"{memory:.2f}x", "at most 3x", kept=memory <= 3)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
