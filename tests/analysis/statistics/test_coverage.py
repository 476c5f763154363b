"""The interval of a mean, the rule that stops on it, and how often both together tell the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
import simulated_sweeps as sweeps
from paretofleet_analysis.statistics.intervals import STOPPING_FACTOR, log_reach, mean_interval
from paretofleet_analysis.statistics.stopping import device_prior, half_widths, is_precise


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
    assert is_precise([1.0, None, 1.001, 0.999], 0.01)
    assert not is_precise([1.001, 0.999], 0.5)


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


def test_rows_of_one_device_share_their_variances_and_stop_sooner():
    """40 rows of 2 %: a third fewer runs than each by itself, and the intervals still cover."""
    alone, together, covered = [], [], []
    for seed in range(12):
        values = 1 + 0.02 * np.random.default_rng(seed).standard_normal((40, sweeps.RUNS_MAX))
        alone += [_stop(row, None) for row in values]
        counts = np.full(40, sweeps.RUNS_MAX)
        open_rows = set(range(40))
        for runs in range(sweeps.RUNS_MIN, sweeps.RUNS_MAX):
            given = [row[: runs if i in open_rows else counts[i]] for i, row in enumerate(values)]
            prior = device_prior(given)
            for i in list(open_rows):
                if is_precise(list(given[i]), sweeps.HALF_WIDTH, prior):
                    counts[i] = runs
                    open_rows.discard(i)
        prior = device_prior([row[:n] for row, n in zip(values, counts, strict=True)])
        ends = [mean_interval(list(row[:n]), prior=prior) for row, n in zip(values, counts, strict=True)]
        covered += [end.lo <= 1.0 <= end.hi for end in ends]
        together += counts.tolist()
    assert np.mean(together) <= 0.75 * np.mean(alone)
    assert 0.93 <= np.mean(covered) <= 0.985


def _stop(row: np.ndarray, prior) -> int:
    """After how many runs a row by itself is precise."""
    widths = range(sweeps.RUNS_MIN, sweeps.RUNS_MAX)
    return next((n for n in widths if is_precise(list(row[:n]), sweeps.HALF_WIDTH, prior)), sweeps.RUNS_MAX)


def test_a_few_rows_say_nothing_of_one_another():
    assert device_prior([[1.0, 1.1, 1.2]] * 7) is None
    values = [1.00, 1.01, 0.99, 1.00, 1.02]
    assert mean_interval(values, prior=device_prior([values] * 3)) == mean_interval(values)
