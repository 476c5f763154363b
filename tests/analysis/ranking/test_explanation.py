"""Why a row stands where it stands: who is ahead, by how much, and what would decide."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from paretofleet_analysis.errors import RankError
from paretofleet_analysis.present import explanation_text
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report.rows import build_report
from rankings import by_model, drifting


def test_large_differences_are_written_without_an_exponent(configuration):
    rows = [configuration("quick", [0.010, 0.0101, 0.010]), configuration("slow", [0.050, 0.051, 0.050])]
    ranking = rank(build_report(rows), use="offline", objectives=["throughput_items_s"], why="2")
    text = " ".join(explanation_text.render_why(ranking.why).split())
    assert re.search(r"rate 400 % better \(\+3\d0 to \+4\d0\)", text)
    assert "rate 40" in text.split("hold both: ")[1]
    assert "e+0" not in text


def test_why_names_who_is_ahead_by_how_much_and_what_would_decide(configuration):
    rng = np.random.default_rng(3)
    noise = np.exp(0.03 * rng.standard_normal((2, 5)))
    rows = [
        configuration("one", list(0.0100 * noise[0]), top1=70.0),
        configuration("two", list(0.0094 * noise[1]), top1=71.0),
        configuration("far", [0.0500] * 5, top1=60.0),
    ]
    table = build_report(rows)
    number = by_model(rank(table))["one"].number
    why = rank(table, why=str(number)).why
    assert why.number == number
    rival = why.rivals[0]
    assert rival.number == by_model(rank(table))["two"].number
    assert rival.p_dominates > 0.5
    assert rival.p_beats > 0.5
    top1, latency = rival.leads
    assert (top1.relative, top1.lo) == (pytest.approx(1 / 70, rel=1e-3), None)
    assert latency.lo < latency.relative < latency.hi
    text = explanation_text.render_why(why)
    assert f"Row {rival.number} beats row {number} with probability" in text
    sure = rank(table, why=str(by_model(rank(table))["far"].number)).why
    assert sure.rivals[0].p_beats > 0.99
    assert sure.rivals[0].more_runs == 0
    assert rank(table).why is None


def test_why_compares_a_row_with_its_rivals_within_blocks_where_drift_cancels(configuration):
    """Drift of 10 % hides a difference of 2 % from means; the runs of one block share the drift."""
    drift = np.exp([0.0, 0.1, -0.1, 0.2, 0.05])
    wobble = np.array([1.001, 0.999, 1.0, 1.0005, 0.9995])
    rows = [
        configuration("own", list(0.0102 * drift), top1=70.0),
        configuration("fast", list(0.0100 * drift * wobble), top1=71.0, runtime="torch"),
        configuration("twin", list(0.0102 * drift * wobble), top1=71.0),
        configuration("away", list(0.0050 * wobble), top1=72.0, device="other"),
    ]
    rows[1] = replace(rows[1], runs=[replace(run, environment_id="f" * 16) for run in rows[1].runs])
    table = build_report(rows)
    numbers = {name: row.number for name, row in by_model(rank(table)).items()}
    why = rank(table, why=str(numbers["own"])).why
    paired = {rival.number: rival.paired for rival in why.rivals}
    (fast,), (twin,) = paired[numbers["fast"]], paired[numbers["twin"]]
    assert fast.comparison.ratio == pytest.approx(1 / 1.02, rel=1e-3)
    assert fast.comparison.hi < 0.99
    assert (fast.objective, fast.comparison.blocks) == ("batch_latency_p90_s", 5)
    assert (fast.is_told_apart, twin.is_told_apart) == (True, False)
    assert paired[numbers["away"]] == (), "another device has blocks of its own"
    assert fast.comparison.blocks == 5, "another runtime, another environment, the same blocks"
    text = " ".join(explanation_text.render_why(why).split())
    assert "in the 5 blocks that hold both: p90 2 % less" in text
    assert "not told apart" in text


def test_why_says_whether_more_runs_or_longer_windows_would_make_a_mean_surer(configuration):
    """Runs 2 % apart whose own iterations leave 0.1 % open: only more runs help."""
    rows = [
        configuration(name, [0.0100, 0.0102, 0.0098, 0.0101, 0.0099], top1=70.0 + k)
        for k, name in enumerate("ab")
    ]
    for row, error_s in zip(rows, (1e-5, 4e-4), strict=True):
        for run in row.runs:
            run.summary.update(mean_error_s=error_s, overhead_s=3.0)
    table = build_report(rows)
    numbers = {name: row.number for name, row in by_model(rank(table)).items()}
    runs, windows = (rank(table, why=str(numbers[name])).why for name in "ab")
    assert runs.advice.help == "more runs"
    assert runs.advice.between == pytest.approx(1 - 1e-10 / 2.5e-8)
    assert windows.advice.help == "longer windows"
    assert windows.advice.between == 0.0
    assert "more runs help, longer windows do not" in " ".join(explanation_text.render_advice(runs).split())
    assert rank(build_report(rows[:1]), why="1").why.advice == runs.advice, "also of a row without a rival"
    assert explanation_text.render_advice(rank(drifting(configuration, 0.1), why="1").why) == "", (
        "errors are unknown"
    )


def test_more_runs_follow_the_power_formula(configuration):
    """Two costs with a spread of 3 % whose difference is 4 %, margin 2 %: 2 (1.96 + 0.84)^2 (3 / 2.06)^2."""
    spread = 0.03 * np.array([-1.2649, -0.6325, 0.0, 0.6325, 1.2649])
    rows = [
        configuration("one", list(0.0100 * np.exp(spread)), top1=70.0),
        configuration("two", list(0.0096 * np.exp(spread)), top1=70.0),
    ]
    table = build_report(rows)
    number = by_model(rank(table))["one"].number
    rival = rank(table, why=str(number)).why.rivals[0]
    assert 0.05 < rival.p_beats < 0.95
    distance = -np.log(0.96) - np.log(1.02)
    expected = int(np.ceil(15.698 * (0.03 / distance) ** 2)) - 5
    assert rival.more_runs == pytest.approx(expected, abs=1)


@pytest.mark.parametrize("wanted", ["99", "0", "nobody"])
def test_a_row_that_is_not_there_is_not_explained(configuration, wanted):
    table = build_report(
        [configuration("good", [0.01, 0.011, 0.01]), configuration("bad", [0.02, 0.021, 0.02])]
    )
    with pytest.raises(RankError, match=f"There is no row '{wanted}': give a number from 1 to 2 or a config"):
        rank(table, why=wanted)
