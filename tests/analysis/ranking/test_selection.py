"""Which rows are compared, by which objectives, and why the others are not."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest
from paretofleet_analysis.errors import RankError, ReportError
from paretofleet_analysis.present import ranking_text
from paretofleet_analysis.ranking.rank import ROWS_MAX, rank
from paretofleet_analysis.report import files
from paretofleet_analysis.report.inputs import RunInput
from paretofleet_analysis.report.rows import build_report
from paretofleet_analysis.report.schema import schema
from rankings import MODELS, by_model, reasons, verdicts


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
            assert (more[name].p_pareto, more[name].p_front) == (row.p_pareto, row.p_front)
            assert more[name].verdict == row.verdict
        assert more["twin0"].p_pareto == once["m0"].p_pareto


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


def test_what_does_no_work_is_not_ranked_unless_told(configuration):
    idle = configuration("idle", [1e-6] * 5)
    runs = [replace(idle.runs[0], flags=["no_work"], counted=False), *idle.runs[1:]]
    table = build_report([configuration("a"), replace(idle, runs=runs)])
    row = next(row for row in table.to_pylist() if row["model"] == "idle")
    assert row["runs"] == 4, "the run that looked does not count"
    assert "no_work" in row["flags"], "and what it saw of the model does"
    ranking = rank(table)
    assert list(verdicts(ranking)) == ["a"]
    assert reasons(ranking) == {"it does no work (flag no_work); --with-no-work ranks it all the same": 1}
    told = rank(table, with_no_work=True)
    assert set(verdicts(told)) == {"a", "idle"}
    assert any("with the flag no_work: idle" in note for note in told.notes)
    with pytest.raises(RankError, match="1 x it does no work"):
        rank(build_report([replace(idle, runs=runs)]))


def test_latencies_that_throughput_mode_does_not_measure_are_said_to_be_so(configuration):
    absent = dict.fromkeys(f"batch_latency_{end}" for end in ("mean_s", "p50_s", "p90_s", "p99_s"))
    row = configuration("a", mode="throughput")
    runs = [replace(run, summary={**run.summary, **absent}) for run in row.runs]
    table = build_report([replace(row, runs=runs)])
    with pytest.raises(RankError, match="throughput mode has no latencies, rank it by --for offline"):
        rank(table)
    assert rank(table, use="offline").rows[0].identity["model"] == "a"


def test_steps_of_a_training_are_never_ranked_among_inferences(configuration):
    """Also where there are more of them: what is common does not decide between the two."""
    steps = [configuration(name, mode="training") for name in "cde"]
    ranking = rank(build_report([*steps, configuration("a"), configuration("b")]), use="offline")
    assert set(verdicts(ranking)) == {"a", "b"}
    assert reasons(ranking) == {"mode is training, which is no inference: rank it by step_s": 3}
    alone = rank(build_report(steps), objectives=["top1", "throughput_items_s"])
    assert set(verdicts(alone)) == {"c", "d", "e"}


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


def test_a_hard_question_of_a_million_rows_is_refused_at_once():
    nulls = {field.type: pa.nulls(1_000_000, field.type) for field in schema()}
    table = pa.Table.from_arrays([nulls[field.type] for field in schema()], schema=schema())
    with pytest.raises(RankError, match=f"1,000,000 rows and at most {ROWS_MAX:,} are ranked at once"):
        rank(table, question="run")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 0.0])
def test_a_run_that_is_no_positive_number_excludes_its_row_by_name(configuration, summary, value):
    odd = configuration("odd")
    runs = [replace(run, summary=summary(batch_latency_p90_s=value)) for run in odd.runs]
    ranking = rank(build_report([configuration("a"), replace(odd, runs=runs)]))
    assert {found.reason: found.rows for found in ranking.exclusions} == {
        "batch_latency_p90_s is not a positive number": ("odd fp32, onnxruntime on desk cpu, batch 1",)
    }


def test_counted_runs_without_an_objective_are_left_out_and_named(configuration, summary):
    odd = configuration("odd", [0.01] * 5, top1=71.0)
    runs = [
        replace(run, summary=summary(batch_latency_p90_s=None if k < 2 else 0.011))
        for k, run in enumerate(odd.runs)
    ]
    ranking = rank(build_report([configuration("a"), replace(odd, runs=runs)]))
    assert by_model(ranking)["odd"].runs == 3
    name = "odd fp32, onnxruntime on desk cpu, batch 1"
    assert f"2 counted runs lack batch_latency_p90_s and are left out: {name}." in ranking.notes
    assert not any("counted run" in note for note in rank(build_report([configuration("a")])).notes)
