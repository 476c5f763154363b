"""Another process: an interval that holds the next one, and silence where one process cannot tell."""

from __future__ import annotations

import another_process as bench
import numpy as np
import pytest
from paretofleet_analysis.statistics.intervals import mean_interval
from paretofleet_analysis.statistics.prediction import another_process
from paretofleet_analysis.statistics.stopping import device_prior
from paretofleet_analysis.statistics.variance_prior import VariancePrior


def test_it_is_the_interval_of_the_mean_as_much_wider_as_one_value_is_less_sure():
    values = [10.0, 10.1, 9.9, 10.2, 9.8]
    mean, coming = mean_interval(values), another_process(values)
    reach = np.log(mean.hi / mean.mean)
    assert np.log(coming.hi / coming.lo) / 2 == pytest.approx(reach * np.sqrt(6))
    assert coming.lo < min(values) < max(values) < coming.hi
    assert (coming.processes, coming.is_borrowed) == (5, False)


def test_one_process_says_nothing_of_another():
    assert another_process([10.0]) is None
    assert another_process([10.0, None]) is None
    assert another_process([]) is None
    assert another_process([10.0], prior=VariancePrior(1e-4, 0.0, 3)) is None
    assert another_process([10.0, 10.0, 10.0]) is None, "nor do equal values: a clock's tick may hide more"


def test_one_process_beside_rows_of_several_takes_their_spread_and_says_so():
    coming = another_process([10.0], prior=VariancePrior(1e-4, 1000.0, 12))
    assert coming.is_borrowed
    assert np.log(coming.hi / coming.lo) / 2 == pytest.approx(1.9623 * 0.01 * np.sqrt(2), rel=1e-3)


@pytest.mark.parametrize("processes", [1, 2, 5])
@pytest.mark.parametrize("unlike", [0.0, 0.5])
def test_it_holds_the_next_process_in_95_percent(processes, unlike):
    """Twelve rows of a device, their spreads alike or not: nine in ten are wanted, more are held."""
    held = []
    for seed in range(60):
        rng = np.random.default_rng([seed, processes])
        spread = 0.02 * np.exp(unlike * rng.standard_normal((12, 1)))
        values = np.exp(spread * rng.standard_normal((12, 6)))
        rest = [list(row[:5]) for row in values[1:]]
        coming = another_process(list(values[0, :processes]), prior=device_prior(rest))
        held.append(coming.lo <= values[0, 5] <= coming.hi)
    assert np.mean(held) >= 0.9


def test_files_of_real_networks_are_predicted_from_the_others(capsys):
    """13 cells with two files: of 26 one by one left out, forward and backward, what can be predicted is."""
    assert bench.main([]) == 0
    said = capsys.readouterr().out
    assert "| 1080_cudnn50 | forward_s | 24 | 0 |" in said
    assert "| cpu | forward_s | 2 | 2 | 0 |" in said, "one cell of a device: its one process cannot tell"
