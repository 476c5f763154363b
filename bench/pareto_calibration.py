"""Are the probabilities of the frontier of true means kept? `python bench/pareto_calibration.py
[--full]`.

Fleets of 40 configurations and 3 objectives whose true means are known, measured with 1, 2, 5 and 20 %
noise, 5, 10 and 20 runs, without and with a 4 % drift from block to block. In the first table three costs,
72 % of the configurations on the frontier (many hardly dominated); in the second ten networks in four
configurations each that share their accuracy, and two costs. Per cell: Brier scores of the frontier of
medians, of a plain bootstrap of the mean, of `mean_front_probability` after `remove_block_effects` (kernel)
and of `p_pareto` as `rank` reports it; the last less the bootstrap's, with the standard error over fleets.
Then, as `rank` reports them, what share of the rows at `p_pareto` 0.95 or more is truly on the frontier, of
those at 0.05 or less, and of the beaten ones (`p_front` 0.05 or less) truly unbeaten by 2 %, with
their numbers, and what share is undecided. Medians and bootstrap see the drift as it is. Exit code 1 when a
promise is broken by more than two standard errors. The short form has 12 fleets a cell and every second
cell, the full one 200 and all; `--fleet` chooses one table.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.pareto import front_probability, mean_front_probability, remove_block_effects
from paretofleet_analysis.pareto.deterministic import nondominated
from paretofleet_analysis.ranking.block_correction import correct_block_effects
from paretofleet_analysis.ranking.front_query import FrontQuery, tolerances
from paretofleet_analysis.ranking.probability import Probabilities, probabilities
from paretofleet_analysis.ranking.verdicts import UNDECIDED, verdict

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "analysis" / "pareto"))
from fleets import noisy_runs, shell_means, with_drift

NOISES, RUNS, DRIFT = (0.01, 0.02, 0.05, 0.20), (5, 10, 20), 0.04
CONFIGURATIONS, OBJECTIVES, EXCESS = 40, 3, 0.13
NETWORKS = 10
BOOTSTRAPS = 200
DRIFT_COST_MAX = 1.15
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
        """The share truly on the frontier of the rows with `p_pareto` within the bounds, and their number."""
        return _share(np.array(self.said["rank"]), np.array(self.true), low, high)

    def dismissed(self) -> tuple[float, int]:
        """The share truly unbeaten of the rows that are called beaten, and their number."""
        return _share(np.array(self.said_near), np.array(self.truly_near), 0.0, 0.05)

    def undecided(self) -> float:
        """The share of rows whose verdict is `undecided`."""
        return float(np.mean([verdict(p) == UNDECIDED for p in np.ravel(self.said_near).tolist()]))


def _share(said: np.ndarray, true: np.ndarray, low: float, high: float) -> tuple[float, int]:
    chosen = (said >= low) & (said <= high)
    return (float(true[chosen].mean()) if chosen.any() else float("nan")), int(chosen.sum())


@dataclass(frozen=True)
class Kind:
    """A kind of fleet: `means` makes true values (N, 3); fixed objectives have no noise and no drift."""

    means: Callable[[np.random.Generator], np.ndarray]
    maximize: Sequence[bool]
    margins: Sequence[Margin]
    is_measured: Sequence[bool]


def network_means(rng: np.random.Generator) -> np.ndarray:
    """Top-1, latency and energy: larger networks are more accurate, slower and hungrier."""
    capacity = rng.uniform(0, 1, NETWORKS)
    top1 = np.round(55 + 25 * capacity**0.7 + rng.normal(0, 1.5, NETWORKS), 2)
    network = np.repeat(np.arange(NETWORKS), CONFIGURATIONS // NETWORKS)
    costs = np.exp(2.5 * capacity[network, None] + rng.exponential(0.15, (CONFIGURATIONS, 2)))
    return np.column_stack([top1[network], costs])


KINDS = {
    "shell": Kind(
        lambda rng: shell_means(rng, CONFIGURATIONS, OBJECTIVES, EXCESS),
        [False] * OBJECTIVES,
        [Margin(0.02)] * OBJECTIVES,
        [True] * OBJECTIVES,
    ),
    "networks": Kind(
        network_means,
        [True, False, False],
        [Margin(0.2, relative=False), Margin(0.02), Margin(0.02)],
        [False, True, True],
    ),
}


def as_ranked(kind: Kind, samples: list[np.ndarray], blocks: list[np.ndarray]) -> Probabilities:
    """What `rank` prints of one device's runs: block effects out, replicates, kernel, map."""
    corrected = correct_block_effects(
        samples,
        blocks=blocks,
        devices=["device"] * len(samples),
        is_measured={f"cost {k}": is_measured for k, is_measured in enumerate(kind.is_measured)},
    )
    return probabilities(corrected.runs, FrontQuery(kind.maximize, kind.margins))


