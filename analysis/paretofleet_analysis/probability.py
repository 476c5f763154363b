"""How probable it is that a configuration is on the frontier, by resampling its runs.

The one place that knows how the probabilities come about. Every objective is a cost in here: what is
maximised is negated at the door. Each configuration draws from a generator that is seeded by its own
values, so that the order of the rows and the presence of others change nothing, and one that is entered
twice draws the same values twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from paretofleet_analysis.objectives import Margin

DRAWS = 1000
METHOD = "resampling"
_RIVALS_AT_ONCE = 8
_DRAWS_MIN = 50
_COMPARISONS_MAX = 20_000_000


@dataclass(frozen=True)
class Probabilities:
    """Of N configurations: (N,) arrays, and the largest standard error that the drawing itself adds to one.

    `front`: nobody dominates it. `near_front`: nobody is better by more than the margin in every objective
    (one that two configurations have exactly in common, such as a model's accuracy, cannot tell them apart
    and does not count). `dominators`: expected number of configurations that dominate it.
    """

    front: np.ndarray
    near_front: np.ndarray
    dominators: np.ndarray
    standard_error: float
    draws: int

    def replaced(self, *, front: np.ndarray) -> Probabilities:
        """The same with other values of `front`."""
        return replace(self, front=front)


def draw_means(runs: np.ndarray, *, draws: int, seed: int) -> np.ndarray:
    """(draws, d) plausible true means behind the (m, d) positive values of m runs, m at least 3.

    On the log scale, joint over objectives: centre of the runs + t(m - 1) with their covariance / m (the
    posterior under the flat prior; Gelman et al., Bayesian Data Analysis, 3.6). With few runs its tails are
    wider than those of a bootstrap, which underrates the variance by (m - 1)/m. A column that does not vary
    stays exactly as it is.

    >>> means = draw_means(np.array([[1.0], [1.1], [0.9]]), draws=2000, seed=1)
    >>> bool(0.98 < np.median(means) < 1.02)
    True
    """
    count = len(runs)
    generator = _generator(runs, seed)
    normal = generator.standard_normal((draws, count))
    stretch = np.sqrt((count - 1) / generator.chisquare(count - 1, draws))
    logs = np.log(runs)
    spread = (logs - logs.mean(axis=0)) / np.sqrt(count * (count - 1))
    means: np.ndarray = runs.mean(axis=0) * np.exp(normal @ spread * stretch[:, None])
    constant = np.ptp(runs, axis=0) == 0
    means[:, constant] = runs[0, constant]
    return means


def draw_runs(runs: np.ndarray, *, draws: int, seed: int) -> np.ndarray:
    """(draws, d) runs drawn with replacement, a run's objectives kept together."""
    return runs[_generator(runs, seed).integers(len(runs), size=draws)]


def _generator(runs: np.ndarray, seed: int) -> np.random.Generator:
    digest = hashlib.sha256(runs.tobytes())
    return np.random.default_rng([seed, int.from_bytes(digest.digest()[:16], "big")])


def probabilities(
    samples: Sequence[np.ndarray],
    *,
    maximize: Sequence[bool],
    margins: Sequence[Margin],
    question: str,
    seed: int,
    draws: int = DRAWS,
) -> Probabilities:
    """The probabilities for N configurations, each an (m_i, d) array of positive values, a row a run.

    `question`: "mean" (each draw is a set of true means) or "run" (each draw is one more run of each).

    >>> fast, slow = np.array([[1.0], [1.01], [1.0]]), np.array([[2.0], [2.1], [2.0]])
    >>> found = probabilities([fast, slow], maximize=[False], margins=[Margin(0.02)], question="mean", seed=1)
    >>> found.front.tolist()
    [1.0, 0.0]
    """
    draw = {"mean": draw_means, "run": draw_runs}[question]
    signs = np.where(np.asarray(maximize), -1.0, 1.0)
    drawn = [draw(_in_order(runs), draws=draws, seed=seed) * signs for runs in samples]
    costs = np.array(drawn).reshape(len(drawn), draws, len(signs))
    bars = _bars(costs, margins)
    front, near = np.ones(len(costs)), np.ones(len(costs))
    lowest, typical = costs.min(axis=1), costs.mean(axis=1)
    scale = np.maximum(np.ptp(typical, axis=0), 1e-300) if len(costs) else np.ones(len(signs))
    for i in range(len(costs)):
        possible = np.flatnonzero((lowest <= costs[i].max(axis=0)).all(axis=1))
        # The likeliest to dominate come first: a dominated row is then settled by a few of them.
        lead = ((typical[i] - typical[possible]) / scale).min(axis=1)
        rivals = possible[np.argsort(-lead, kind="stable")]
        front[i] = 1 - _beaten(costs, rivals, costs[i], costs[i]).mean()
        near[i] = 1 - _beaten(costs, rivals, bars[i], costs[i]).mean()
    errors = [np.sqrt(p * (1 - p) / draws).max(initial=0.0) for p in (front, near)]
    return Probabilities(front, near, _dominators(costs), float(max(errors)), draws)


def _beaten(costs: np.ndarray, rivals: np.ndarray, bars: np.ndarray, own: np.ndarray) -> np.ndarray:
    """(draws,) in which of them a rival is below the bar or equal in everything, and below in something."""
    beaten = np.zeros(len(own), dtype=bool)
    for start in range(0, len(rivals), _RIVALS_AT_ONCE):
        live = np.flatnonzero(~beaten)
        if not live.size:
            break
        others = costs[rivals[start : start + _RIVALS_AT_ONCE]][:, live]
        below = others < bars[live]
        beats = (below | (others == own[live])).all(axis=2) & below.any(axis=2)
        beaten[live] = beats.any(axis=0)
    return beaten


def _dominators(costs: np.ndarray) -> np.ndarray:
    """(N,) expected number of rows that dominate each; large fleets use the first draws only."""
    few = max(_DRAWS_MIN, _COMPARISONS_MAX // max(len(costs) ** 2, 1))
    used = costs[:, :few]
    expected = np.zeros(len(costs))
    for i in range(len(costs)):
        at_least = (used <= used[i]).all(axis=2)
        expected[i] = (at_least & (used < used[i]).any(axis=2)).mean(axis=1).sum()
    return expected


def _in_order(runs: np.ndarray) -> np.ndarray:
    """The runs sorted by value, so that the order in which they were made changes no draw."""
    runs = np.asarray(runs, dtype=np.float64)
    return np.ascontiguousarray(runs[np.lexsort(runs.T)])


def _bars(costs: np.ndarray, margins: Sequence[Margin]) -> np.ndarray:
    """The costs below which another is better by more than the margin; shape of `costs`."""
    bars = costs.copy()
    for k, margin in enumerate(margins):
        bars[:, :, k] -= margin.value * (np.abs(costs[:, :, k]) if margin.relative else 1.0)
    return bars


def next_run_probability(front: np.ndarray, runs: np.ndarray) -> np.ndarray:
    """What resampled runs say of one more run, never 0 or 1: half a run is added for and half a run against.

    m runs that were all on the frontier do not promise the next: `(m p + 1/2) / (m + 1)` (Krichevsky and
    Trofimov 1981), which for five runs stays between 0.08 and 0.92.

    >>> next_run_probability(np.array([0.0, 1.0]), np.array([5, 5])).round(3).tolist()
    [0.083, 0.917]
    """
    return np.asarray((runs * front + 0.5) / (runs + 1))
