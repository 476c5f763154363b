"""Kalibera and Jones's levels against numbers computed by hand, and what is advised from them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from paretofleet_analysis.diagnostics.variance_levels import advice, levels
from paretofleet_analysis.present.explanation_text import advice_sentence
from paretofleet_analysis.statistics.batch_means import mean_error


def of(*processes):
    """The levels of iterations that do not resemble their neighbours, where S1 is their plain variance."""
    return levels(
        [float(np.mean(one)) for one in processes],
        [math.sqrt(np.var(one, ddof=1) / len(one)) for one in processes],
    )


def test_three_processes_of_four_iterations():
    # Means 10, 13, 16: variance 9. Within: (1 + 0 + 0 + 1) / 3, (4 + 0 + 0 + 4) / 3, (1 + 0 + 0 + 1) / 3.
    found = of([9, 10, 10, 11], [11, 13, 13, 15], [15, 16, 16, 17])
    s1 = (2 / 3 + 8 / 3 + 2 / 3) / 3
    assert found.within == pytest.approx(s1 / 4)
    assert found.s2 == pytest.approx(9)
    assert found.t2 == pytest.approx(9 - s1 / 4)
    # A process costs 90 s, an iteration 0.01 s: sqrt(9000 * 1.3333 / 8.6667) = 37.2 iterations.
    assert found.best_window_s(90.0, 4 * 0.01) == pytest.approx(0.01 * math.sqrt(9000 * s1 / found.t2))
    assert found.best_window_s(90.0, 4 * 0.01) == pytest.approx(0.372, abs=5e-4)


def test_iterations_explain_all_of_the_difference_between_processes():
    found = of([0.0, 10.0], [1.0, 11.0])
    assert (found.within, found.s2) == (pytest.approx(25.0), 0.5)
    assert found.t2 == 0
    assert found.best_window_s(1.0, 1.0) is None


def test_no_window_is_too_short_where_processes_differ_and_iterations_do_not():
    assert of([1.0, 1.0], [2.0, 2.0]).best_window_s(100.0, 1.0) == 0.0


@pytest.mark.parametrize("processes", [[], [[1.0, 2.0]]])
def test_fewer_than_two_processes_say_nothing(processes):
    assert of(*processes) is None


def test_the_corrected_variance_is_what_processes_really_differ_by():
    rng = np.random.default_rng(5)
    centres = 1 + 0.03 * rng.standard_normal((400, 6, 1))
    series = centres + 0.10 * rng.standard_normal((400, 6, 30))
    raw = series.mean(axis=2).var(axis=1, ddof=1)
    assert math.sqrt(raw.mean()) == pytest.approx(math.hypot(0.03, 0.10 / math.sqrt(30)), rel=0.05)
    found = [levels(one.mean(axis=1).tolist(), [mean_error(run) for run in one]) for one in series]
    unclamped = np.mean([one.s2 - one.within for one in found])
    assert math.sqrt(unclamped) == pytest.approx(0.03, rel=0.05)


def row(means, error_s, *, overhead_s=3.0, iterations=500):
    return {
        "runs": len(means),
        "iterations": iterations * len(means),
        "run_counted": [True] * len(means),
        "batch_latency_mean_s_runs": means,
        "run_mean_error_s": [error_s] * len(means),
        "run_overhead_s": [overhead_s] * len(means),
    }


MEANS = [0.0100, 0.0102, 0.0098, 0.0101, 0.0099]


def test_runs_that_differ_more_than_their_iterations_ask_for_more_of_them():
    result = advice(row(MEANS, 1e-5))
    assert result.help == "more runs"
    assert result.spread == pytest.approx(0.0158, abs=1e-4)
    assert result.between == pytest.approx(0.996)
    assert result.best_window_s == pytest.approx(math.sqrt(3.0 * 5.0 * 1e-10 / (2.5e-8 - 1e-10)))
    assert "100 % is between runs, 0 % within them: more runs help, longer windows do not" in advice_sentence(
        result
    )


def test_runs_that_differ_as_their_iterations_do_ask_for_longer_windows():
    result = advice(row(MEANS, 2e-4))
    assert (result.help, result.between, result.best_window_s) == ("longer windows", 0.0, None)
    assert "longer windows help as much as more runs" in advice_sentence(result)


def test_an_expensive_start_makes_longer_windows_worth_it():
    assert advice(row(MEANS, 8e-5, overhead_s=1.0)).help == "more runs"
    result = advice(row(MEANS, 8e-5, overhead_s=200.0))
    assert result.help == "longer windows"
    assert result.best_window_s > 15
    assert "longer windows help more than as many more runs" in advice_sentence(result)


def test_few_runs_alike_runs_and_runs_without_an_error_give_no_advice():
    assert advice(row(MEANS[:4], 1e-5)) is None
    assert advice(row([0.01] * 5, 1e-5)) is None
    assert advice(row(MEANS, None)) is None
    assert advice(row(MEANS, 1e-5) | {"run_mean_error_s": None}) is None, "a report of version 1"
