"""Are the probabilities of the frontier of true means kept? `python bench/stochastic_calibration.py
[--full]`.

Fleets of 40 configurations and 3 objectives whose true means are known, 72 % of them on the frontier (many
hardly dominated), measured with 1, 2, 5 and 20 % noise, 5, 10 and 20 runs, without and with a 4 % drift
from block to block. Per cell: Brier scores of the frontier of medians, of a plain bootstrap of the mean, of
`mean_front_probability` after `remove_block_effects` (kernel) and of `p_front` as `rank` reports it; the
last less the bootstrap's, with the standard error over fleets. Then, as `rank` reports them, what share of
the rows at `p_front` 0.95 or more is truly on the frontier, of those at 0.05 or less, and of the dismissed
ones (`p_near_front` 0.05 or less) truly within 2 % of it, with their numbers, and what share is undecided.
Medians and bootstrap see the drift as it is. Exit code 1 when a promise is broken by more than two standard
errors. The short form has 20 fleets a cell and every second cell, the full one 200 and all.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from dataclasses import dataclass, field
from pathlib import Path

import moocore
import numpy as np
from paretofleet_analysis.drifted import without_block_effects
from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.probability import Probabilities, probabilities
from paretofleet_analysis.stochastic import front_probability, mean_front_probability, remove_block_effects
from paretofleet_analysis.verdicts import UNDECIDED, verdict

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "analysis" / "stochastic"))
from fleets import noisy_runs, shell_means, with_drift

NOISES, RUNS, DRIFT = (0.01, 0.02, 0.05, 0.20), (5, 10, 20), 0.04
CONFIGURATIONS, OBJECTIVES, EXCESS = 40, 3, 0.13
BOOTSTRAPS = 200
DRIFT_COST_MAX = 1.15
MARGIN = 0.02
MAXIMIZE = [False] * OBJECTIVES
METHODS = ("medians", "bootstrap", "kernel", "rank")


@dataclass
class Cell:
    """What is collected of the fleets of one noise, number of runs and drift, (fleets, N) each."""

    true: list[np.ndarray] = field(default_factory=list)
    truly_near: list[np.ndarray] = field(default_factory=list)
    said: dict[str, list[np.ndarray]] = field(default_factory=lambda: {name: [] for name in METHODS})
    said_near: list[np.ndarray] = field(default_factory=list)

    def scores(self, name: str) -> np.ndarray:
        """(fleets,) the mean squared error of the probabilities; 0 is perfect."""
        return np.mean((np.array(self.said[name]) - np.array(self.true)) ** 2, axis=1)

    def brier(self, name: str) -> float:
        """The mean of the scores."""
        return float(self.scores(name).mean())

    def less(self, name: str, other: str) -> tuple[float, float]:
        """How much higher the score of one is than another's on the same fleets, and its standard error."""
        apart = self.scores(name) - self.scores(other)
        return float(apart.mean()), float(apart.std(ddof=1) / np.sqrt(len(apart)))

    def among(self, low: float, high: float) -> tuple[float, int]:
        """The share truly on the frontier of the rows with `p_front` within the bounds, and their number."""
        return _share(np.array(self.said["rank"]), np.array(self.true), low, high)

    def dismissed(self) -> tuple[float, int]:
        """The share truly near the frontier of the rows that are called dominated, and their number."""
        return _share(np.array(self.said_near), np.array(self.truly_near), 0.0, 0.05)

    def undecided(self) -> float:
        """The share of rows whose verdict is `undecided`."""
        pairs = zip(np.ravel(self.said["rank"]), np.ravel(self.said_near), strict=True)
        return float(np.mean([verdict(p_front=p, p_near_front=near) == UNDECIDED for p, near in pairs]))


def _share(said: np.ndarray, true: np.ndarray, low: float, high: float) -> tuple[float, int]:
    chosen = (said >= low) & (said <= high)
    return (float(true[chosen].mean()) if chosen.any() else float("nan")), int(chosen.sum())


