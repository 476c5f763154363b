"""A ranking of runs that resemble the ones before them: told, and less sure."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report.rows import build_report

OBJECTIVES = ("top1", "batch_latency_p90_s")


def device(configuration, correlation: float, *, rows: int = 24, runs: int = 8):
    """Rows of one device, each network a little slower and more accurate than the one before."""
    rng = np.random.default_rng(5)
    noise = rng.standard_normal((rows, runs))
    for k in range(1, runs):
        noise[:, k] = correlation * noise[:, k - 1] + np.sqrt(1 - correlation**2) * noise[:, k]
    latencies = 0.01 * 1.02 ** np.arange(rows)[:, None] * (1 + 0.02 * noise)
    built = [
        configuration(f"m{k:02d}", list(values), top1=60.0 + 0.1 * k) for k, values in enumerate(latencies)
    ]
    return rank(build_report(built), objectives=OBJECTIVES)


@pytest.fixture
def alike(configuration):
    return device(configuration, 0.7)


def test_it_is_told_of_the_device(alike):
    assert any("resemble the ones before them (correlation 0." in note for note in alike.notes)


def test_independent_runs_are_not_said_to_resemble(configuration):
    assert not any("resemble" in note for note in device(configuration, 0.0).notes)


def test_fewer_rows_are_sure_of_what_resembling_runs_say(alike, configuration):
    independent = device(configuration, 0.0)
    certain = [
        sum(row.p_pareto >= 0.95 or row.p_pareto <= 0.05 for row in ranking.rows)
        for ranking in (alike, independent)
    ]
    assert certain[0] < certain[1]
