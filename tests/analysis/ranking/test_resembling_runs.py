"""A ranking of runs that resemble the ones before them: told, and less sure."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report.rows import build_report
from paretofleet_analysis.statistics.intervals import mean_interval
from paretofleet_analysis.statistics.resemblance import widening

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
    return build_report(built)


@pytest.fixture
def table(configuration):
    return device(configuration, 0.7)


@pytest.fixture
def alike(table):
    return rank(table, objectives=OBJECTIVES)


def independent(configuration):
    return rank(device(configuration, 0.0), objectives=OBJECTIVES)


def test_it_is_told_of_the_device(alike):
    assert any("resemble the ones before them (correlation 0." in note for note in alike.notes)


def test_independent_runs_are_not_said_to_resemble(configuration):
    assert not any("resemble" in note for note in independent(configuration).notes)


def test_the_printed_intervals_are_as_wide_as_the_comparisons_take_them(alike, table):
    note = next(note for note in alike.notes if "resemble" in note)
    correlation = float(note.split("correlation ")[1][:3])
    runs = dict(zip(table["model"].to_pylist(), table["batch_latency_p90_s_runs"].to_pylist(), strict=True))
    for row in alike.rows:
        shown = row.estimates["batch_latency_p90_s"]
        own = mean_interval(runs[row.identity["model"]])
        factor = np.log(shown.hi / shown.mean) / np.log(own.hi / own.mean)
        assert factor == pytest.approx(widening(correlation, 8), rel=0.15)


def test_fewer_rows_are_sure_of_what_resembling_runs_say(alike, configuration):
    certain = [
        sum(row.p_pareto >= 0.95 or row.p_pareto <= 0.05 for row in ranking.rows)
        for ranking in (alike, independent(configuration))
    ]
    assert certain[0] < certain[1]
