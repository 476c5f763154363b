"""Drift that a device shares in a block is taken out of its rows, and what stands apart stays apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from paretofleet_analysis.errors import RankError
from paretofleet_analysis.pareto import remove_block_effects
from paretofleet_analysis.present import ranking_text
from paretofleet_analysis.ranking.block_correction import report_block_effects
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.ranking.sensitivity import leave_out_cases
from paretofleet_analysis.report import files
from paretofleet_analysis.report.rows import build_report
from paretofleet_analysis.report.schema import schema
from rankings import by_model, drifting


def test_drift_that_a_device_shares_is_removed_and_told(configuration):
    ranking = rank(drifting(configuration, 0.1))
    told = ranking.evidence["block_effects"]
    assert [one["device"] for one in told] == ["desk"]
    assert told[0]["share_of_variance"]["batch_latency_p90_s"] > 0.99
    assert told[0]["largest"]["batch_latency_p90_s"] == pytest.approx(0.14, abs=0.03)
    assert all(row.p_pareto > 0.95 for row in ranking.rows)
    row = by_model(ranking)["a"]
    assert row.corrected_means["batch_latency_p90_s"] == pytest.approx(
        row.estimates["batch_latency_p90_s"].mean, rel=0.02
    )
    assert "block effects removed on desk" in ranking_text.render(ranking)


def test_the_intervals_shown_are_those_of_what_is_compared_and_say_whether_drift_is_in_them(configuration):
    ranking = rank(drifting(configuration, 0.1))
    for row in ranking.rows:
        measured, shown = row.estimates["batch_latency_p90_s"], row.compared("batch_latency_p90_s")
        assert (measured.holds_drift, shown.holds_drift) == (True, False)
        assert shown.mean == row.corrected_means["batch_latency_p90_s"]
        assert shown.half_width < measured.half_width / 10
    text = " ".join(ranking_text.render(ranking).split())
    assert "on these very boards; without the drift between blocks." in text
    few = rank(drifting(configuration, 0.1, models=("a", "b")))
    assert few.rows[0].compared("batch_latency_p90_s").holds_drift
    assert "on these very boards; drift between blocks included." in " ".join(
        ranking_text.render(few).split()
    )


def test_fewer_than_three_configurations_are_not_corrected_and_it_says_so(configuration):
    ranking = rank(drifting(configuration, 0.1, models=("a", "b")))
    assert ranking.evidence["block_effects"] == [
        {
            "device": "desk",
            "corrected": False,
            "note": "no correction, fewer than 2 blocks hold 3 configurations",
        }
    ]
    assert by_model(ranking)["a"].corrected_means is None
    assert "block effects on desk: no correction" in ranking_text.render(ranking)


def test_blocks_that_hold_too_few_are_named_beside_those_that_were_corrected(configuration):
    """Later blocks of a sweep hold only what has not converged, so they may hold two configurations."""
    rng = np.random.default_rng(2)
    rows = [
        configuration(name, list(0.01 * np.exp(0.02 * rng.standard_normal(runs))), top1=70.0 + runs)
        for name, runs in {"a": 7, "b": 7, "c": 5, "d": 4}.items()
    ]
    ranking = rank(build_report(rows))
    assert ranking.evidence["block_effects"][0]["blocks_left"] == [6, 7]
    text = " ".join(ranking_text.render(ranking).split())
    assert "; kept in blocks with fewer than 3 configurations: 6, 7" in text


def test_blocks_of_two_sweeps_are_not_the_same(configuration):
    """What block 2 of one sweep did to a device says nothing of block 2 of another."""
    rows = files.concatenate([drifting(configuration, 0.1), drifting(configuration, -0.1)]).to_pylist()
    for row in rows[4:]:
        row["sweep"], row["model"] = "later", f"later-{row['model']}"
        row["configuration_id"] = row["model"]
        row["run_ids"] = [f"later-{run}" for run in row["run_ids"]]
    ranking = rank(pa.Table.from_pylist(rows, schema=schema()))
    told = ranking.evidence["block_effects"]
    assert [one["device"] for one in told] == ["desk in demo", "desk in later"]
    assert all(one["share_of_variance"]["batch_latency_p90_s"] > 0.99 for one in told)
    assert all(row.corrected_means is not None for row in ranking.rows)
    names = [name for name, _ in leave_out_cases(rows)]
    assert names[:2] == ["block 1 of demo", "block 2 of demo"]
    assert names[-1] == "block 5 of later"


def in_two_halves(configuration, *, environments=("e" * 16, "e" * 16), by=0.2):
    """Six equal models of which the last three ran in later blocks, all of them slower `by` that much."""
    rng = np.random.default_rng(0)
    rows = []
    for k in range(6):
        late = k >= 3
        latencies = list(0.01 * np.exp(by * late + 0.002 * rng.standard_normal(5)))
        row = configuration(f"m{k}", latencies, top1=70.0)
        runs = [
            replace(run, block=run.block + 5 * late, environment_id=environments[late]) for run in row.runs
        ]
        rows.append(replace(row, runs=runs))
    return rows


def test_rows_of_blocks_that_share_no_configuration_are_not_judged_by_each_other(configuration):
    """Nothing tells their drift from their difference: nobody is beaten, nor sure to be on the front."""
    ranking = rank(build_report(in_two_halves(configuration)))
    assert {row.verdict for row in ranking.rows} == {"undecided"}
    assert ranking.evidence["block_effects"][0]["apart"] == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]
    assert any(
        note.startswith("Blocks 1-5 and 6-10 of desk share no configuration") for note in ranking.notes
    )
    text = " ".join(ranking_text.render(ranking).split())
    assert "; not between blocks 1-5 and 6-10, which share no configuration" in text


def test_drift_between_parts_makes_everything_worse_or_everything_better(configuration):
    """More throughput and less energy: were it free in each, no row of the other part could be ahead."""
    rows = []
    for row in in_two_halves(configuration, by=0.03):
        runs = []
        for run in row.runs:
            slow = run.summary["batch_latency_p90_s"]
            costs = {"throughput_items_s": 1 / slow, "energy_j_per_item": 50 * slow}
            power = {"power_scope": "package", "power_source": "rapl", "energy_gain_uncertainty": 0.03}
            runs.append(replace(run, summary=dict(run.summary) | costs | power))
        rows.append(replace(row, runs=runs))
    ranking = rank(build_report(rows), use="offline")
    assert {row.verdict for row in ranking.rows} == {"undecided"}


@pytest.mark.parametrize("late", [1, 2])
def test_a_row_or_two_in_blocks_of_their_own_are_a_part_too(configuration, late):
    """Too few for a correction of theirs, and nothing connects them to the others."""
    ranking = rank(build_report(in_two_halves(configuration)[: 3 + late]))
    assert {row.verdict for row in ranking.rows} == {"undecided"}
    assert ranking.evidence["block_effects"][0]["apart"] == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]
    assert any("share no configuration" in note for note in ranking.notes)


def test_the_block_effects_of_a_report_are_those_of_its_arrays(configuration):
    """One row without counted runs is left out; the others are the fit's configurations in their order."""
    table = drifting(configuration, 0.1, models=("a", "b", "c", "d", "e"))
    gone = table.to_pylist()
    gone[1]["run_counted"] = [False] * 5
    rows, found = report_block_effects(
        pa.Table.from_pylist(gone, schema=schema()), objectives=["batch_latency_p90_s"]
    )
    assert rows == [0, 2, 3, 4]
    runs = [np.array(gone[i]["batch_latency_p90_s_runs"])[:, None] for i in rows]
    expected = remove_block_effects(runs, blocks=[gone[i]["run_blocks"] for i in rows])
    assert found.block_share[0, 0] > 0.9
    for one, other in zip(found.samples, expected.samples, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(RankError, match="measured objectives, not of top1"):
        report_block_effects(table, objectives=["top1"])
    with pytest.raises(RankError, match="no row of the report has energy_j_per_item in a counted run"):
        report_block_effects(table, objectives=["energy_j_per_item"])


def test_one_row_in_both_halves_makes_them_comparable(configuration):
    bridge = configuration("m6", [0.01] * 5 + [0.01 * np.exp(0.2)] * 5, top1=70.0)
    ranking = rank(build_report([*in_two_halves(configuration), bridge]))
    assert ranking.evidence["block_effects"][0]["apart"] == []
    assert all(row.p_front > 0.95 for row in ranking.rows)


def test_inside_blocks_that_stand_apart_rows_are_judged_as_ever(configuration):
    """A row twice as slow as others of its own blocks is beaten, whatever the other blocks did."""
    rows = in_two_halves(configuration)
    slow = rows[5].runs
    summary = dict(slow[0].summary) | {"batch_latency_p90_s": 0.03}
    rows[5] = replace(rows[5], runs=[replace(run, summary=summary) for run in slow])
    found = by_model(rank(build_report(rows)))
    assert found["m5"].verdict == "beaten"
    assert found["m4"].verdict == found["m0"].verdict == "undecided"


def test_another_environment_in_blocks_of_its_own_is_compared_as_another_device_is(configuration):
    """A new driver from block 6 on: its rows are others, and what it changed is what is asked."""
    rows = in_two_halves(configuration, environments=("e" * 16, "f" * 16))
    ranking = rank(build_report(rows))
    assert {row.identity["model"] for row in ranking.rows if row.verdict == "beaten"} == {"m3", "m4", "m5"}
    assert not any("share no configuration" in note for note in ranking.notes)
    assert ranking.evidence["block_effects"][0]["apart"] == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]


