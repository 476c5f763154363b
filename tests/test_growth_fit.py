"""The law through measured costs, and where it meets a limit: on numbers whose law is known."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1] / "bench"))
import growth_fit
from growth_fit import Growth, Limit

SIZES = (10.0, 100.0, 1000.0, 5000.0)


def growth(points, **given) -> Growth:
    return Growth("idle", "agents", "s", tuple(points), **{"limit": Limit(1.0, "one core full")} | given)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.7])
def test_a_power_law_is_recovered_exactly_and_its_limit_lies_on_it(exponent):
    law = growth_fit.fit([(size, 3e-5 * size**exponent) for size in SIZES])
    assert law.exponent == pytest.approx(exponent)
    assert law.error == pytest.approx(0.0, abs=1e-9)
    assert law.factor == pytest.approx(3e-5)
    assert 3e-5 * law.size_at(1.0) ** exponent == pytest.approx(1.0)


def test_the_standard_error_is_that_of_the_slope_in_an_ordinary_regression():
    costs = np.array([1.0, 9.0, 130.0, 400.0])
    law = growth_fit.fit(list(zip(SIZES, costs, strict=True)))
    x, y = np.log(SIZES), np.log(costs)
    design = np.stack([np.ones(4), x], axis=1)
    solution, rest, *_ = np.linalg.lstsq(design, y, rcond=None)
    variance = rest[0] / 2 * np.linalg.inv(design.T @ design)[1, 1]
    assert law.exponent == pytest.approx(solution[1])
    assert law.error == pytest.approx(math.sqrt(variance))


def test_the_error_covers_the_truth_as_often_as_students_law_says():
    """Of six sizes four degrees of freedom are left: 2.776 errors hold 95 %."""
    rng, held, trials = np.random.default_rng(1), 0, 2000
    sizes = 10.0 ** np.arange(1, 7)
    for _ in range(trials):
        costs = 1e-3 * sizes**1.2 * np.exp(0.1 * rng.standard_normal(6))
        law = growth_fit.fit(list(zip(sizes, costs, strict=True)))
        held += abs(law.exponent - 1.2) <= 2.776 * law.error
    assert held / trials == pytest.approx(0.95, abs=0.02)


def test_two_sizes_have_an_exponent_and_no_error_and_one_size_has_neither():
    assert growth_fit.fit([(1.0, 2.0), (10.0, 20.0)]).error is None
    assert "| 1.00 |" in growth_fit.fitted_row(growth([(1.0, 2.0), (10.0, 20.0)]))
    with pytest.raises(ValueError, match="two sizes"):
        growth_fit.fit([(5.0, 1.0), (5.0, 2.0)])
    assert "too few sizes" in growth_fit.fitted_row(growth([(5.0, 1.0)]))


def test_a_limit_within_the_measured_sizes_is_not_marked_and_one_beyond_them_is():
    linear = [(size, 1e-3 * size) for size in SIZES]
    assert growth_fit.fitted_row(growth(linear)).endswith("| one core full | 1,000 agents | 1,000 agents |")
    beyond = growth_fit.fitted_row(growth(linear, limit=Limit(60.0, "60 s")))
    words = "60,000 agents, beyond what was measured"
    assert beyond.endswith(f"| 60 s | {words} | {words} |")


def test_what_each_cost_at_the_largest_size_gives_a_size_of_its_own():
    """A square root reaches 1 s at a million; of 5,000 each costs 14 us, and 71,000 of those fill a core."""
    measured = growth([(size, 1e-3 * size**0.5) for size in SIZES])
    law, last = growth_fit.fitted_row(measured).split("|")[4:6]
    assert law.strip().startswith("1,000,000 agents")
    assert last.strip().startswith("71,000 agents")


@pytest.mark.parametrize("exponent", [0.1, 0.0, -0.5])
def test_no_law_is_followed_further_than_a_thousand_times_what_was_measured(exponent):
    measured = growth([(size, 1e-3 * size**exponent) for size in SIZES])
    law = growth_fit.fitted_row(measured).split("|")[4].strip()
    assert law == "more than 5,000,000 agents, beyond what was measured"


def test_what_each_cost_is_divided_into_any_limit():
    """A disk is filled by more than a thousand times what a bench writes."""
    measured = growth([(size, 1e-3 * size) for size in SIZES], limit=Limit(1e9, "a disk"))
    last = growth_fit.fitted_row(measured).split("|")[5].strip()
    assert last == "1,000,000,000,000 agents, beyond what was measured"


def test_a_cost_that_the_instrument_cannot_see_is_shown_as_such_and_is_in_no_fit():
    points = [(10.0, 1e-6), *((size, 1e-4 * size) for size in SIZES[1:])]
    measured = growth(points, resolution=2e-3)
    rows = growth_fit.measured_rows(measured)
    assert rows[0] == "| idle | 10 agents | below 2.00 ms | below 200 us |"
    assert rows[1] == "| idle | 100 agents | 10.0 ms | 100 us |"
    assert growth_fit.fit(measured.resolved()).exponent == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (1.5, "s", "1.50 s"),
        (123.4, "s", "123 s"),
        (4.6e-5, "s", "46.0 us"),
        (3e-8, "s", "0.0300 us"),
        (6.13, "B", "6.13 B"),
        (503e6, "B", "503 MB"),
        (0.0, "s", "0 us"),
    ],
)
def test_costs_are_said_to_three_digits(value, unit, words):
    assert growth_fit.in_words(value, unit) == words


def test_the_smallest_size_is_in_the_singular():
    rows = growth_fit.measured_rows(growth([(1.0, 0.5), (2.0, 1.0)]))
    assert rows == ["| idle | 1 agent | 500 ms | 500 ms |", "| idle | 2 agents | 1.00 s | 500 ms |"]


def test_thousands_are_set_apart():
    assert growth_fit.rounded(123456.0, 2) == "120,000"