def measure(kind: Kind, noise: float, runs: int, drift: float, fleets: int) -> Cell:
    """The same fleets and noise for every drift, so that what drift costs is a paired comparison."""
    cell = Cell()
    for fleet in range(fleets):
        rng = np.random.default_rng([fleet, int(noise * 1000), runs])
        means = kind.means(rng)
        measured = np.flatnonzero(kind.is_measured)
        samples = noisy_runs(rng, means[:, measured], noise, runs)
        picks = rng.integers(runs, size=(CONFIGURATIONS, BOOTSTRAPS, runs))
        samples, blocks = with_drift(rng, samples, drift)
        corrected = remove_block_effects(samples, blocks=blocks).samples
        whole, clean = (
            [with_fixed(row, x, measured) for row, x in zip(means, some, strict=True)]
            for some in (samples, corrected)
        )
        medians = np.array([np.median(x, axis=0) for x in whole])
        bootstraps = [
            with_fixed(row, x[p][:, :, measured].mean(axis=1), measured)
            for row, x, p in zip(means, whole, picks, strict=True)
        ]
        ranked = as_ranked(kind, whole, blocks)
        exact, margin = list(means[:, None]), tolerances(kind.margins)
        cell.true.append(nondominated(means, maximize=kind.maximize))
        cell.truly_near.append(front_probability(exact, maximize=kind.maximize, margin=margin))
        cell.said["medians"].append(nondominated(medians, maximize=kind.maximize) * 1.0)
        cell.said["bootstrap"].append(front_probability(bootstraps, maximize=kind.maximize))
        cell.said["kernel"].append(mean_front_probability(clean, maximize=kind.maximize).front)
        cell.said["rank"].append(ranked.pareto)
        cell.said_near.append(ranked.front)
    return cell


def with_fixed(means: np.ndarray, runs: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """(m, d) runs of which only some columns are measured; the others are the true value in every run."""
    out = np.tile(means, (len(runs), 1))
    out[:, measured] = runs
    return out


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
    parser.add_argument("--fleet", choices=list(KINDS), help="one table only")
    options = parser.parse_args()
    fleets = options.fleets or (200 if options.full else 12)
    print(f"{fleets} fleets of {CONFIGURATIONS} a cell; Brier scores; shares truly so (rows)")
    names = [options.fleet] if options.fleet else list(KINDS)
    return int(sum(table(name, fleets, full=options.full) for name in names) > 0)


def table(name: str, fleets: int, *, full: bool) -> int:
    """Print the cells of one kind of fleet; the number of broken promises."""
    print(f"\n{name}")
    print(
        "noise runs drift |   medians bootstrap    kernel      rank | rank - bootstrap | "
        "front >= 0.95  front <= 0.05  beaten         undecided | broken"
    )
    failures = 0
    for number, (noise, runs) in enumerate(itertools.product(NOISES, RUNS)):
        if not full and number % 2:
            continue
        still = None
        for drift in (0.0, DRIFT):
            cell = measure(KINDS[name], noise, runs, drift, fleets)
            found = broken(cell)
            score = cell.brier("rank")
            if still is not None and score > DRIFT_COST_MAX * still:
                found.append(f"drift costs {score / still - 1:.0%}")
            still = score
            failures += len(found)
            print(line(cell, noise, runs, drift, found), flush=True)
    return failures


if __name__ == "__main__":
    sys.exit(main())
