"""Clocks that tick and sensors that step: rows that look exact are not told apart by what nobody saw."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.present import ranking_text
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.ranking.run_resolution import Rounding, with_rounding
from paretofleet_analysis.report.rows import build_report
from rankings import by_model

TICK = 0.001


def of_clock(configuration, models, tick):
    """A report of latencies that agree in all runs, as a clock of that tick shows them."""
    rows = []
    for name, (top1, latency) in models.items():
        given = configuration(name, [latency] * 6, top1=top1)
        for run in given.runs:
            run.summary["resolution"] = {"batch_latency_p90_s": tick, "batch_latency_mean_s": tick}
        rows.append(given)
    return build_report(rows)


#: p90 is 1.1 times these in the small fleets of the tests.
MODELS = {"a": (70.0, 0.010), "b": (70.0, 0.0104), "c": (71.0, 0.030), "d": (60.0, 0.004), "e": (72.0, 0.05)}


def test_a_lead_of_less_than_a_tick_is_undecided_and_of_many_ticks_is_not(configuration):
    coarse = by_model(rank(of_clock(configuration, MODELS, TICK)))
    assert coarse["b"].verdict == "undecided"
    assert 0.05 < coarse["b"].p_front < 0.95
    assert coarse["d"].verdict == "front"
    fine = by_model(rank(of_clock(configuration, MODELS, 1e-6)))
    assert fine["b"].verdict == "beaten"


def test_the_printed_interval_holds_half_a_tick(configuration):
    row = by_model(rank(of_clock(configuration, MODELS, TICK)))["a"]
    estimate = row.estimates["batch_latency_p90_s"]
    assert estimate.hi - estimate.lo == pytest.approx(TICK, rel=0.01)


def test_the_report_has_the_step_and_an_interval_that_holds_it(configuration):
    table = of_clock(configuration, MODELS, TICK)
    assert set(table["batch_latency_p90_s_resolution"].to_pylist()) == {TICK}
    assert set(table["load_s_resolution"].to_pylist()) == {None}
    row = table.to_pylist()[0]
    assert row["batch_latency_p90_s_hi"] - row["batch_latency_p90_s_lo"] == pytest.approx(TICK, rel=0.01)


def test_one_run_that_does_not_tell_its_step_leaves_it_unknown(configuration):
    given = configuration("a", [0.0101, 0.0102, 0.0103])
    for run in given.runs[1:]:
        run.summary["resolution"] = {"batch_latency_p90_s": TICK}
    assert build_report([given])["batch_latency_p90_s_resolution"].to_pylist() == [None]


def test_a_foreign_table_shows_its_step_by_its_values_and_the_ranking_says_so(configuration):
    rows = [
        configuration(name, [latency / 1.1] * 5, top1=top1)
        for name, (top1, latency) in {"a": (70.0, 0.12), "b": (70.0, 0.13), "c": (71.0, 0.31)}.items()
    ]
    ranking = rank(build_report(rows))
    assert by_model(ranking)["b"].verdict == "undecided"
    text = " ".join(ranking_text.render(ranking).split())
    assert "batch_latency_p90_s comes in steps of 10 ms, as its values show" in text


def test_values_with_all_their_digits_have_no_step(fleet):
    ranking = rank(fleet({"a": (70.0, 0.010), "b": (71.0, 0.020), "c": (72.0, 0.040)}))
    assert not any("steps of" in note for note in ranking.notes)


def test_runs_are_spread_by_just_what_their_rounding_leaves_unknown():
    rng = np.random.default_rng(3)
    runs = [np.full((6, 2), 2.0), np.exp(0.02 * rng.standard_normal((8, 2)))]
    own = np.array([[0.01, 0.0], [0.0, 0.05]])
    shared = np.array([[0.01, 0.0], [0.02, 0.0]])
    spread = with_rounding(runs, Rounding(own, shared))
    for i, (before, after) in enumerate(zip(runs, spread, strict=True)):
        assert after.mean(axis=0) == pytest.approx(before.mean(axis=0))
        each = np.maximum(np.log(before).std(axis=0, ddof=1), own[i])
        due = np.sqrt(each**2 / len(before) + shared[i] ** 2)
        assert np.log(after).std(axis=0, ddof=1) / np.sqrt(len(before)) == pytest.approx(due, rel=1e-3)
    assert (spread[0][:, 1] == 2.0).all()


def test_runs_that_agree_but_for_what_a_block_did_are_as_sure_as_their_digits(configuration):
    pattern = (1.0, 1.001, 0.999, 1.0, 1.001, 0.999)
    latencies = {"a": 0.02, "b": 0.01, "c": 0.03}
    rows = [
        configuration(name, [base / 1.1 * factor for factor in pattern], top1=top1)
        for (name, base), top1 in zip(latencies.items(), (80.0, 70.0, 60.0), strict=True)
    ]
    for row in rank(build_report(rows)).rows:
        shown = row.compared("batch_latency_p90_s")
        assert not shown.holds_drift
        assert shown.lo < shown.mean < shown.hi
