"""Tables of one or two runs a row: the frontier of means, called that, and what more runs would say."""

from __future__ import annotations

import numpy as np
import pytest
from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.present import ranking_text
from paretofleet_analysis.ranking.few_runs import settled_after
from paretofleet_analysis.ranking.fleet import Criteria, make_fleet
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.ranking.request import RankingRequest
from paretofleet_analysis.ranking.selection import select
from paretofleet_analysis.report.rows import build_report
from rankings import by_model

#: Accuracy and latency of a published table: b is beaten by a, d by c and a.
PUBLISHED = {"a": (76.1, 0.0401), "b": (70.2, 0.0522), "c": (71.9, 0.0113), "d": (56.5, 0.0434)}


@pytest.fixture
def published(configuration):
    """A report of so many runs a row, one by default."""

    def make(runs=1, models=PUBLISHED):
        rows = [
            configuration(name, [latency * (1 + k / 1000) for k in range(runs)], top1=top1)
            for name, (top1, latency) in models.items()
        ]
        return build_report(rows)

    return make


@pytest.mark.parametrize("runs", [1, 2])
def test_the_frontier_of_means_comes_first_and_is_called_that(published, runs):
    ranking = rank(published(runs))
    assert [row.identity["model"] for row in ranking.rows] == ["a", "c", "b", "d"]
    assert [row.is_on_frontier_of_means for row in ranking.rows] == [True, True, False, False]
    assert {row.verdict for row in ranking.rows} == {"undecided"}
    rows = by_model(ranking)
    few = "1 run does not" if runs == 1 else "2 runs do not"
    assert rows["a"].sentence == f"On the frontier of means. {few} say how sure that is; 3 do."
    assert rows["d"].sentence.startswith("Not on the frontier of means: row 2 is better there (top1 15")
    text = ranking_text.render(ranking)
    table = text.split("\n\n")[1]
    assert "frontier of means" in table
    assert "not on it" in table
    assert "p_front" not in table
    assert "efficiency" not in table


def test_nothing_is_said_of_probabilities_that_do_not_exist(published):
    ranking = rank(published())
    assert (
        ranking.evidence["method"] == "none, since no row has 3 runs; what is shown is the frontier of means"
    )
    text = " ".join(ranking_text.render(ranking).split())
    assert "another seed moves" not in text
    assert "efficiency:" not in text
    assert "--why" not in text
    assert "calibrated" not in text


def test_fewer_than_four_rows_are_not_said_to_be_calibrated(fleet):
    three = dict(list(PUBLISHED.items())[:3])
    assert "not calibrated: fewer than 4 rows" in rank(fleet(three)).evidence["method"]
    assert "then calibrated on simulated fleets" in rank(fleet(PUBLISHED)).evidence["method"]


def test_it_says_what_two_more_runs_would_settle(published):
    notes = " ".join(rank(published()).notes)
    assert "No row has 3 runs, so nothing is said of how sure this is" in notes
    assert "Two more runs of each, at least 3 in all, would settle about so many of the 4 rows" in notes
    assert "4 if runs vary by 1 %" in notes


def test_what_would_be_settled_is_what_is_settled_once_the_runs_are_there(configuration):
    rng = np.random.default_rng(4)
    models = {f"m{k:02d}": (60 + 0.5 * k, 0.010 * 1.06**k * rng.uniform(0.9, 1.1)) for k in range(24)}
    one_run = [configuration(name, [latency], top1=top1) for name, (top1, latency) in models.items()]
    request = RankingRequest()
    selection = select(build_report(one_run).to_pylist(), request)
    fleet = make_fleet(
        selection.rows,
        Criteria(
            {name: Margin(0.02) for name in selection.objectives if name != "top1"}
            | {"top1": Margin(0.2, relative=False)}
        ),
    )
    for noise in (0.01, 0.2):
        three_runs = [
            configuration(name, list(latency * np.exp(noise * rng.standard_normal(3))), top1=top1)
            for name, (top1, latency) in models.items()
        ]
        settled = sum(row.verdict != "undecided" for row in rank(build_report(three_runs)).rows)
        assert abs(settled_after(fleet, noise) - settled) <= 6
    assert settled_after(fleet, 0.01) > settled_after(fleet, 0.2)


def test_where_some_rows_have_runs_enough_the_others_stand_last_of_the_undecided(configuration):
    enough = [
        configuration(name, [latency * f for f in (1, 1.001, 0.999, 1)], top1=top1)
        for name, (top1, latency) in PUBLISHED.items()
    ]
    few = [configuration("e", [0.5], top1=90.0), configuration("f", [0.6], top1=60.0)]
    ranking = rank(build_report([*few, *enough]))
    order = [row.identity["model"] for row in ranking.rows]
    undecided = [row.identity["model"] for row in ranking.rows if row.verdict == "undecided"]
    assert undecided[-2:] == ["e", "f"], order
    assert by_model(ranking)["e"].sentence.startswith("On the frontier of means. 1 run does not say")
    assert by_model(ranking)["a"].p_front is not None
