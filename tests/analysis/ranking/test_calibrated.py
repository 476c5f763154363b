"""What `rank` says of reports whose true means are known: a short form of bench/pareto_calibration.py."""

from __future__ import annotations

import moocore
import numpy as np
import pytest
from paretofleet_analysis.pareto import front_probability
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report.rows import build_report

OBJECTIVES = ["batch_latency_mean_s", "load_s", "first_inference_s"]
SIZE, RUNS, NOISE, DRIFT, FLEETS = 40, 5, 0.05, 0.04, 6
COSTS = [False] * 3


def shell(rng: np.random.Generator) -> np.ndarray:
    """(N, 3) true means, most of them on the frontier and many hardly dominated."""
    directions = np.abs(rng.standard_normal((SIZE, 3)))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return directions * (1.0 + rng.exponential(0.13, SIZE))[:, None]


@pytest.fixture(scope="module")
def campaigns():
    """By fleet true means (N, 3) and runs (N, RUNS, 3); every block drifts for all alike."""
    made = []
    for seed in range(FLEETS):
        rng = np.random.default_rng([seed, 77])
        means = shell(rng)
        noise = rng.standard_normal((SIZE, RUNS, 1)) * 0.6 + rng.standard_normal((SIZE, RUNS, 3)) * 0.8
        drift = rng.standard_normal((RUNS, 3))
        made.append((means, means[:, None] * np.exp(NOISE * noise - NOISE**2 / 2 + DRIFT * drift)))
    return made


@pytest.fixture
def ranked(campaigns, configuration, summary):
    """Over all fleets: truly undominated, truly unbeaten by 2 %, undominated by medians; and the rows."""

    def reported(values):
        rows = []
        for k, runs in enumerate(values):
            given = configuration(f"m{k}", [1.0] * RUNS, configuration_id=f"{k:016x}")
            for run, (latency, load, first) in zip(given.runs, runs, strict=True):
                told = summary(batch_latency_mean_s=latency, load_s=load, first_inference_s=first)
                object.__setattr__(run, "summary", told)
            rows.append(given)
        return rank(build_report(rows), objectives=OBJECTIVES)

    pareto, front, medians, rows = [], [], [], []
    for means, values in campaigns:
        exact = list(means[:, None])
        pareto.append(moocore.is_nondominated(means, keep_weakly=True))
        front.append(front_probability(exact, maximize=COSTS, margin=[0.02] * 3) == 1.0)
        medians.append(moocore.is_nondominated(np.median(values, axis=1), keep_weakly=True))
        rows += sorted(reported(values).rows, key=lambda row: int(row.identity["configuration_id"], 16))
    return *(np.concatenate(x) for x in (pareto, front, medians)), rows


def test_the_words_of_a_ranking_keep_their_word(ranked):
    pareto, front, medians, rows = ranked
    verdicts = np.array([row.verdict for row in rows])
    assert front[verdicts == "front"].mean() >= 0.95
    dismissed = verdicts == "beaten"
    assert front[dismissed].mean() <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / dismissed.sum())
    assert (verdicts == "front").sum() > 0.2 * len(rows)
    assert 0.0 < (verdicts == "undecided").mean() < 0.6
    p = np.array([row.p_pareto for row in rows])
    assert np.mean((p - pareto) ** 2) < 0.8 * np.mean((1.0 * medians - pareto) ** 2)
