"""Which of two is faster, when the device drifts from block to block? `python bench/blocks.py [SWEEPS]`.

Probabilities of pairs from runs compared within their blocks, and from the same runs with their blocks
ignored, each against the truth (Brier score: 0 is perfect, 0.25 is a coin). Exit code 1 when drift costs
more than 15 %.
"""

from __future__ import annotations

import sys
from dataclasses import astuple, dataclass

import numpy as np
from paretofleet_analysis.diagnostics.paired import p_values
from paretofleet_analysis.pareto import remove_block_effects
from scipy.special import stdtr

CONFIGURATIONS, RUNS = 40, (5, 10)
OWN_NOISE, DRIFT = 0.015, 0.04
#: Standard deviation of the configurations' true logarithms: close enough for many pairs to be open.
SPREAD = 0.04
LOSS_MAX = 1.15


@dataclass(frozen=True)
class Scores:
    """Brier scores of all pairs' "a is faster" in three ways."""

    ignored: float
    removed: float
    within: float


def scores(drift: float, runs: int, sweeps: int, seed: int = 1) -> Scores:
    """Plays sweeps with the same noise for every drift."""
    rng = np.random.default_rng([seed, runs])
    truth = SPREAD * rng.standard_normal((sweeps, CONFIGURATIONS, 1))
    own = OWN_NOISE * rng.standard_normal((sweeps, CONFIGURATIONS, runs))
    shared = drift * rng.standard_normal((sweeps, 1, runs))
    logs = truth + own + shared
    blocks = [np.arange(runs)] * CONFIGURATIONS
    without = np.array(
        [remove_block_effects(list(np.exp(one)[..., None]), blocks=blocks).samples for one in logs]
    )[..., 0]
    a, b = np.triu_indices(CONFIGURATIONS, 1)
    is_faster = (truth[:, a] < truth[:, b])[..., 0]
    difference = logs[:, a] - logs[:, b]
    mean = difference.mean(axis=2)
    p = p_values(mean, difference.std(axis=2, ddof=1), runs)
    said = (_welch(logs), _welch(np.log(without)), np.where(mean < 0, 1 - p / 2, p / 2))
    return Scores(*(float(((one - is_faster) ** 2).mean()) for one in said))


def _welch(logs: np.ndarray) -> np.ndarray:
    """Probability of every pair that the first has the smaller mean, blocks unheeded."""
    a, b = np.triu_indices(logs.shape[1], 1)
    runs = logs.shape[2]
    means, variances = logs.mean(axis=2), logs.var(axis=2, ddof=1)
    apart = (means[:, b] - means[:, a]) * np.sqrt(runs)
    return np.asarray(stdtr(2.0 * (runs - 1), apart / np.sqrt(variances[:, a] + variances[:, b])))


def main(arguments: list[str]) -> int:
    """Prints the table; 1 where drift costs too much."""
    sweeps = int(arguments[0]) if arguments else 400
    print(
        f"Pairs of {CONFIGURATIONS} configurations, own noise {OWN_NOISE:.1%}, {sweeps} sweeps: Brier scores"
    )
    print(f"{'runs':>4} {'drift':>6} {'as they are':>20} {'blocks removed':>20} {'within blocks':>20}")
    too_bad = 0
    for runs in RUNS:
        calm = scores(0.0, runs, sweeps).ignored
        for drift in (0.0, DRIFT):
            found = scores(drift, runs, sweeps)
            too_bad += max(found.removed, found.within) > LOSS_MAX * calm
            columns = (f"{one:11.4f} ({one / calm:4.2f} x)" for one in astuple(found))
            print(f"{runs:4} {drift:6.0%} {' '.join(columns)}")
    return 1 if too_bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
