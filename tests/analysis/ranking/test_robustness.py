"""What a reviewer asks: without a run, without a block, without an objective, by medians."""

from __future__ import annotations

import json

import numpy as np
import pytest
from paretofleet_analysis.present import ranking_text
from paretofleet_analysis.present.robust_text import render_robustness
from paretofleet_analysis.present.table import columns_of
from paretofleet_analysis.ranking import robustness
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report.rows import build_report


@pytest.fixture
def report(configuration):
    """`lucky` is ahead by one run in block 5 alone, `exact` wins by accuracy alone."""
    wobble = np.array([1.0, 1.003, 0.998, 1.001, 0.999, 1.002])
    lucky = 0.0101 * wobble
    lucky[4] *= 0.5
    rows = {
        "plain": (70.0, 0.0100 * wobble[::-1]),
        "lucky": (70.0, lucky),
        "exact": (80.0, 0.0200 * np.roll(wobble, 2)),
        "poor": (50.0, 0.0300 * np.roll(wobble, 3)),
    }
    return build_report(
        [configuration(name, list(values), top1=top1) for name, (top1, values) in rows.items()]
    )


def by_name(result):
    return {row.label.split()[0]: row for row in result.robustness}


def test_a_lead_that_hangs_on_one_run_has_a_wide_range(report):
    rows = by_name(rank(report, objectives=["top1", "batch_latency_mean_s"], robust=True))
    lo, hi = rows["lucky"].without_a_run
    assert lo <= rows["lucky"].p_front <= hi + 1e-9
    assert hi - lo > 0.1
    lo, hi = rows["exact"].without_a_run
    assert hi - lo < 0.1
    assert rows["poor"].without_a_block == pytest.approx((0.0, 0.0), abs=0.02)


def test_means_and_medians_may_call_another_row_the_best(report):
    rows = by_name(rank(report, objectives=["top1", "batch_latency_mean_s"], robust=True))
    assert rows["lucky"].is_on_frontier_of_means
    assert rows["plain"].is_on_frontier_of_medians
    assert not rows["poor"].is_on_frontier_of_medians


def test_what_one_objective_carries_falls_without_it(report):
    rows = by_name(rank(report, objectives=["top1", "batch_latency_mean_s"], robust=True))
    assert rows["exact"].verdict == "front"
    assert rows["exact"].without_objective == {"top1": "beaten"}
    assert rows["poor"].without_objective == {}


def test_one_objective_alone_cannot_be_dropped(report):
    rows = by_name(rank(report, objectives=["batch_latency_mean_s"], robust=True))
    assert all(row.without_objective == {} for row in rows.values())


def test_too_many_runs_or_rows_leave_ranges_out(report, monkeypatch):
    monkeypatch.setattr(robustness, "RUNS_MAX", 10)
    rows = rank(report, robust=True).robustness
    assert all(row.without_a_run is None and row.without_a_block is not None for row in rows)
    assert "No run is left out alone" in " ".join(render_robustness(rows).split())
    monkeypatch.setattr(robustness, "SENSITIVITY_ROWS_MAX", 3)
    assert rank(report, robust=True).robustness == ()
    assert "not computed" in render_robustness(())


def test_it_stands_below_the_ranking_and_in_the_document_where_it_was_asked_for(report):
    with_it, without = rank(report, robust=True), rank(report)
    assert "without a block" in ranking_text.render(with_it)
    assert "without a block" not in ranking_text.render(without)
    document = json.loads(ranking_text.to_json(with_it))
    assert len(document["robustness"]) == 4
    assert "robustness" not in json.loads(ranking_text.to_json(without))


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_table_fits_the_terminal(report, width):
    rows = rank(report, robust=True).robustness
    text = render_robustness(rows, columns=width)
    assert max(map(columns_of, text.splitlines())) <= width
    assert all(name in text for name in ("plain", "lucky", "exact", "poor"))


def test_below_three_boards_of_a_class_the_boards_are_named(configuration):
    def rows(boards):
        return build_report(
            [
                configuration(f"m{k}", [0.01, 0.0101, 0.0102], device=f"board-{board}", device_class="nano")
                for board in range(boards)
                for k in range(2)
            ]
        )

    two = " ".join(ranking_text.render(rank(rows(2))).split())
    assert "fewer than 3 of them measured: board-0, board-1 (of class nano)" in two
    assert "(of class nano)" not in ranking_text.render(rank(rows(3)))
