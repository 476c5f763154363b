"""Is the same model, entered twice, told apart? `python bench/aa.py [SWEEPS]`; exit code 1 when too often.

Each sweep holds 40 twins, 80 configurations that are pairwise alike, under the product's own stopping rule.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import simulated_sweeps as sweeps
from paretofleet_analysis.diagnostics.paired import benjamini_hochberg, p_values

TWINS = 40
NOISES = (0.02, 0.03, 0.04, 0.05)
PAIRS_APART_MAX, FALSE_DISCOVERIES_MAX = 6.0, 5.0
#: Half of the pairs differ by this much where the power is looked at.
DIFFERENCE = 0.05


@dataclass(frozen=True)
class Rates:
    """In percent: pairs of twins told apart at p < 0.05, false discoveries of a sweep, differences found."""

    apart: float
    false_discoveries: float
    false_among_differing: float
    found: float


def rates(law: str, noise: float, count: int, seed: int = 1) -> Rates:
    """Compares twin with twin in `count` sweeps."""
    played = sweeps.play(law, noise, count, seed, configurations=2 * TWINS)
    logs = np.log(played.values)
    alike = _p_values(logs[:, :TWINS] - logs[:, TWINS:])
    shift = np.where(np.arange(TWINS) % 2, np.log1p(DIFFERENCE), 0.0)[:, None]
    differing = _p_values(logs[:, :TWINS] + shift - logs[:, TWINS:])
    false_share = [_share(benjamini_hochberg(list(row)), np.zeros(TWINS, bool)) for row in alike]
    is_true = shift[:, 0] > 0
    found = np.array([benjamini_hochberg(list(row)) for row in differing])
    mixed = [_share(row, is_true) for row in found]
    return Rates(
        float((alike < 0.05).mean() * 100),
        float(np.mean(false_share) * 100),
        float(np.mean(mixed) * 100),
        float(found[:, is_true].mean() * 100),
    )


def _p_values(differences: np.ndarray) -> np.ndarray:
    blocks = np.isfinite(differences).sum(axis=2)
    return p_values(np.nanmean(differences, axis=2), np.nanstd(differences, axis=2, ddof=1), blocks)


def _share(found: list[bool] | np.ndarray, is_true: np.ndarray) -> float:
    """Share of false ones among the findings, 0 without findings."""
    found = np.asarray(found)
    return float((found & ~is_true).sum() / max(found.sum(), 1))


def main(arguments: list[str]) -> int:
    """Prints the table; 1 where a limit is passed."""
    count = int(arguments[0]) if arguments else 2000
    print(f"{TWINS} twins in each of {count} sweeps a row; last two columns: half of the pairs 5 % apart")
    print(f"{'':14} {'sd':>4} {'told apart':>11} {'false discoveries':>18} {'false':>8} {'found':>8}")
    too_many = 0
    for law in (*sweeps.GATED, "exponential"):
        for noise in NOISES:
            one = rates(law, noise, count)
            too_many += one.apart > PAIRS_APART_MAX or one.false_discoveries > FALSE_DISCOVERIES_MAX
            print(
                f"{law:14} {noise:4.0%} {one.apart:9.1f} % {one.false_discoveries:16.1f} % "
                f"{one.false_among_differing:6.1f} % {one.found:6.1f} %"
            )
    return 1 if too_many else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
