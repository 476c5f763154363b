"""Are the probabilities of the frontier of true means kept? `python bench/stochastic_calibration.py
[--full]`.

Fleets of 40 configurations and 3 objectives whose true means are known, 72 % of them on the frontier (many
hardly dominated), measured with 1, 2, 5 and 20 % noise, 5, 10 and 20 runs, without and with a 4 % drift
from block to block. Per cell: Brier scores of the frontier of medians, of a plain bootstrap of the mean and
of `mean_front_probability` after `remove_block_effects`; what share of its rows at 0.95 or more is truly on
the frontier, and of its rows at 0.05 or less, with their numbers; the share left undecided. The first two
see the drift as it is. Up to 2 % above the bootstrap counts as a tie: at 1 % noise there is nothing to
correct. Exit code 1 when a promise is broken. The short form has 20 fleets a cell and every second cell,
the full one 200 and all.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from dataclasses import dataclass, field
from pathlib import Path

import moocore
import numpy as np
from paretofleet_analysis.stochastic import front_probability, mean_front_probability, remove_block_effects

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "analysis" / "stochastic"))
from fleets import noisy_runs, shell_means, with_drift

NOISES, RUNS, DRIFT = (0.01, 0.02, 0.05, 0.20), (5, 10, 20), 0.04
CONFIGURATIONS, OBJECTIVES, EXCESS = 40, 3, 0.13
BOOTSTRAPS = 200
DRIFT_COST_MAX = 1.15
MAXIMIZE = [False] * OBJECTIVES


@dataclass
class Cell:
    """What is collected of the fleets of one noise, number of runs and drift."""

    true: list[np.ndarray] = field(default_factory=list)
    said: dict[str, list[np.ndarray]] = field(
        default_factory=lambda: {"medians": [], "bootstrap": [], "mean": []}
    )

    def brier(self, name: str) -> float:
        """The mean squared error of the probabilities; 0 is perfect."""
        return float(np.mean((np.concatenate(self.said[name]) - 1.0 * np.concatenate(self.true)) ** 2))

    def among(self, low: float, high: float) -> tuple[float, int]:
        """The share truly on the frontier of the rows whose probability is within the bounds, and their
        number.
        """
        p, true = np.concatenate(self.said["mean"]), np.concatenate(self.true)
        chosen = (p >= low) & (p <= high)
        return (float(true[chosen].mean()) if chosen.any() else float("nan")), int(chosen.sum())


def measure(noise: float, runs: int, drift: float, fleets: int) -> Cell:
    """The same fleets and noise for every drift, so that what drift costs is a paired comparison."""
    cell = Cell()
    for fleet in range(fleets):
        rng = np.random.default_rng([fleet, int(noise * 1000), runs])
        means = shell_means(rng, CONFIGURATIONS, OBJECTIVES, EXCESS)
        samples = noisy_runs(rng, means, noise, runs)
        picks = rng.integers(runs, size=(CONFIGURATIONS, BOOTSTRAPS, runs))
        samples, blocks = with_drift(rng, samples, drift)
        medians = np.array([np.median(x, axis=0) for x in samples])
        bootstraps = [x[p].mean(axis=1) for x, p in zip(samples, picks, strict=True)]
        corrected = remove_block_effects(samples, blocks=blocks).samples
        cell.true.append(moocore.is_nondominated(means, keep_weakly=True))
        cell.said["medians"].append(moocore.is_nondominated(medians, keep_weakly=True))
        cell.said["bootstrap"].append(front_probability(bootstraps, maximize=MAXIMIZE))
        cell.said["mean"].append(mean_front_probability(corrected, maximize=MAXIMIZE).front)
    return cell


def broken(cell: Cell) -> list[str]:
    """The promises that a cell breaks; a share of few rows is only held against its own error."""
    out = []
    (right, ups), (wrong, downs) = cell.among(0.95, 1.0), cell.among(0.0, 0.05)
    if ups and right < 0.95 - 2 * np.sqrt(0.95 * 0.05 / ups):
        out.append("0.95")
    if downs and wrong > 0.05 + 2 * np.sqrt(0.95 * 0.05 / downs):
        out.append("0.05")
    if cell.brier("mean") >= cell.brier("medians"):
        out.append("medians")
    if cell.brier("mean") > 1.02 * cell.brier("bootstrap"):
        out.append("bootstrap")
    return out


def main() -> int:
    """Print the table; 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="200 fleets a cell and every cell")
    parser.add_argument("--fleets", type=int, help="fleets a cell")
    options = parser.parse_args()
    fleets = options.fleets or (200 if options.full else 20)
    print(f"{fleets} fleets of {CONFIGURATIONS} a cell; Brier scores; share on the frontier (rows)")
    print("noise runs drift | medians bootstrap  mean | at >= 0.95     at <= 0.05     undecided | broken")
    failures = 0
    for number, (noise, runs) in enumerate(itertools.product(NOISES, RUNS)):
        if not options.full and number % 2:
            continue
        still = None
        for drift in (0.0, DRIFT):
            cell = measure(noise, runs, drift, fleets)
            found = broken(cell)
            score = cell.brier("mean")
            if still is not None and score > DRIFT_COST_MAX * still:
                found.append(f"drift costs {score / still - 1:.0%}")
            still = score
            (right, ups), (wrong, downs) = cell.among(0.95, 1.0), cell.among(0.0, 0.05)
            failures += len(found)
            scores = f"{cell.brier('medians'):7.4f} {cell.brier('bootstrap'):9.4f} {score:6.4f}"
            open_ = 1 - (ups + downs) / (fleets * CONFIGURATIONS)
            shares = f"{right:.3f} ({ups:5d})  {wrong:.3f} ({downs:5d})  {open_:8.1%}"
            verdict = ", ".join(found) or "-"
            print(f"{noise:5.0%} {runs:4d} {drift:5.0%} | {scores} | {shares} | {verdict}", flush=True)
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
