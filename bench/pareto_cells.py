"""Are the probabilities kept where runs are unlike a textbook's? `python bench/pareto_cells.py [FLEETS]`.

Each cell of `tests/analysis/pareto/cells.py` is a kind of fleet of 40 with known truth. Per cell, after the
correction for blocks: Brier scores of the frontier of medians, of a plain bootstrap, of the oracle that is
told every true variance and otherwise works alike, and of the ranking; then what share of the rows at 0.95
or more is truly on the frontier, and of those at 0.05 or less, with their numbers. Exit code 1 where a
promise is broken by more than two standard errors. 200 fleets a cell unless told otherwise.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from paretofleet_analysis.pareto import FrontQuestion, calibrated_front, front_probability
from paretofleet_analysis.pareto.calibration import front_of_means
from paretofleet_analysis.pareto.deterministic import nondominated
from paretofleet_analysis.pareto.fleet_prior import FleetPrior
from paretofleet_analysis.pareto.moderated_means import Means, estimate
from paretofleet_analysis.pareto.replicate_draws import Estimated, measured_runs
from paretofleet_analysis.ranking.block_correction import correct_block_effects
from paretofleet_analysis.statistics.variance_prior import FREEDOM_MAX, VariancePrior

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "analysis"))
from pareto.cells import CELLS, OBJECTIVES, SIZE, Campaign

COSTS = [False] * OBJECTIVES
COUNT, BOOTSTRAPS = 400, 200
METHODS = ("medians", "bootstrap", "oracle", "rank")
#: How much worse than the oracle's the Brier score may be.
ORACLE_MAX = 1.05


def answers_of(campaign: Campaign, fleet: int) -> dict[str, np.ndarray]:
    """What each method says of a campaign: (N,) probabilities."""
    rng = np.random.default_rng([fleet, 3])
    medians = np.array([np.median(x, axis=0) for x in campaign.runs])
    boots = [x[rng.integers(len(x), size=(BOOTSTRAPS, len(x)))].mean(axis=1) for x in campaign.runs]
    corrected = correct_block_effects(
        campaign.runs,
        blocks=campaign.blocks,
        devices=[f"device {k}" for k in campaign.device],
        is_measured={f"cost {k}": True for k in range(OBJECTIVES)},
    ).runs
    question = FrontQuestion(COSTS, noise_groups=[campaign.device])
    return {
        "medians": nondominated(medians, maximize=COSTS) * 1.0,
        "bootstrap": front_probability(boots, maximize=COSTS),
        "oracle": front_of_means(
            oracle(campaign, corrected), FrontQuestion(COSTS), count=COUNT, seed=1
        ).front,
        "rank": calibrated_front(corrected, question, count=COUNT).front,
    }


def oracle(campaign: Campaign, runs: Sequence[np.ndarray]) -> Estimated:
    """The means of `runs` with the true covariance of a run, known for certain."""
    distinct = measured_runs(runs)
    means, scale = estimate(distinct.arrays)
    alike = np.full((OBJECTIVES, OBJECTIVES), campaign.alike)
    np.fill_diagonal(alike, 1.0)
    true = campaign.deviations[distinct.first]
    covariance = true[:, None, None] ** 2 * alike
    priors = tuple(
        tuple(VariancePrior(float(v), 1e6 * FREEDOM_MAX, 10**9) for _ in range(OBJECTIVES)) for v in true**2
    )
    prior = FleetPrior(np.arange(len(true)), priors, np.tile(alike, (len(true), 1, 1)))
    freedom = np.full(len(true), FREEDOM_MAX)
    return Estimated(distinct, Means(means.location, covariance, freedom, means.runs, prior), scale)


def share(said: np.ndarray, true: np.ndarray, low: float, high: float) -> tuple[float, int]:
    """The share truly on the frontier of the rows said to be within the bounds, and their number."""
    chosen = (said >= low) & (said <= high)
    return (float(true[chosen].mean()) if chosen.any() else float("nan")), int(chosen.sum())


def row(name: str, fleets: int) -> bool:
    """Print a cell; whether it breaks a promise by more than two standard errors."""
    scores: dict[str, list[float]] = {method: [] for method in METHODS}
    said, truth = [], []
    for fleet in range(fleets):
        campaign = CELLS[name].campaign(fleet)
        true = nondominated(campaign.means, maximize=COSTS)
        answers = answers_of(campaign, fleet)
        for method, p in answers.items():
            scores[method].append(float(np.mean((p - true) ** 2)))
        said.append(answers["rank"])
        truth.append(true)
    p, true = np.concatenate(said), np.concatenate(truth)
    (right, ups), (wrong, downs) = share(p, true, 0.95, 1.0), share(p, true, 0.0, 0.05)
    broken = []
    if ups and right < 0.95 - 2 * np.sqrt(0.95 * 0.05 / ups):
        broken.append("0.95")
    if downs and wrong > 0.05 + 2 * np.sqrt(0.95 * 0.05 / downs):
        broken.append("0.05")
    ours = np.array(scores["rank"])
    for rival, factor in (("medians", 1.0), ("bootstrap", 1.0), ("oracle", ORACLE_MAX)):
        apart = ours - factor * np.array(scores[rival])
        if apart.mean() > 2 * apart.std(ddof=1) / np.sqrt(fleets):
            broken.append(rival)
    brier = " | ".join(f"{np.mean(scores[method]):.4f}" for method in METHODS)
    ratio = ours.mean() / np.mean(scores["oracle"])
    print(
        f"| {name} | {brier} | {ratio:.2f} | {right:.3f} ({ups}) | {wrong:.3f} ({downs}) | "
        f"{', '.join(broken) or '-'} |",
        flush=True,
    )
    return bool(broken)


def main(arguments: list[str]) -> int:
    """Print the table; 1 where a promise is broken."""
    fleets = int(arguments[0]) if arguments else 200
    print(f"{fleets} fleets of {SIZE} a cell\n")
    print("| cell | medians | bootstrap | oracle | rank | rank / oracle | at 0.95 | at 0.05 | broken |")
    print("|---|---|---|---|---|---|---|---|---|")
    return int(sum([row(name, fleets) for name in CELLS]) > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
