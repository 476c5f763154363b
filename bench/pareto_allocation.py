"""How many runs does `next_runs` save? `python bench/pareto_allocation.py [SEEDS]`.

Fleets of 40 configurations and 3 objectives with known truth and 10 % noise start with 3 runs each; then 40
runs at a time go to everybody alike, or where `next_runs` puts them. Printed is the number of runs from
which on at most 5 % of the configurations are misjudged (probability above one half, or not, against the
truth), averaged over the seeds, with the 90 % interval of the ratio from resampled seeds. Exit code 1 when
the ratio is above 0.6.
"""

from __future__ import annotations

import sys
from pathlib import Path

import moocore
import numpy as np
from paretofleet_analysis.pareto import front_probability, next_runs, replicates

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "analysis" / "pareto"))
from fleets import noisy_runs, shell_means

CONFIGURATIONS, NOISE, EXCESS = 40, 0.1, 0.13
START, STEP, TOP = 3, 40, 1320
MISJUDGED_MAX, RATIO_MAX = 0.05, 0.6
MAXIMIZE = [False] * 3


def misjudged(seed: int, *, adaptive: bool) -> list[float]:
    """The share of configurations misjudged after each step, from 3 runs each to TOP runs in all."""
    rng = np.random.default_rng(seed)
    means = shell_means(rng, CONFIGURATIONS, 3, EXCESS)
    truth = moocore.is_nondominated(means, keep_weakly=True)
    pool = noisy_runs(rng, means, NOISE, TOP)
    runs = np.full(CONFIGURATIONS, START)
    out = []
    while runs.sum() <= TOP:
        samples = [x[:m] for x, m in zip(pool, runs, strict=True)]
        p = front_probability(replicates(samples, count=100, seed=1), maximize=MAXIMIZE)
        out.append(float(np.mean((p > 0.5) != truth)))
        if adaptive:
            runs = runs + next_runs(samples, maximize=MAXIMIZE, budget=STEP)
        else:
            runs = runs + STEP // CONFIGURATIONS
    return out


def budget(curves: np.ndarray) -> float:
    """Runs from which on the mean curve stays at or below the limit; NaN if it never does."""
    above = np.flatnonzero(curves.mean(axis=0) > MISJUDGED_MAX)
    step = above[-1] + 1 if len(above) else 0
    return START * CONFIGURATIONS + STEP * float(step) if step < curves.shape[1] else float("nan")


def main() -> int:
    """Print the budgets and their ratio; 1 when it is above the limit."""
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    uniform = np.array([misjudged(seed, adaptive=False) for seed in range(seeds)])
    adaptive = np.array([misjudged(seed, adaptive=True) for seed in range(seeds)])
    rng = np.random.default_rng(0)
    picks = rng.integers(seeds, size=(500, seeds))
    ratios = [budget(adaptive[pick]) / budget(uniform[pick]) for pick in picks]
    low, high = np.nanquantile(ratios, [0.05, 0.95])
    ratio = budget(adaptive) / budget(uniform)
    print(f"runs to at most {MISJUDGED_MAX:.0%} misjudged, {seeds} seeds, {CONFIGURATIONS} configurations")
    print(f"uniform {budget(uniform):.0f}, next_runs {budget(adaptive):.0f}")
    print(f"ratio {ratio:.2f} (90 % interval {low:.2f} to {high:.2f}), at most {RATIO_MAX} wanted")
    return int(not ratio <= RATIO_MAX)


if __name__ == "__main__":
    sys.exit(main())
