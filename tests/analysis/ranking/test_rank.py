"""What comes out of a ranking."""

from __future__ import annotations

import pytest
from paretofleet_analysis.errors import RankError
from paretofleet_analysis.present import ranking_text
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report.rows import build_report
from rankings import MODELS, by_model, verdicts


def test_a_clear_fleet_has_clear_verdicts(fleet):
    ranking = rank(fleet(MODELS))
    assert verdicts(ranking) == {
        "resnet50": "front",
        "mobilenet_v2": "front",
        "squeezenet1_1": "front",
        "resnet18": "beaten",
        "alexnet": "beaten",
    }
    beaten = by_model(ranking)["resnet18"]
    assert 0.0 < beaten.p_front < 0.01
    assert 0.0 < beaten.p_pareto < 0.01
    assert beaten.expected_dominators == pytest.approx(1.0)
    assert beaten.sentence == "Row 2 is better: top1 2.1 points more, p90 50 % less."
    assert ranking.rows[1].identity["model"] == "mobilenet_v2"
    assert by_model(ranking)["alexnet"].expected_dominators == pytest.approx(2.0)


def test_the_frontier_of_means_stands_beside(fleet):
    ranking = rank(fleet(MODELS))
    assert {r.identity["model"] for r in ranking.rows if r.is_on_frontier_of_means} == {
        "resnet50",
        "mobilenet_v2",
        "squeezenet1_1",
    }


def test_a_row_behind_by_less_than_the_margins_is_dominated_and_not_beaten(fleet):
    ranking = rank(fleet({"one": (70.0, 0.0100), "two": (70.1, 0.00995)}, noise=0.0001))
    row = by_model(ranking)["one"]
    assert row.p_pareto < 0.01
    assert row.p_front > 0.99
    assert row.verdict == "front"
    assert ranking.groups == ((1, 2),)
    assert {r.group for r in ranking.rows} == {1}


def test_margins_can_be_chosen(fleet):
    table = fleet({"one": (70.0, 0.0100), "two": (71.0, 0.0096)}, noise=0.0001)
    assert verdicts(rank(table))["one"] == "beaten"
    assert verdicts(rank(table, margins={"batch_latency_p90_s": "5%"}))["one"] == "beaten"
    for wide in ({"batch_latency_p90_s": "5%", "top1": "1.5"}, {"batch_latency_p90_s": 0.05, "top1": 1.5}):
        assert verdicts(rank(table, margins=wide))["one"] == "front"
    assert rank(table, margins={"top1": 1.5}).objectives[0].margin == "1.5 points"


def test_configurations_of_one_model_are_told_apart_by_the_rest(configuration):
    """What two rows have exactly in common cannot protect the slower one."""
    fast = configuration("resnet18", [0.0100, 0.0101, 0.0100], runtime="onnxruntime")
    slow = configuration("resnet18", [0.0200, 0.0201, 0.0200], runtime="openvino")
    ranking = rank(build_report([fast, slow]))
    assert [row.verdict for row in ranking.rows] == ["front", "beaten"]


def test_fewer_than_three_runs_are_undecided_and_compared_with_nothing(configuration):
    better = configuration("better", [0.001, 0.001], top1=90.0)
    rows = [better, configuration("other", [0.010, 0.011, 0.010], top1=70.0)]
    ranking = rank(build_report(rows))
    few = by_model(ranking)["better"]
    assert few.verdict == "undecided"
    assert few.p_front is None
    assert few.p_pareto is None
    assert few.sentence.endswith("2 runs do not say how sure that is; 3 do.")
    assert verdicts(ranking)["other"] == "front"
    assert any("1 row has fewer than 3 runs" in note for note in ranking.notes)


def test_all_rows_with_few_runs_still_rank(fleet):
    ranking = rank(fleet(MODELS, runs=1))
    assert set(verdicts(ranking).values()) == {"undecided"}
    assert ranking_text.render(ranking)


def test_overlapping_rows_are_undecided(fleet):
    close = {"one": (70.0, 0.0100), "two": (70.1, 0.00975)}
    assert verdicts(rank(fleet(close, noise=0.03)))["one"] == "undecided"


def test_one_more_run_is_another_question_and_never_certain(fleet):
    ranking = rank(fleet(MODELS), question="run")
    for row in ranking.rows:
        assert row.p_front is None
        assert row.p_pareto is None
        assert 0.0 < row.p_front_next_run < 1.0
    assert by_model(ranking)["alexnet"].p_front_next_run == pytest.approx(0.5 / 6)
    assert "p_front_next_run" in ranking_text.render(ranking)
    said = " ".join(ranking.notes)
    assert "Fewer than 9 runs cannot foretell the next with 95 %." in said
    assert "Undecided for that, however clear it looks: 5 of 5 rows." in said
    assert "half a run is added for" in ranking.evidence["method"]


def test_accuracy_is_said_to_be_published_for_the_architecture(fleet):
    text = ranking_text.render(rank(fleet(MODELS)))
    assert "5 x published-same-architecture (published for the architecture, not for these weights)" in (
        " ".join(text.split())
    )


def test_a_row_of_one_run_is_nobody_s_better(configuration):
    rows = [configuration("lucky", [0.001], top1=90.0)]
    rows += [configuration("good", [0.010, 0.0101, 0.010], top1=71.0)]
    rows += [configuration("bad", [0.020, 0.0201, 0.020], top1=70.0)]
    found = by_model(rank(build_report(rows)))
    assert found["bad"].verdict == "beaten"
    assert found["bad"].sentence.startswith(f"Row {found['good'].number} is better")


def test_exact_ties_share_the_frontier(configuration):
    rows = [configuration(name, [0.01] * 5, top1=70.0) for name in "ab"]
    rows.append(configuration("c", [0.02] * 5, top1=60.0))
    found = by_model(rank(build_report(rows)))
    assert found["a"].verdict == found["b"].verdict == "front"
    assert found["c"].verdict == "beaten"


def test_the_gone_name_says_what_stands_in_its_place(fleet):
    ranking = rank(fleet(MODELS))
    with pytest.raises(RankError, match="p_near_front is gone since schema_version 2"):
        _ = ranking.rows[0].p_near_front
    assert ranking.schema_version == 2


@pytest.mark.parametrize("loss", [0.0, 0.01, 0.19, 0.21])
def test_ten_times_slower_and_a_little_less_accurate_is_beaten(fleet, loss):
    found = verdicts(rank(fleet({"good": (70.0, 0.01), "bad": (70.0 - loss, 0.1)}, noise=0.001)))
    assert found == {"good": "front", "bad": "beaten"}


def test_what_a_row_that_beats_gives_up_is_said(fleet):
    ranking = rank(fleet({"good": (70.0, 0.01), "bad": (70.1, 0.02)}, noise=0.001))
    assert by_model(ranking)["bad"].sentence == (
        "Row 1 is better: p90 less by a factor 2.0 at the price of top1 0.1 points less."
    )
