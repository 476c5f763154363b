"""What ending on a clear difference costs: `python bench/early_stop.py [--short]`.

Pairs of files under the rule of `paretofleet bench`: the runs of both are looked at after every block
from the third on, and end once `paired.are_clear`; else after 20 blocks. Differences are in units of the
noise of one ratio; 20,000 pairs a cell (`--short`: 4,000). Exit code 1 where a cell covers less than 94 %,
or twins are told apart in more than 6 %, each by two standard errors.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import numpy as np
import parts
from paretofleet_analysis.diagnostics.paired import PAIR_FACTOR, WATCHED_WIDENING, are_clear
from paretofleet_analysis.statistics.intervals import CONFIDENCE
from scipy.special import stdtrit

BLOCKS_MIN, BLOCKS_MAX, MARGIN = 3, 20, 0.02
PAIRS, PAIRS_SHORT = 20_000, 4000
NOISES = (0.01, 0.02, 0.05)
DIFFERENCES = (0.0, 0.5, 1.0, 1.5, 2.0, 4.0, 8.0, 20.0)
LAWS = ("normal", "heavy tails")
COVERED_MIN, TWINS_MAX = 0.94, 0.06


@dataclass(frozen=True)
class Cell:
    """Shares of pairs: `covered`, whose interval holds the truth, and `apart`, told apart; mean `blocks`."""

    covered: float
    apart: float
    blocks: float


def measure(law: str, noise: float, difference: float, pairs: int, seed: int = 1) -> Cell:
    """So many `pairs` that differ by `difference` times the `noise`."""
    rng = np.random.default_rng([seed, LAWS.index(law), int(1e6 * noise), int(100 * difference)])
    shape = (pairs, BLOCKS_MAX)
    errors = rng.standard_normal(shape) if law == "normal" else rng.standard_t(4, shape) / math.sqrt(2)
    truth = difference * noise
    logs = truth + noise * errors
    blocks = np.full(pairs, BLOCKS_MAX)
    means, widths = logs.mean(axis=1), PAIR_FACTOR * logs.std(axis=1, ddof=1) / math.sqrt(BLOCKS_MAX)
    for made in reversed(range(BLOCKS_MIN, BLOCKS_MAX)):
        mean = logs[:, :made].mean(axis=1)
        error = PAIR_FACTOR * WATCHED_WIDENING * logs[:, :made].std(axis=1, ddof=1) / math.sqrt(made)
        ends = are_clear(mean, error, made, MARGIN)
        means[ends], widths[ends], blocks[ends] = mean[ends], error[ends], made
    reach = stdtrit(blocks - 1.0, (1 + CONFIDENCE) / 2) * widths
    covered, apart = np.abs(means - truth) <= reach, np.abs(means) > reach
    return Cell(float(covered.mean()), float(apart.mean()), float(blocks.mean()))


def main() -> int:
    """Prints a row for each cell; 1 where one covers too little or twins are told apart too often."""
    pairs = PAIRS_SHORT if parts.arguments(__doc__ or "").parse_args().short else PAIRS
    print("| law | noise | difference | covered | told apart | blocks |\n|---|---|---|---|---|---|")
    code = 0
    for law in LAWS:
        for noise in NOISES:
            for difference in DIFFERENCES:
                cell = measure(law, noise, difference, pairs)
                error = 2 * math.sqrt(0.05 * 0.95 / pairs)
                is_missed = cell.covered < COVERED_MIN - error
                is_missed = is_missed or (difference == 0.0 and cell.apart > TWINS_MAX + error)
                print(
                    f"| {law} | {noise:.0%} | {difference:g} | {cell.covered:.1%} | {cell.apart:.1%} "
                    f"| {cell.blocks:.1f} |{' MISSED' if is_missed else ''}",
                    flush=True,
                )
                code = code or int(is_missed)
    return code


if __name__ == "__main__":
    sys.exit(main())
