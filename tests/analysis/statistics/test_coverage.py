"""The interval of a mean, the rule that stops on it, and how often both together tell the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
import simulated_sweeps as sweeps
from paretofleet_analysis.statistics.intervals import STOPPING_FACTOR, log_reach, mean_interval
from paretofleet_analysis.statistics.stopping import half_widths, is_precise


def test_the_interval_is_student_s_on_the_log_scale_and_inflated():
    values = [10.0, 10.1, 9.9, 10.2, 9.8]
    logs = [math.log(value) for value in values]
    middle = sum(logs) / 5
    spread = math.sqrt(sum((one - middle) ** 2 for one in logs) / 4)
    reach = math.exp(STOPPING_FACTOR * 2.7764451 * spread / math.sqrt(5))
    estimate = mean_interval(values)
    assert (estimate.lo, estimate.hi) == pytest.approx((10 / reach, 10 * reach), rel=1e-7)


def test_runs_stop_at_the_half_width_that_the_report_prints():
    values = [10.0, 10.1, 9.9, 10.2, 9.8]
    estimate = mean_interval(values)
    relative = estimate.half_width / estimate.mean
    assert is_precise(values, relative * 1.0001)
    assert not is_precise(values, relative * 0.9999)
    assert half_widths(np.log(values).std(ddof=1), 5) == pytest.approx(relative)


def test_two_runs_or_none_are_never_precise():
    assert not is_precise([1.0, 1.0], 0.5)
    assert not is_precise([None, None], 0.5)
    assert is_precise([1.0, None, 1.0, 1.0], 1e-9)


def test_simulated_sweeps_stop_where_the_product_stops():
    played = sweeps.play("drifting", 0.03, 12, seed=3)
    for values, runs in zip(played.values.reshape(-1, 20), played.runs.ravel(), strict=True):
        for n in range(sweeps.RUNS_MIN, runs):
            assert not is_precise(list(values[:n]), sweeps.HALF_WIDTH)
        assert runs == sweeps.RUNS_MAX or is_precise(list(values[:runs]), sweeps.HALF_WIDTH)
    mean, spread = played.moments()
    n = played.runs[0, 0]
    estimate = mean_interval(list(played.values[0, 0, :n]))
    assert estimate.hi == pytest.approx(mean[0, 0] * math.exp(log_reach(spread[0, 0], n)))


@pytest.mark.parametrize("noise", [0.02, 0.03, 0.04, 0.05])
@pytest.mark.parametrize("law", sweeps.GATED)
def test_intervals_cover_the_truth_in_93_to_97_percent_whatever_stopped_the_runs(law, noise):
    assert 93.0 <= sweeps.coverage(sweeps.play(law, noise, 4000, seed=1)) <= 97.0