def as_ranked(samples: list[np.ndarray], blocks: list[np.ndarray]) -> Probabilities:
    """What `rank` prints of one device's runs: block effects out, replicates, kernel, map."""
    corrected = without_block_effects(
        samples,
        blocks=blocks,
        devices=["device"] * len(samples),
        names=[f"cost {k}" for k in range(OBJECTIVES)],
        is_measured=[True] * OBJECTIVES,
    )
    margins = [Margin(MARGIN)] * OBJECTIVES
    return probabilities(corrected.runs, maximize=MAXIMIZE, margins=margins, question="mean", seed=1)


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
        ranked = as_ranked(samples, blocks)
        exact = list(means[:, None])
        cell.true.append(moocore.is_nondominated(means, keep_weakly=True))
        cell.truly_near.append(front_probability(exact, maximize=MAXIMIZE, margin=[MARGIN] * OBJECTIVES))
        cell.said["medians"].append(moocore.is_nondominated(medians, keep_weakly=True) * 1.0)
        cell.said["bootstrap"].append(front_probability(bootstraps, maximize=MAXIMIZE))
        cell.said["kernel"].append(mean_front_probability(corrected, maximize=MAXIMIZE).front)
        cell.said["rank"].append(ranked.front)
        cell.said_near.append(ranked.near_front)
    return cell


def broken(cell: Cell) -> list[str]:
    """The promises that a cell breaks by more than two standard errors."""
    out = []
    (right, ups), (wrong, downs), (missed, gone) = (
        cell.among(0.95, 1.0),
        cell.among(0.0, 0.05),
        cell.dismissed(),
    )
    if ups and right < 0.95 - 2 * np.sqrt(0.95 * 0.05 / ups):
        out.append("0.95")
    if downs and wrong > 0.05 + 2 * np.sqrt(0.95 * 0.05 / downs):
        out.append("0.05")
    if gone and missed > 0.05 + 2 * np.sqrt(0.95 * 0.05 / gone):
        out.append("dismissed")
    for rival in ("medians", "bootstrap"):
        apart, error = cell.less("rank", rival)
        if apart > 2 * error:
            out.append(rival)
    return out


def line(cell: Cell, noise: float, runs: int, drift: float, found: list[str]) -> str:
    """A row of the table."""
    scores = " ".join(f"{cell.brier(name):9.4f}" for name in METHODS)
    apart, error = cell.less("rank", "bootstrap")
    parts = [cell.among(0.95, 1.0), cell.among(0.0, 0.05), cell.dismissed()]
    shares = "  ".join(f"{share:.3f} ({count:5d})" for share, count in parts)
    return (
        f"{noise:5.0%} {runs:4d} {drift:5.0%} | {scores} | {apart:+.4f} ±{error:.4f} | {shares} "
        f"{cell.undecided():9.1%} | {', '.join(found) or '-'}"
    )


def main() -> int:
    """Print the table; 1 when a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="200 fleets a cell and every cell")
    parser.add_argument("--fleets", type=int, help="fleets a cell")
    options = parser.parse_args()
    fleets = options.fleets or (200 if options.full else 20)
    print(f"{fleets} fleets of {CONFIGURATIONS} a cell; Brier scores; shares truly so (rows)")
    print(
        "noise runs drift |   medians bootstrap    kernel      rank | rank - bootstrap | "
        "front >= 0.95  front <= 0.05  near <= 0.05   undecided | broken"
    )
    failures = 0
    for number, (noise, runs) in enumerate(itertools.product(NOISES, RUNS)):
        if not options.full and number % 2:
            continue
        still = None
        for drift in (0.0, DRIFT):
            cell = measure(noise, runs, drift, fleets)
            found = broken(cell)
            score = cell.brier("rank")
            if still is not None and score > DRIFT_COST_MAX * still:
                found.append(f"drift costs {score / still - 1:.0%}")
            still = score
            failures += len(found)
            print(line(cell, noise, runs, drift, found), flush=True)
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
