"""Runs that resemble the ones before them: found over the rows of a device, and what that costs."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.statistics.resemblance import resemblance, widening


def device(rng, correlation, *, rows=40, runs=8):
    """Rows of runs, each resembling the one before it."""
    out = rng.standard_normal((rows, runs))
    for k in range(1, runs):
        out[:, k] = correlation * out[:, k - 1] + np.sqrt(1 - correlation**2) * out[:, k]
    return list(0.01 * out)


def test_a_resemblance_of_0_6_is_found_and_independence_is_not():
    rng = np.random.default_rng(1)
    alike = [resemblance(device(rng, 0.6)) for _ in range(20)]
    apart = [resemblance(device(rng, 0.0)) for _ in range(100)]
    assert np.mean([each.is_found for each in alike]) >= 0.8
    assert np.mean([each.correlation for each in alike]) == pytest.approx(0.6, abs=0.06)
    assert np.mean([each.is_found for each in apart]) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 100)


def test_the_widened_error_is_the_true_one():
    rng = np.random.default_rng(2)
    rows = np.array(device(rng, 0.6, rows=20_000))
    plain = np.sqrt(rows.var(axis=1, ddof=1).mean() / 8)
    assert plain * widening(0.6, 8) == pytest.approx(rows.mean(axis=1).std(), rel=0.03)


def test_what_no_row_can_say_is_not_said():
    assert resemblance([np.array([1.0, 2.0, 3.0]), np.full(9, 2.0)]) is None
    assert widening(0.6, 1) == 1.0
