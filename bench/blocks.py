"""Which of two is faster, when the device drifts from block to block? `python bench/blocks.py [SWEEPS]`.

Probabilities of pairs from runs compared within their blocks, and from the same runs with their blocks
ignored, each against the truth (Brier score: 0 is perfect, 0.25 is a coin). Exit code 1 when drift costs
more than 15 %.
"""

from __future__ import annotations

import sys

import numpy as np
from paretofleet_analysis.compare import p_values
from scipy.special import stdtr

CONFIGURATIONS, RUNS = 40, (5, 10)
OWN_NOISE, DRIFT = 0.015, 0.04
#: Standard deviation of the configurations' true logarithms: close enough for many pairs to be open.
SPREAD = 0.04
LOSS_MAX = 1.15


def scores(drift: float, runs: int, sweeps: int, seed: int = 1) -> tuple[float, float]:
    """Brier scores of all pairs' "a is faster", blocks ignored and within blocks."""
    rng = np.random.default_rng([seed, runs])
    truth = SPREAD * rng.standard_normal((sweeps, CONFIGURATIONS, 1))
    own = OWN_NOISE * rng.standard_normal((sweeps, CONFIGURATIONS, runs))
    shared = drift * rng.standard_normal((sweeps, 1, runs))
    logs = truth + own + shared
    a, b = np.triu_indices(CONFIGURATIONS, 1)
    is_faster = (truth[:, a] < truth[:, b])[..., 0]
    difference = logs[:, a] - logs[:, b]
    mean = difference.mean(axis=2)
    means, variances = logs.mean(axis=2), logs.var(axis=2, ddof=1)
    apart = (means[:, b] - means[:, a]) * np.sqrt(runs)
    ignored = stdtr(2.0 * (runs - 1), apart / np.sqrt(variances[:, a] + variances[:, b]))
    p = p_values(mean, difference.std(axis=2, ddof=1), runs)
    within = np.where(mean < 0, 1 - p / 2, p / 2)
    return float(((ignored - is_faster) ** 2).mean()), float(((within - is_faster) ** 2).mean())


def main(arguments: list[str]) -> int:
    """Prints the table; 1 where drift costs too much."""
    sweeps = int(arguments[0]) if arguments else 400
    print(
        f"Pairs of {CONFIGURATIONS} configurations, own noise {OWN_NOISE:.1%}, {sweeps} sweeps: Brier scores"
    )
    print(f"{'runs':>4} {'drift':>6} {'blocks ignored':>15} {'within blocks':>14} {'against no drift':>17}")
    too_bad = 0
    for runs in RUNS:
        calm, _ = scores(0.0, runs, sweeps)
        for drift in (0.0, DRIFT):
            ignored, within = scores(drift, runs, sweeps)
            too_bad += within > LOSS_MAX * calm
            print(f"{runs:4} {drift:6.0%} {ignored:15.4f} {within:14.4f} {within / calm:15.2f} x")
    return 1 if too_bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
