"""What is promised of all verdicts of a fleet at once, and of the share of wrong ones."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from benchmark_tables import Table
from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.pareto import front_probability
from paretofleet_analysis.ranking.front_query import FrontQuery
from paretofleet_analysis.ranking.probability import probabilities
from paretofleet_analysis.ranking.promises import jointly_sure, mostly_right
from scipy.stats import beta

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "analysis"))
from pareto.cells import CELLS, OBJECTIVES

NAMES = ("normal 1 %", "normal 5 %, 5 runs", "normal 20 %", "t3", "unlike noise")
SIZES = (40, 150, 1000)
ALL_RIGHT, WRONG = 0.90, 0.05
MARGIN = 0.02
HEADING = "All verdicts at once"
COLUMNS = ("cell", "fleets", "all right (95 %)", "decided", "wrong share", "decided by it", "broken")


def add_row(table: Table, name: str, size: int, fleets: int) -> bool:
    """Ask of the `fleets` of a cell, of `size` rows each, and add the row; whether a promise is broken."""
    right, given, wrong, chosen = [], [], [], []
    for seed in range(fleets):
        campaign = CELLS[name].campaign(seed, size)
        query = FrontQuery(
            [False] * OBJECTIVES, [Margin(MARGIN)] * OBJECTIVES, noise_groups=[campaign.device]
        )
        answer = probabilities(campaign.runs, query)
        truth = front_probability(
            list(campaign.means[:, None]), maximize=query.maximize, margin=[MARGIN] * OBJECTIVES
        )
        is_right = (answer.front > 0.5) == (truth > 0.5)
        joint, mostly = jointly_sure(answer.errors), mostly_right(answer.errors)
        right.append(bool(is_right[joint].all()))
        given.append(joint.mean())
        wrong.append(float((~is_right[mostly]).mean()) if mostly.any() else 0.0)
        chosen.append(mostly.mean())
    hits = int(np.sum(right))
    low, high = interval(hits, fleets)
    share, error = float(np.mean(wrong)), float(np.std(wrong, ddof=1) / np.sqrt(fleets))
    broken = ["all"] if high < ALL_RIGHT else []
    broken += ["share"] if share > WRONG + 2 * error else []
    table.row(
        f"{name}, N = {size:,}",
        str(fleets),
        f"{hits / fleets:.1%} ({low:.1%} to {high:.1%})",
        f"{np.mean(given):.0%}",
        f"{share:.1%} ± {error:.1%}",
        f"{np.mean(chosen):.0%}",
        ", ".join(broken) or "-",
    )
    return bool(broken)


def interval(hits: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share by the binomial (Clopper and Pearson)."""
    low = beta.ppf(0.025, hits, count - hits + 1) if hits else 0.0
    high = beta.ppf(0.975, hits + 1, count - hits) if hits < count else 1.0
    return float(low), float(high)
