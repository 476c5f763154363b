"""The ranking: what is compared with what, what is refused, and what the probabilities are."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace

import moocore
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paretofleet_analysis.errors import RankError, ReportError
from paretofleet_analysis.objectives import OBJECTIVES, Margin, parse_margin
from paretofleet_analysis.pareto.deterministic import nondominated
from paretofleet_analysis.present import ranking_text
from paretofleet_analysis.ranking.front_query import FrontQuery
from paretofleet_analysis.ranking.probability import probabilities
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.ranking.sentences import format_probability
from paretofleet_analysis.report import files
from paretofleet_analysis.report.inputs import RunInput
from paretofleet_analysis.report.rows import build_report
from paretofleet_analysis.report.schema import schema

MODELS = {
    "resnet50": (76.1, 0.040),
    "mobilenet_v2": (71.9, 0.010),
    "resnet18": (69.8, 0.020),
    "squeezenet1_1": (58.2, 0.009),
    "alexnet": (56.5, 0.012),
}
NO_MARGIN = Margin(0.0)


def verdicts(ranking):
    return {row.identity["model"]: row.verdict for row in ranking.rows}


def by_model(ranking):
    return {row.identity["model"]: row for row in ranking.rows}


def reasons(ranking):
    return {found.reason: len(found.rows) for found in ranking.exclusions}


# What comes out.


def test_a_clear_fleet_has_clear_verdicts(fleet):
    ranking = rank(fleet(MODELS))
    assert verdicts(ranking) == {
        "resnet50": "front",
        "mobilenet_v2": "front",
        "squeezenet1_1": "front",
        "resnet18": "dominated",
        "alexnet": "dominated",
    }
    dominated = by_model(ranking)["resnet18"]
    assert 0.0 < dominated.p_front <= dominated.p_near_front < 0.01
    assert dominated.expected_dominators == pytest.approx(1.0)
    assert dominated.sentence == "Row 2 is better: top1 2.1 points more, p90 50 % less."
    assert ranking.rows[1].identity["model"] == "mobilenet_v2"
    assert by_model(ranking)["alexnet"].expected_dominators == pytest.approx(2.0)


def test_the_frontier_of_means_stands_beside(fleet):
    ranking = rank(fleet(MODELS))
    assert {r.identity["model"] for r in ranking.rows if r.is_on_frontier_of_means} == {
        "resnet50",
        "mobilenet_v2",
        "squeezenet1_1",
    }


def test_a_row_slightly_behind_is_near_the_front(fleet):
    ranking = rank(fleet({"one": (70.0, 0.0100), "two": (70.1, 0.00995)}, noise=0.0001))
    row = by_model(ranking)["one"]
    assert row.p_front < 0.01
    assert row.p_near_front > 0.99
    assert row.verdict == "near front"
    assert ranking.groups == ((1, 2),)
    assert {r.group for r in ranking.rows} == {1}


def test_margins_can_be_chosen(fleet):
    table = fleet({"one": (70.0, 0.0100), "two": (71.0, 0.0096)}, noise=0.0001)
    assert verdicts(rank(table))["one"] == "dominated"
    assert verdicts(rank(table, margins={"batch_latency_p90_s": "5%"}))["one"] == "near front"
    assert verdicts(rank(table, margins={"batch_latency_p90_s": 0.05}))["one"] == "near front"
    assert verdicts(rank(table, margins={"top1": "1.5"}))["one"] == "near front"
    assert rank(table, margins={"top1": 1.5}).objectives[0].margin == "1.5 points"


def test_configurations_of_one_model_are_told_apart_by_the_rest(configuration):
    """What two rows have exactly in common cannot protect the slower one."""
    fast = configuration("resnet18", [0.0100, 0.0101, 0.0100], runtime="onnxruntime")
    slow = configuration("resnet18", [0.0200, 0.0201, 0.0200], runtime="openvino")
    ranking = rank(build_report([fast, slow]))
    assert [row.verdict for row in ranking.rows] == ["front", "dominated"]


def test_fewer_than_three_runs_are_undecided_and_compared_with_nothing(configuration):
    better = configuration("better", [0.001, 0.001], top1=90.0)
    rows = [better, configuration("other", [0.010, 0.011, 0.010], top1=70.0)]
    ranking = rank(build_report(rows))
    few = by_model(ranking)["better"]
    assert few.verdict == "undecided"
    assert few.p_front is None
    assert few.p_near_front is None
    assert few.sentence == "It has 2 runs, too few to say: at least 3 are needed."
    assert verdicts(ranking)["other"] == "front"
    assert any("1 row has fewer than 3 runs" in note for note in ranking.notes)


def test_all_rows_with_few_runs_still_rank(fleet):
    ranking = rank(fleet(MODELS, runs=1))
    assert set(verdicts(ranking).values()) == {"undecided"}
    assert ranking_text.render(ranking)


def test_overlapping_rows_are_undecided(fleet):
    close = {"one": (70.0, 0.0100), "two": (71.0, 0.00975)}
    assert verdicts(rank(fleet(close, noise=0.03)))["one"] == "undecided"


def test_one_more_run_is_another_question_and_never_certain(fleet):
    ranking = rank(fleet(MODELS), question="run")
    for row in ranking.rows:
        assert row.p_front is None
        assert row.p_near_front is None
        assert 0.0 < row.p_front_next_run < 1.0
    assert by_model(ranking)["alexnet"].p_front_next_run == pytest.approx(0.5 / 6)
    assert "p_front_next_run" in ranking_text.render(ranking)
    assert "Fewer than 9 runs cannot foretell the next with 95 %: 5 of 5 rows" in " ".join(ranking.notes)
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
    assert found["bad"].verdict == "dominated"
    assert found["bad"].sentence.startswith(f"Row {found['good'].number} is better")


# What is compared with what.


def test_realtime_is_batch_one_and_offline_any(configuration):
    rows = [configuration("a", batch_size=1), configuration("a", batch_size=4), configuration("b", top1=71)]
    table = build_report(rows)
    assert reasons(rank(table)) == {"batch size is not 1": 1}
    offline = rank(table, use="offline")
    assert [used.name for used in offline.objectives] == ["top1", "throughput_items_s"]
    assert len(offline.rows) == 3


def test_named_objectives_leave_nothing_of_a_use_but_its_deadline(configuration):
    """Rows of any batch are ranked then, so nothing is said of one item at a time."""
    table = build_report([configuration("a", batch_size=1), configuration("a", batch_size=4)])
    ranking = rank(table, objectives=["top1", "throughput_items_s"])
    assert len(ranking.rows) == 2
    assert ranking_text.render(ranking).startswith("For named objectives. Question: mean")
    with pytest.raises(RankError, match=r"the limit of 0\.03 s cannot be checked"):
        rank(table, use="deadline=30ms", objectives=["throughput_items_s"])


def test_a_deadline_is_a_limit_on_the_99th_percentile(configuration, summary):
    def with_p99(name, p99):
        rows = configuration(name)
        return replace(
            rows, runs=[replace(run, summary=summary(batch_latency_p99_s=p99)) for run in rows.runs]
        )

    table = build_report([with_p99("a", 0.020), with_p99("b", 0.040), with_p99("c", None)])
    for ranking in (rank(table, use="deadline=30ms"), rank(table, use="deadline", deadline_s=0.030)):
        assert ranking.use == "deadline=30ms"
        assert list(verdicts(ranking)) == ["a"]
        assert reasons(ranking) == {
            "batch_latency_p99_s is above 0.03 s": 1,
            "batch_latency_p99_s is absent, so the limit of 0.03 s cannot be checked: "
            "fewer than 299 iterations a run; sweep with --protocol sustained": 1,
        }


def test_maxima_exclude(configuration):
    table = build_report([configuration("a", energies=[0.1] * 5), configuration("b", energies=[0.5] * 5)])
    ranking = rank(table, maxima={"power_w": 20})
    assert list(verdicts(ranking)) == ["a"]
    assert reasons(ranking) == {"power_w is above 20 W": 1}


def test_what_did_not_run_is_excluded_with_its_reason(configuration):
    oom = configuration("b", runs=[RunInput(run_id="x", block=1, state="failed", reason="oom")])
    ranking = rank(build_report([configuration("a"), oom]))
    assert reasons(ranking) == {"status failed: oom": 1}
    assert ranking.exclusions[0].rows == ("b fp32, onnxruntime on desk cpu, batch 1",)


def test_a_row_without_accuracy_is_excluded(configuration):
    ranking = rank(build_report([configuration("a"), configuration("b", top1=None)]))
    assert reasons(ranking) == {"top1 is absent: give the model's accuracy, or rank by other objectives": 1}


def test_other_timing_scopes_are_not_compared(configuration):
    rows = [configuration("a"), configuration("b"), configuration("c", timing_scope="compute")]
    assert reasons(rank(build_report(rows))) == {"timing scope is not copy+compute": 1}


def test_a_short_protocol_ranks_by_the_mean_where_a_percentile_is_missing(configuration, summary):
    short = configuration("b")
    short = replace(short, runs=[replace(r, summary=summary(batch_latency_p90_s=None)) for r in short.runs])
    ranking = rank(build_report([configuration("a"), short]))
    assert [used.name for used in ranking.objectives] == ["top1", "batch_latency_mean_s"]
    assert any("batch_latency_p90_s is absent in 1 of 2 rows" in note for note in ranking.notes)
    named = rank(build_report([configuration("a"), short]), objectives=["top1", "batch_latency_p90_s"])
    assert reasons(named) == {"batch_latency_p90_s is absent: fewer than 29 iterations a run": 1}


def test_the_same_runs_entered_twice_are_one_row(fleet):
    table = fleet(MODELS)
    once, twice = rank(table), rank(files.concatenate([table, table]))
    assert twice.rows == once.rows
    assert reasons(twice) == {"the same runs are in the report twice": 5}


def test_the_order_of_the_rows_changes_nothing(fleet):
    table = fleet(MODELS, noise=0.05)
    assert rank(table.take([3, 1, 4, 0, 2])).rows == rank(table).rows


def test_a_configuration_entered_again_under_another_name_changes_no_other_row(configuration):
    latencies = [[0.0100, 0.0104, 0.0099], [0.0101, 0.0103, 0.0102], [0.0110, 0.0100, 0.0105]]
    rows = [configuration(f"m{k}", values, top1=70 + k / 4) for k, values in enumerate(latencies)]
    once = by_model(rank(build_report(rows)))
    for copies in (2, 5, 10):
        twins = [replace(rows[0], model=f"twin{k}", configuration_id=f"twin{k}") for k in range(copies - 1)]
        more = by_model(rank(build_report([*rows, *twins])))
        for name, row in once.items():
            assert (more[name].p_near_front, more[name].p_front) == (row.p_near_front, row.p_front)
            assert more[name].verdict == row.verdict
        assert more["twin0"].p_near_front == once["m0"].p_near_front


# Energy and its scopes.


def module(rows):
    """The same configuration with its energy measured at the module."""
    change = {"power_scope": "module", "power_source": "ina3221"}
    return replace(
        rows,
        runs=[
            replace(
                run,
                summary={
                    **run.summary,
                    **change,
                    "energy": [{**run.summary["energy"][0], "scope": "module", "source": "ina3221"}],
                },
            )
            for run in rows.runs
        ],
    )


def test_energy_joins_when_every_row_has_one_scope(configuration):
    rows = [configuration(name, energies=[0.1] * 5) for name in "ab"]
    assert [used.name for used in rank(build_report(rows)).objectives][-1] == "energy_j_per_item"


def test_the_gain_of_several_sensors_is_named(configuration):
    rows = [configuration(name, energies=[0.1] * 5, device=name) for name in "ab"]
    ranking = rank(build_report(rows))
    assert any(
        note.startswith("Energy comes from 2 sensors; their gain (up to 3 %) is integrated over")
        for note in ranking.notes
    )
    assert ranking.evidence["common_factors_error"] is not None


def test_energy_is_left_out_with_a_sentence(configuration):
    with_energy, without = configuration("a", energies=[0.1] * 5), configuration("b")
    ranking = rank(build_report([with_energy, without]))
    assert "energy_j_per_item is left out: 1 of 2 rows have no measured energy." in ranking.notes
    mixed = rank(build_report([with_energy, module(configuration("b", energies=[0.1] * 5))]))
    assert "energy_j_per_item" not in [used.name for used in mixed.objectives]
    assert any("scopes module and package do not compare" in note for note in mixed.notes)


def test_mixed_scopes_are_refused_when_named_and_ranked_when_told(configuration):
    rows = [configuration("a", energies=[0.1] * 5), module(configuration("b", energies=[0.1] * 5))]
    table = build_report(rows)
    with pytest.raises(
        RankError, match="has scopes module and package, which do not compare: choose one with"
    ):
        rank(table, objectives=["top1", "energy_j_per_item"])
    told = rank(table, allow_mixed_scopes=True)
    assert "energy_j_per_item" in [used.name for used in told.objectives]
    assert any("ranked together, as told" in note for note in told.notes)


def test_a_power_scope_can_be_chosen(configuration):
    rows = [configuration("a", energies=[0.1] * 5), module(configuration("b", energies=[0.1] * 5))]
    ranking = rank(build_report(rows), power_scope="module")
    assert list(verdicts(ranking)) == ["b"]
    assert reasons(ranking) == {"no energy of scope module": 1}
    assert ranking.evidence["power_sources"] == ["module by ina3221"]


def test_a_chosen_scope_brings_the_gain_of_its_own_sensor(configuration):
    rows = []
    for name in "ab":
        given = configuration(name, energies=[0.1] * 5, device=name)
        wall = {"scope": "wall", "source": "meter", "primary": False, "gain_uncertainty": 0.2}
        runs = [
            replace(
                run,
                summary=run.summary | {"energy": [*run.summary["energy"], run.summary["energy"][0] | wall]},
            )
            for run in given.runs
        ]
        rows.append(replace(given, runs=runs))
    notes = " ".join(rank(build_report(rows), power_scope="wall").notes)
    assert "their gain (up to 20 %) is integrated over" in notes


# What is refused.


def test_simulated_and_real_are_not_ranked_together_unless_told(configuration):
    simulated = configuration("b", device="tx2", device_class="sim:jetson-tx2", simulated=True)
    table = build_report([configuration("a"), simulated])
    with pytest.raises(
        RankError, match=r"simulated \(tx2\) and real devices \(desk\) are not ranked together"
    ):
        rank(table)
    told = rank(table, allow_simulated_mix=True)
    assert len(told.rows) == 2
    assert told.evidence["devices_per_class"] == {"cpu": 1, "sim:jetson-tx2": 1}
    assert any("ranked together, as told" in note for note in told.notes)


def test_latencies_that_throughput_mode_does_not_measure_are_said_to_be_so(configuration):
    absent = dict.fromkeys(f"batch_latency_{end}" for end in ("mean_s", "p50_s", "p90_s", "p99_s"))
    row = configuration("a", mode="throughput")
    runs = [replace(run, summary={**run.summary, **absent}) for run in row.runs]
    table = build_report([replace(row, runs=runs)])
    with pytest.raises(RankError, match="throughput mode has no latencies, rank it by --for offline"):
        rank(table)
    assert rank(table, use="offline").rows[0].identity["model"] == "a"


def test_the_rows_of_some_devices_are_ranked_apart(configuration):
    simulated = configuration("b", device="tx2", device_class="sim:jetson-tx2", simulated=True)
    table = build_report([configuration("a"), simulated])
    told = rank(table, devices=["tx2"])
    assert [row.identity["device"] for row in told.rows] == ["tx2"]
    assert [one.reason for one in told.exclusions] == ["device is not tx2"]
    with pytest.raises(RankError, match="no row of the report is of device 'desk2': choose from desk, tx2"):
        rank(table, devices=["desk2"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"use": "fast"}, "unknown use 'fast': choose realtime, offline or deadline=30ms"),
        ({"use": "deadline"}, "the use deadline needs a limit: write deadline=30ms"),
        ({"deadline_s": 0.03}, "the use realtime has no deadline: choose the use deadline"),
        ({"question": "median"}, "unknown question 'median': choose mean or run"),
        ({"objectives": ["top1", "speed"]}, "unknown objective 'speed': choose from top1,"),
        ({"objectives": []}, "no objectives are named"),
        ({"objectives": ["top1", "top1"]}, "objective top1 is given twice"),
        (
            {"objectives": ["throughput_items_s", "time_per_item_s"]},
            "throughput_items_s and time_per_item_s are functions of each other: leave one of them out",
        ),
        (
            {"objectives": ["batch_latency_mean_s", "throughput_items_s"]},
            "are functions of each other at one batch size",
        ),
        (
            {"objectives": ["power_w", "energy_j_per_item", "throughput_items_s"]},
            "power_w and energy_j_per_item and throughput_items_s are functions of each other",
        ),
        ({"margins": {"power_w": "2%"}}, "there is a margin for power_w, which is no objective here"),
        ({"margins": {"top1": "two"}}, "margin 'two' is not a number"),
        ({"margins": {"top1": "100%"}}, "margin '100%' is not below 100 %"),
        ({"margins": {"top1": float("nan")}}, "margin 'nan.*' is not a number"),
        ({"maxima": {"speed": 1}}, "unknown objective 'speed'"),
        ({"use": "deadline=30ms"}, r"no row of the report can be ranked \(5 x batch_latency_p99_s is absent"),
    ],
)
def test_one_sentence_names_what_is_wrong(configuration, arguments, sentence):
    rows = [configuration(name, energies=[0.1] * 5, top1=70 + k) for k, name in enumerate("abcde")]
    with pytest.raises(RankError, match=sentence) as caught:
        rank(build_report(rows), **arguments)
    assert "\n" not in str(caught.value)


def test_an_empty_report_and_missing_columns_are_named(fleet):
    with pytest.raises(RankError, match="the report has no rows"):
        rank(build_report([]))
    with pytest.raises(ReportError, match="lacks the column top1"):
        rank(fleet(MODELS).drop_columns(["top1"]))


def test_a_value_that_is_not_positive_excludes_its_row(configuration, summary):
    zero = configuration("b")
    zero = replace(zero, runs=[replace(r, summary=summary(batch_latency_p90_s=0.0)) for r in zero.runs])
    ranking = rank(build_report([configuration("a"), zero]))
    assert reasons(ranking) == {"batch_latency_p90_s is not a positive number": 1}


# What it rests on.


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
    slow = configuration("a", [0.0100, 0.0101, 0.0102, 0.0100, 0.0300], top1=70.0)
    flagged = replace(slow.runs[4], flags=("contaminated",))
    slow = replace(slow, runs=(*slow.runs[:4], flagged))
    fast = configuration("b", [0.0090, 0.0091, 0.0090, 0.0092, 0.0091], top1=71.0)
    ranking = rank(build_report([slow, fast]))
    assert by_model(ranking)["a"].verdict == "undecided"
    changes = ranking.evidence["verdicts_that_change"]
    assert any(c.startswith("without flagged runs, a ") and c.endswith("to dominated") for c in changes)
    assert any(c.startswith("without block 5, a ") for c in changes)


def test_objectives_that_order_alike_are_named(configuration):
    rows = [configuration(f"m{k}", [0.01 * k] * 5, top1=50 + k, energies=[0.1 * k] * 5) for k in range(1, 8)]
    notes = rank(build_report(rows)).notes
    assert any("batch_latency_p90_s and energy_j_per_item order the rows almost alike" in n for n in notes)


def test_a_constant_objective_is_named(fleet):
    notes = rank(fleet({"a": (70.0, 0.01), "b": (70.0, 0.02)})).notes
    assert "top1 is the same in every row and decides nothing." in notes


# How it looks.


def test_text_fits_a_terminal_of_100_columns(configuration):
    rows = [
        configuration(
            f"a_network_with_a_rather_long_name_{k}",
            [0.010 + k / 1000] * 5,
            energies=[0.1] * 5,
            device=f"a-device-with-a-long-name-{k % 3}",
            runtime=f"onnxruntime-{k % 2}",
            top1=60 + k,
        )
        for k in range(40)
    ]
    text = ranking_text.render(rank(build_report(rows)))
    assert max(map(len, text.splitlines())) <= 100
    assert text.endswith("\n")


def test_json_holds_everything(fleet):
    found = json.loads(ranking_text.to_json(rank(fleet(MODELS))))
    assert found["rows"][0]["p_front"] > 0.99
    assert found["rows"][0]["estimates"]["batch_latency_p90_s"]["lo"] > 0
    assert found["evidence"]["versions"]["moocore"]
    assert found["objectives"][1]["margin"] == "2 %"


def test_a_ranking_looks_like_this(fleet):
    text = ranking_text.render(
        rank(fleet({"resnet50": (76.13, 0.040), "resnet18": (69.76, 0.045)}, noise=0.001))
    )
    assert text.splitlines()[:10] == [
        "For realtime (one item at a time, as soon as possible). Question: mean, the typical behaviour.",
        "Objectives: top1 (more is better, margin 0.2 points),",
        "  batch_latency_p90_s (less is better, margin 2 %).",
        "All rows: runtime onnxruntime, precision fp32, device desk, target cpu, batch 1, threads 1.",
        "",
        "   model     top1 %         p90 ms  p_near_front  p_front  efficiency  rank  ahead  verdict",
        "1  resnet50   76.13  44.002 ±0.028         >0.99    >0.99        1.00     1    0.0  front",
        "2  resnet18   69.76  49.506 ±0.079         <0.01    <0.01        0.89     2    1.0  dominated",
        "",
        "1: front. No other is as good in everything and better in something (more than 99 % sure).",
    ]


def test_a_narrow_terminal_gets_narrow_lines(fleet):
    ranking = rank(fleet(MODELS, noise=0.05))
    assert max(map(len, ranking_text.render(ranking, columns=80).splitlines())) <= 80
    lines = ranking_text.render(ranking, columns=60).splitlines()
    head = next(k for k, line in enumerate(lines) if "p_near_front  p_front  verdict" in line)
    prose = [*lines[:head], *lines[head + 1 + len(MODELS) :]]
    assert max(map(len, prose)) <= 60
    assert ranking_text.render(ranking, columns=500) == ranking_text.render(ranking)


def test_no_probability_is_printed_surer_than_it_is(fleet):
    close = {"one": (70.0, 0.0100), "two": (71.0, 0.00975)}
    ranking = rank(fleet(close, noise=0.03))
    text = ranking_text.render(ranking)
    assert not re.search(r"\b[01]\.00[0-9]?\b(?!-)", text.split("verdict\n")[1].split("  1.00")[0])
    for row in ranking.rows:
        p = float(format_probability(row.p_near_front).strip("<>"))
        assert abs(p - 0.5) <= abs(row.p_near_front - 0.5) + 1e-9
        assert (p >= 0.95) <= (row.verdict in ("front", "near front"))


def test_an_undecided_row_says_who_looks_better_and_where_to_ask(fleet):
    ranking = rank(fleet({"one": (70.0, 0.0100), "two": (71.0, 0.00975)}, noise=0.03))
    row = by_model(ranking)["one"]
    assert row.verdict == "undecided"
    assert re.fullmatch(
        r"Row 1 looks better \(top1 1 points more, p90 [\d.]+ % less\), but the runs leave it open "
        r"\(\d+ % that it is near the front\)\.",
        row.sentence,
    )
    assert "how many more runs would decide: --why ROW." in ranking_text.render(ranking)
    assert "--why ROW" not in ranking_text.render(rank(fleet(MODELS)))


def test_one_more_run_is_told_as_such(fleet):
    for row in rank(fleet(MODELS), question="run").rows:
        assert re.fullmatch(
            r"With a probability of \d+ % one more run of each shows it undominated.", row.sentence
        )


def test_undecided_rows_come_in_the_order_of_the_first_column(fleet):
    many = {f"m{k}": (70.0 - k, 0.0100 * (1 + k / 200)) for k in range(12)}
    rows = rank(fleet(many, noise=0.02)).rows
    near = [row.p_near_front for row in rows if row.verdict == "undecided"]
    assert len(near) > 4
    assert near == sorted(near, reverse=True)


def test_another_seed_is_not_said_to_move_nothing(fleet):
    known = rank(fleet(MODELS)).evidence
    assert 0.0002 < known["standard_error"] < 0.001
    assert rank(fleet(MODELS), question="run").evidence["standard_error"] == 0.0


# Properties of the probabilities.

samples = st.lists(
    st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=3, max_size=6),
    min_size=1,
    max_size=6,
).map(lambda rows: [np.array(runs, dtype=float) for runs in rows])


MARGINS = (Margin(0.02), Margin(0.02))


def ask(arrays, question="mean", margins=MARGINS, **more):
    """The probabilities of a cost and a gain."""
    return probabilities(arrays, FrontQuery((False, True), margins, question), **more)


@settings(max_examples=12, deadline=None)
@given(samples, st.randoms(use_true_random=False), st.sampled_from(["mean", "run"]))
def test_the_order_of_rows_and_of_runs_changes_nothing(arrays, random, question):
    order = list(range(len(arrays)))
    random.shuffle(order)
    one = ask(arrays, question)
    two = ask([arrays[i][::-1] for i in order], question)
    assert two.front.tolist() == one.front[order].tolist()
    assert two.near_front.tolist() == one.near_front[order].tolist()
    assert two.dominators == pytest.approx(one.dominators[order])


@settings(max_examples=6, deadline=None)
@given(samples, st.integers(1, 4))
def test_a_twin_changes_no_probability_and_shares_its_own(arrays, copies):
    one = ask(arrays)
    two = ask(arrays + [arrays[0]] * copies)
    assert two.front[: len(arrays)].tolist() == one.front.tolist()
    assert two.near_front[: len(arrays)].tolist() == one.near_front.tolist()
    assert set(two.front[len(arrays) :]) == {one.front[0]}


@settings(max_examples=6, deadline=None)
@given(samples)
def test_a_margin_never_lowers_a_probability(arrays):
    found, none = ask(arrays), ask(arrays, margins=(NO_MARGIN, NO_MARGIN))
    assert (found.near_front >= found.front).all()
    assert none.near_front.tolist() == none.front.tolist()
    assert ((found.front >= 0) & (found.front <= 1)).all()


@settings(max_examples=30, deadline=None)
@given(samples)
def test_one_more_run_is_the_share_of_worlds_in_which_moocore_finds_the_row(arrays):
    """The obvious twin: every combination of one run of each, counted."""
    arrays = [array[:3] for array in arrays[:4]]
    distinct = {a[np.lexsort(a.T)].tobytes(): a for a in arrays}
    arrays = list(distinct.values())
    worlds = list(itertools.product(*arrays))
    kept = [
        moocore.is_nondominated(np.array(world), maximise=[False, True], keep_weakly=True) for world in worlds
    ]
    assert ask(arrays, "run").front == pytest.approx(np.mean(kept, axis=0), abs=1e-8)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=8))
def test_certain_runs_give_the_deterministic_frontier(points):
    arrays = [np.array([point] * 3, dtype=float) for point in points]
    expected = nondominated(np.array(points), maximize=[False, True]).astype(float)
    for question in ("mean", "run"):
        assert ask(arrays, question).front == pytest.approx(expected, abs=0.01)


def test_every_objective_is_a_column_with_that_direction_and_unit():
    for name, known in OBJECTIVES.items():
        metadata = schema().field(name).metadata
        assert metadata[b"direction"].decode() == ("maximize" if known.maximize else "minimize"), name
        assert metadata[b"unit"].decode() == known.unit, name
        assert (f"{name}_runs" in schema().names) == known.is_measured


@given(st.floats(0, 99, allow_nan=False))
def test_a_margin_reads_back(value):
    assert parse_margin(f"{value:.6f}%").value == pytest.approx(value / 100, abs=1e-8)


def test_the_evidence_says_where_more_boots_were_asked_for_than_seen(configuration):
    rows = [configuration("a", (0.010,) * 5), configuration("b", (0.020,) * 5, top1=80.0)]
    assert "boots: 1; " in ranking_text.render(rank(build_report(rows)))
    within = [replace(row, flags=("within_one_boot",)) for row in rows]
    assert "boots: 1 (within one boot, though more were asked for); " in ranking_text.render(
        rank(build_report(within))
    )


@pytest.mark.parametrize("wanted", ["99", "0", "nobody"])
def test_a_row_that_is_not_there_is_not_explained(configuration, wanted):
    table = build_report(
        [configuration("good", [0.01, 0.011, 0.01]), configuration("bad", [0.02, 0.021, 0.02])]
    )
    with pytest.raises(RankError, match=f"There is no row '{wanted}': give a number from 1 to 2 or a config"):
        rank(table, why=wanted)