def test_a_twin_moves_no_block_effect(configuration):
    rows = [
        configuration(
            name, list(0.01 * np.exp(0.05 * np.random.default_rng(k).standard_normal(5))), top1=70 + k
        )
        for k, name in enumerate("abcde")
    ]
    once = by_model(rank(build_report(rows)))
    twin = replace(rows[0], model="twin", configuration_id="twin")
    more = by_model(rank(build_report([*rows, twin, replace(twin, model="two", configuration_id="two")])))
    for name, row in once.items():
        assert (more[name].p_front, more[name].p_pareto) == (row.p_front, row.p_pareto)
    assert more["twin"].p_front == once["a"].p_front


def test_the_canary_s_drift_is_part_of_the_evidence_whether_it_is_ranked_or_not(configuration):
    """The canary is what ran most: here a batch of 4, which is no row of the ranking."""
    hotter = 0.02 * np.exp(0.03 * np.arange(8))
    rows = [
        configuration("a", [0.010] * 5, top1=70.0),
        configuration("canary", list(hotter), top1=71.0, batch_size=4),
        configuration("else", [0.010, 0.011], top1=70.0, device="young"),
    ]
    ranking = rank(build_report(rows))
    desk, young = ranking.evidence["canary_drift"]
    assert (desk["device"], desk["sweep"], desk["blocks"]) == ("desk", "demo", 8)
    assert desk["canary"].startswith("canary fp32")
    assert desk["measures"]["batch_latency_p90_s"]["per_block"] == pytest.approx(np.expm1(0.03))
    assert desk["measures"]["batch_latency_p90_s"]["is_large"]
    assert young == {"device": "young", "sweep": "demo", "note": "no configuration ran in 3 blocks"}
    text = " ".join(ranking_text.render(ranking).split())
    assert (
        "drift of desk by its canary (canary fp32, onnxruntime on desk cpu, batch 4): p90 +3 % a block"
        in text
    )
    assert "8 blocks, more than can be left alone" in text
    assert "drift of young: unknown, no configuration ran in 3 blocks" in text


def test_rows_of_one_run_leave_the_correction_of_the_others_alone():
    """Two blocks, of which some rows have one: a quantile wants more iterations than a run had."""
    rng = np.random.default_rng(6)
    both, second = [[1, 2]] * 8, [[2]] * 4
    runs = [
        [[(1.2 if block == 2 else 1.0) * (k + 1) * np.exp(0.01 * rng.standard_normal())] for block in blocks]
        for k, blocks in enumerate(both + second)
    ]
    fit = remove_block_effects(runs, blocks=both + second)
    first, last = (fit.effects[0][block][0] for block in (1, 2))
    assert last - first == pytest.approx(np.log(1.2), abs=0.02)
    assert fit.block_share[0][0] > 0.9
