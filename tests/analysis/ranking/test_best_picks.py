"""A value that was picked as the best of several is marked, and confirmed by another measurement."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from paretofleet_analysis.present import ranking_text
from paretofleet_analysis.ranking.best_picks import best_picks
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report.rows import build_report
from paretofleet_analysis.statistics.intervals import mean_interval
from rankings import by_model


def test_the_best_of_several_that_overlap_is_marked_selected(configuration):
    rows = [
        configuration("a", [0.0100, 0.0103, 0.0098], top1=70.0),
        configuration("b", [0.0101, 0.0104, 0.0099], top1=71.0),
        configuration("c", [0.0200, 0.0204, 0.0196], top1=75.0),
    ]
    found = by_model(rank(build_report(rows)))
    assert found["a"].selected == ("batch_latency_p90_s",)
    assert found["b"].selected == found["c"].selected == ()
    text = " ".join(ranking_text.render(rank(build_report(rows))).split())
    assert "is selected: the best in batch_latency_p90_s of several whose intervals overlap" in text


def swept(row, sweep, *, after_s=0.0):
    """The same configuration measured in another sweep, that much later."""
    runs = [
        replace(run, run_id=f"{sweep}-{run.run_id}", started_s=run.started_s + after_s) for run in row.runs
    ]
    return replace(row, sweep=sweep, runs=runs)


def marks(rows):
    return {
        (row.identity["model"], row.identity["sweep"]): (row.selected, row.confirmed)
        for row in rank(build_report(rows)).rows
    }


P90 = ("batch_latency_p90_s",)


@pytest.mark.parametrize("order", [1, -1])
def test_a_pick_that_is_measured_again_is_confirmed_and_no_longer_selected(configuration, order):
    """Sweep two comes out slower, so another row is the best now, and that is a pick of its own."""
    first = [
        configuration("a", [0.0100, 0.0103, 0.0098]),
        configuration("b", [0.0102, 0.0105, 0.0100]),
        configuration("c", [0.0200, 0.0204, 0.0196]),
    ]
    assert marks(first)["a", "demo"] == (P90, ())
    again = swept(configuration("a", [0.0103, 0.0106, 0.0102] * 4), "two", after_s=1e5)
    found = marks([*first, again][::order])
    assert found["a", "demo"] == ((), ())
    assert found["a", "two"] == ((), P90)
    assert found["b", "demo"] == (P90, ())
    assert found["c", "demo"] == ((), ())


def test_a_pick_that_stays_the_best_when_measured_again_is_confirmed_and_not_selected(configuration):
    first = [configuration("a", [0.0100, 0.0103, 0.0098]), configuration("b", [0.0102, 0.0105, 0.0100])]
    rows = [*first, swept(configuration("a", [0.0100, 0.0102, 0.0099]), "two", after_s=1e5)]
    assert marks(rows) == {("a", "demo"): ((), ()), ("a", "two"): ((), P90), ("b", "demo"): ((), ())}
    ranking = rank(build_report(rows))
    text = " ".join(ranking_text.render(ranking).split())
    assert "is confirmed: it measures again what was picked as the best in batch_latency_p90_s" in text
    assert " confirmed " in ranking_text.render(ranking).split("verdict")[1]
    assert [row["confirmed"] for row in json.loads(ranking_text.to_json(ranking))["rows"]].count(
        list(P90)
    ) == 1


def test_measuring_another_again_confirms_nothing_and_its_best_value_is_a_pick(configuration):
    """What was not picked has nothing to confirm; its second value is the best of all only now."""
    first = [configuration("a", [0.0100, 0.0103, 0.0098]), configuration("b", [0.0102, 0.0105, 0.0100])]
    found = marks([*first, swept(configuration("b", [0.0099, 0.0101, 0.0098]), "two", after_s=1e5)])
    assert found == {("a", "demo"): ((), ()), ("b", "demo"): ((), ()), ("b", "two"): (P90, ())}


def test_more_runs_of_the_same_sweep_confirm_nothing(configuration):
    """Two pulls of one sweep: the later one holds the very runs of the pick."""
    first = [configuration("a", [0.0100, 0.0103, 0.0098]), configuration("b", [0.0102, 0.0105, 0.0100])]
    longer = configuration("a", [0.0100, 0.0103, 0.0098, 0.0101])
    found = rank(build_report([*first, longer])).rows
    assert not any(row.confirmed for row in found)


def test_a_row_without_an_interval_in_an_objective_follows_nothing_there():
    known, none = mean_interval([1.0, 1.1, 1.05]), mean_interval([1.0, 0.0, 1.05])
    other = mean_interval([1.04, 1.14, 1.09])
    found = best_picks([{"m": known}, {"m": other}, {"m": none}], {"m": False}, again={0: 2})
    assert [one.selected for one in found] == [("m",), (), ()]


def test_another_environment_confirms_no_pick(configuration):
    first = [configuration("a", [0.0100, 0.0103, 0.0098]), configuration("b", [0.0102, 0.0105, 0.0100])]
    again = swept(configuration("a", [0.0103, 0.0106, 0.0102]), "two", after_s=1e5)
    again = replace(again, runs=[replace(run, environment_id="f" * 16) for run in again.runs])
    found = marks([*first, again])
    assert found["a", "demo"] == (P90, ())
    assert found["a", "two"] == ((), ())
