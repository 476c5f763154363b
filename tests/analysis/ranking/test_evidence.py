"""What a ranking rests on: sources, days, boots, and verdicts that hang on a few runs."""

from __future__ import annotations

from dataclasses import replace

from paretofleet_analysis.present import ranking_text
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report.rows import build_report
from rankings import MODELS, by_model


def test_evidence_says_what_the_ranking_rests_on(fleet):
    ranking = rank(fleet(MODELS), command="paretofleet rank demo", report_sha256=["ab" * 32], seed=7)
    known = ranking.evidence
    assert (known["report_rows"], known["ranked_rows"], known["runs"], known["boots"]) == (5, 5, 25, 1)
    assert known["days"] == ["2023-11-14"]
    assert known["seed"] == 7
    assert known["replicates"] == 1000
    assert known["method"].startswith("exact given 1000 replicates of each mean, then calibrated")
    assert known["standard_error"] <= 0.0159
    assert known["flags"] == {"short_protocol": 5}
    assert known["verdicts_that_change"] == []
    assert known["command"] == "paretofleet rank demo"
    text = ranking_text.render(ranking)
    for part in (
        "ab" * 32,
        "paretofleet rank demo",
        "seed 7",
        "moocore",
        "margin 2 %",
        "margin 0.2 points",
        "cpu",
    ):
        assert part in text


def test_verdicts_that_hang_on_one_block_or_on_flagged_runs_are_named(configuration):
    slow = configuration("a", [0.0100, 0.0101, 0.0102, 0.0100, 0.0060], top1=70.0)
    flagged = replace(slow.runs[4], flags=("contaminated",))
    slow = replace(slow, runs=(*slow.runs[:4], flagged))
    fast = configuration("b", [0.0094, 0.0095, 0.0094, 0.0096, 0.0095], top1=70.0)
    ranking = rank(build_report([slow, fast]))
    assert 0.2 < by_model(ranking)["a"].p_front < 0.8, "far from where a verdict changes by itself"
    changes = ranking.evidence["verdicts_that_change"]
    assert any(c.startswith("without flagged runs, a ") and c.endswith("to beaten") for c in changes)
    assert any(c.startswith("without block 5, a ") for c in changes)


def test_objectives_that_order_alike_are_named(configuration):
    rows = [configuration(f"m{k}", [0.01 * k] * 5, top1=50 + k, energies=[0.1 * k] * 5) for k in range(1, 8)]
    notes = rank(build_report(rows)).notes
    assert any("batch_latency_p90_s and energy_j_per_item order the rows almost alike" in n for n in notes)


def test_a_constant_objective_is_named(fleet):
    notes = rank(fleet({"a": (70.0, 0.01), "b": (70.0, 0.02)})).notes
    assert "top1 is the same in every row and decides nothing." in notes


def test_three_runs_leave_nothing_to_leave_out_and_it_says_so(configuration):
    rows = [configuration(name, [0.0100, 0.0101, 0.0100]) for name in "abc"]
    ranking = rank(build_report(rows))
    assert ranking.evidence["verdicts_that_change"] is None
    assert "stability: unknown, too few runs to leave any out" in ranking_text.render(ranking)


def test_unknown_boots_are_not_zero_boots(configuration):
    given = configuration("a")
    ranking = rank(build_report([replace(given, runs=[replace(run, boot_id=None) for run in given.runs])]))
    assert ranking.evidence["boots"] is None
    assert "boots: unknown;" in ranking_text.render(ranking)


def test_the_evidence_says_where_more_boots_were_asked_for_than_seen(configuration):
    rows = [configuration("a", (0.010,) * 5), configuration("b", (0.020,) * 5, top1=80.0)]
    assert "boots: 1; " in ranking_text.render(rank(build_report(rows)))
    within = [replace(row, flags=("within_one_boot",)) for row in rows]
    assert "boots: 1 (within one boot, though more were asked for); " in ranking_text.render(
        rank(build_report(within))
    )


def test_another_seed_is_not_said_to_move_nothing(fleet):
    known = rank(fleet(MODELS)).evidence
    assert 0.0002 < known["standard_error"] < 0.001
    assert rank(fleet(MODELS), question="run").evidence["standard_error"] == 0.0
