"""Are the probabilities kept where runs are unlike a textbook's? `python bench/pareto_cells.py [--help]`.

Three parts, each of which can be run in pieces (`--part`, `--cell`, `--fleets`), and each row of which says
how long it took. `cells`: each cell of `tests/analysis/pareto/cells.py` is a kind of fleet of 40 with known
truth. Per cell, corrected for blocks and for runs that resemble the ones before: Brier scores of the
frontier of medians, of a plain bootstrap, of the oracle that is told every true variance and otherwise works
alike, and of the ranking; then what share of the rows at 0.95 or more is truly on the frontier, and of those
at 0.05 or less, with their numbers. `stop`: what the stop rule of a device saves and covers. `promises`:
`--promise all` and `share`, 1,000 fleets a cell of 40 to 1,000 rows. Exit code 1 where a promise is broken by
more than two standard errors or a goal missed. `--write docs/benchmarks.md` puts the rows there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import promise_cells
import stop_cells
from benchmark_tables import Table
from paretofleet_analysis.pareto import FrontQuestion, calibrated_front, front_probability
from paretofleet_analysis.pareto.calibration import front_of_means
from paretofleet_analysis.pareto.deterministic import nondominated
from paretofleet_analysis.pareto.fleet_prior import FleetPrior
from paretofleet_analysis.pareto.moderated_means import Means, estimate
from paretofleet_analysis.pareto.replicate_draws import Estimated, measured_runs
from paretofleet_analysis.ranking.block_correction import correct_block_effects
from paretofleet_analysis.ranking.run_resemblance import device_resemblances, widened
from paretofleet_analysis.statistics.variance_prior import FREEDOM_MAX, VariancePrior

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "analysis"))
from pareto.cells import CELLS, OBJECTIVES, Campaign

COSTS = [False] * OBJECTIVES
COUNT, BOOTSTRAPS = 400, 200
METHODS = ("medians", "bootstrap", "oracle", "rank")
#: How much worse than the oracle's the Brier score may be.
ORACLE_MAX = 1.05
#: The column under which runs stand in a row made up for the search for resemblance.
COLUMN = "batch_latency_mean_s"
HEADING = "Cells of unlike noise"
COLUMNS = ("cell", *METHODS, "rank / oracle", "at 0.95", "at 0.05", "broken")


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
    question, known = FrontQuestion(COSTS, noise_groups=[campaign.device]), oracle(campaign, corrected)
    return {
        "medians": nondominated(medians, maximize=COSTS) * 1.0,
        "bootstrap": front_probability(boots, maximize=COSTS),
        "oracle": front_of_means(known, FrontQuestion(COSTS), known.draw(1, COUNT), seed=1).front,
        "rank": calibrated_front(as_ranked(campaign, corrected), question, count=COUNT).front,
    }


def as_ranked(campaign: Campaign, corrected: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The `corrected` runs, spread where runs of a device resemble the ones before them, as `rank` does."""
    rows = [
        {
            "device": f"device {device}",
            f"{COLUMN}_runs": runs[:, 0].tolist(),
            "run_counted": [True] * len(runs),
            "run_started_s": blocks.tolist(),
            "run_blocks": blocks.tolist(),
        }
        for device, runs, blocks in zip(campaign.device, corrected, campaign.blocks, strict=True)
    ]
    seen = device_resemblances(rows, corrected, [COLUMN], 0)
    return widened(rows, corrected, seen, [True] * OBJECTIVES)


def oracle(campaign: Campaign, runs: Sequence[np.ndarray]) -> Estimated:
    """The means of `runs` with the true covariance of a run, known for certain."""
    distinct = measured_runs(runs)
    means, scale = estimate(distinct.arrays)
    alike = np.full((OBJECTIVES, OBJECTIVES), campaign.alike)
    np.fill_diagonal(alike, 1.0)
    true = campaign.deviations[distinct.first]
    covariance = true[:, None, None] ** 2 * alike
    variances, group = np.unique(true**2, return_inverse=True)
    priors = tuple(
        tuple(VariancePrior(float(v), 1e6 * FREEDOM_MAX, 10**9) for _ in range(OBJECTIVES)) for v in variances
    )
    prior = FleetPrior(group, priors, np.tile(alike, (len(variances), 1, 1)))
    freedom = np.full(len(true), FREEDOM_MAX)
    return Estimated(distinct, Means(means.location, covariance, freedom, means.runs, prior), scale)


def share(said: np.ndarray, true: np.ndarray, low: float, high: float) -> tuple[float, int]:
    """The share truly on the frontier of the rows said to be within the bounds, and their number."""
    chosen = (said >= low) & (said <= high)
    return (float(true[chosen].mean()) if chosen.any() else float("nan")), int(chosen.sum())


def add_row(table: Table, name: str, fleets: int) -> bool:
    """Add a cell's row; whether it breaks a promise by more than two standard errors."""
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
    brier = [f"{np.mean(scores[method]):.4f}" for method in METHODS]
    ratio = f"{ours.mean() / np.mean(scores['oracle']):.2f}"
    shares = [f"{right:.3f} ({ups})", f"{wrong:.3f} ({downs})"]
    table.row(name, *brier, ratio, *shares, ", ".join(broken) or "-")
    return bool(broken)


def part_table(
    part: str, chosen: Sequence[str], fleets: int | None, sizes: Sequence[int]
) -> tuple[Table, bool]:
    """Run a part, of its cells those `chosen`, all if none is; its table, and whether anything is broken."""
    heading, columns, names = {
        "cells": (HEADING, COLUMNS, tuple(CELLS)),
        "stop": (stop_cells.HEADING, stop_cells.COLUMNS, tuple(stop_cells.CELLS)),
        "promises": (promise_cells.HEADING, promise_cells.COLUMNS, promise_cells.NAMES),
    }[part]
    if part == "promises" and chosen:
        names = tuple(CELLS)
    table = Table(heading, columns)
    table.head()
    broken = []
    for name in [name for name in names if not chosen or name in chosen]:
        if part == "promises":
            broken += [promise_cells.add_row(table, name, size, fleets or 1000) for size in sizes]
        else:
            rows: Callable[[Table, str, int], bool] = add_row if part == "cells" else stop_cells.add_row
            broken.append(rows(table, name, fleets or 200))
    return table, any(broken)


def main(arguments: list[str]) -> int:
    """Print the tables; 1 where a promise is broken or a goal missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--part", nargs="+", choices=["cells", "stop", "promises"], default=["cells"])
    every = [*CELLS, *stop_cells.CELLS]
    parser.add_argument(
        "--cell", nargs="+", default=[], metavar="NAME", help=f"of {'; '.join(every)}".replace("%", "%%")
    )
    parser.add_argument("--fleets", type=int, help="fleets a cell: 200, of promises 1,000")
    parser.add_argument("--size", type=int, nargs="+", default=promise_cells.SIZES, help="rows, for promises")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the rows into this page")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.cell) - set(every)):
        parser.error(f"there is no cell {unknown[0]!r}; there are {'; '.join(every)}")
    broken = False
    for part in options.part:
        table, is_broken = part_table(part, options.cell, options.fleets, options.size)
        broken |= is_broken
        if options.write is not None and table.rows:
            table.write(options.write)
    return int(broken)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
