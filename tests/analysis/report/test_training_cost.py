"""What a training costs by its steps: epochs x samples x an item, with the interval of the measured runs."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from paretofleet_analysis.errors import ReportError
from paretofleet_analysis.report.training import training_columns
from paretofleet_analysis.report.training_cost import MeasuredSteps, cheapest, costs_of
from paretofleet_analysis.statistics.intervals import mean_interval

SECONDS = st.lists(st.floats(1e-4, 1e2), min_size=3, max_size=8)


def steps(item_s, item_j=None, device="desk"):
    return MeasuredSteps(
        device, "torch 2, fp32, batch 16", tuple(item_s), tuple(item_j or [None] * len(item_s))
    )


@example(item_s=[1.0, 1.0, 1.0], epochs=1, samples=2)  # a grid of whole seconds becomes one of two
@given(item_s=SECONDS, epochs=st.integers(1, 500), samples=st.integers(1, 2_000_000))
def test_the_cost_and_its_interval_are_those_of_an_item_times_all_items(item_s, epochs, samples):
    columns = training_columns(costs_of(steps(item_s), epochs, samples))
    item = mean_interval(item_s)
    assert columns["training_s"] == pytest.approx(epochs * samples * item.mean)
    for end in ("lo", "hi"):
        edge = getattr(item, end)
        found = columns[f"training_s_{end}"]
        assert found == (edge if edge is None else pytest.approx(epochs * samples * edge, rel=1e-6))


@given(item_s=SECONDS, more=st.integers(2, 9))
def test_more_epochs_cost_as_much_as_more_samples(item_s, more):
    assert costs_of(steps(item_s), more, 100)["s"] == costs_of(steps(item_s), 1, more * 100)["s"]


def test_the_columns_say_where_it_was_measured_and_by_what():
    columns = training_columns(
        {"epochs": 90, "samples": 1000, **costs_of(steps([0.1, 0.1, 0.13], [2.0, 2.1, 2.0]), 90, 1000)}
    )
    assert columns["training_device"] == "desk"
    assert columns["training_source"] == "epochs x samples x step: torch 2, fp32, batch 16 on desk"
    assert columns["training_s"] == pytest.approx(9900.0)
    assert columns["training_s_lo"] < 9900.0 < columns["training_s_hi"]
    assert columns["training_energy_j"] == pytest.approx(183_000.0)
    assert columns["training_images_s"] == pytest.approx(9.2308, rel=1e-3)


def test_an_energy_that_one_run_lacks_is_none():
    columns = training_columns(costs_of(steps([0.1, 0.1, 0.1], [2.0, None, 2.0]), 1, 10))
    assert columns["training_energy_j"] is columns["training_energy_j_lo"] is None


def test_the_cheapest_steps_are_taken_and_few_runs_only_where_there_are_no_others():
    slow, quick, lucky = steps([0.3] * 3), steps([0.2] * 3), steps([0.1])
    assert cheapest([slow, lucky, quick]) is quick, "one run is no measurement of a mean"
    assert cheapest([lucky]) is lucky
    assert cheapest([]) is None


@pytest.mark.parametrize(("epochs", "samples"), [(0, 10), (3, 0), (-1, 5), (float("nan"), 5)])
def test_a_training_of_nothing_is_refused(epochs, samples):
    with pytest.raises(ReportError, match="are no training: give numbers above 0"):
        costs_of(steps([0.1]), epochs, samples)
