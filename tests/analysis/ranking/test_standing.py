"""What a ranking says beside its probabilities, and what it allows for: blocks, gains, accuracy."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from paretofleet_analysis.errors import RankError
from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.pareto import remove_block_effects
from paretofleet_analysis.present import explanation_text, ranking_text
from paretofleet_analysis.ranking.best_picks import best_picks
from paretofleet_analysis.ranking.block_correction import report_block_effects
from paretofleet_analysis.ranking.common_factors import common_factors
from paretofleet_analysis.ranking.dominance_counts import dominators_of_means, is_surely_dominated
from paretofleet_analysis.ranking.front_query import FrontQuery
from paretofleet_analysis.ranking.probability import probabilities
from paretofleet_analysis.ranking.rank import ROWS_MAX, rank
from paretofleet_analysis.ranking.sensitivity import leave_out_cases
from paretofleet_analysis.report import files
from paretofleet_analysis.report.rows import build_report
from paretofleet_analysis.report.schema import schema
from paretofleet_analysis.statistics.intervals import mean_interval

COSTS = [False, False]
MARGINS = [Margin(0.02), Margin(0.02)]


def by_model(ranking):
    return {row.identity["model"]: row for row in ranking.rows}


def noisy(seed, size, noise=0.03, runs=6):
    """Two costs that trade, with noise, of `size` configurations."""
    rng = np.random.default_rng(seed)
    means = np.exp(rng.standard_normal((size, 1)) * [1.0, -1.0] + 0.3 * rng.exponential(size=(size, 1)))
    return [mean * np.exp(noise * rng.standard_normal((runs, 2))) for mean in means]


# Blocks.


def drifting(configuration, drift, models=("a", "b", "c", "d")):
    """Latencies 1 % apart with own noise of 0.1 %, all of a block slower or faster by the drift."""
    rng = np.random.default_rng(2)
    factors = np.exp(drift * np.array([0.0, 1.0, -1.0, 2.0, 0.5]))
    rows = []
    for k, name in enumerate(models):
        values = 0.01 * (1 + k / 100) * factors * np.exp(0.001 * rng.standard_normal(5))
        rows.append(configuration(name, list(values), top1=70.0 + k))
    return build_report(rows)


def test_drift_that_a_device_shares_is_removed_and_told(configuration):
    ranking = rank(drifting(configuration, 0.1))
    told = ranking.evidence["block_effects"]
    assert [one["device"] for one in told] == ["desk"]
    assert told[0]["share_of_variance"]["batch_latency_p90_s"] > 0.99
    assert told[0]["largest"]["batch_latency_p90_s"] == pytest.approx(0.14, abs=0.03)
    assert {row.verdict for row in ranking.rows} == {"front"}
    row = by_model(ranking)["a"]
    assert row.corrected_means["batch_latency_p90_s"] == pytest.approx(
        row.estimates["batch_latency_p90_s"].mean, rel=0.02
    )
    assert "block effects removed on desk" in ranking_text.render(ranking)


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
    """Nothing tells their drift from their difference: nobody is dominated, nor sure to be on the front."""
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
    assert all(row.p_near_front > 0.95 for row in ranking.rows)


def test_inside_blocks_that_stand_apart_rows_are_judged_as_ever(configuration):
    """A row twice as slow as others of its own blocks is dominated, whatever the other blocks did."""
    rows = in_two_halves(configuration)
    slow = rows[5].runs
    summary = dict(slow[0].summary) | {"batch_latency_p90_s": 0.03}
    rows[5] = replace(rows[5], runs=[replace(run, summary=summary) for run in slow])
    found = by_model(rank(build_report(rows)))
    assert found["m5"].verdict == "dominated"
    assert found["m4"].verdict == found["m0"].verdict == "undecided"


def test_another_environment_in_blocks_of_its_own_is_compared_as_another_device_is(configuration):
    """A new driver from block 6 on: its rows are others, and what it changed is what is asked."""
    rows = in_two_halves(configuration, environments=("e" * 16, "f" * 16))
    ranking = rank(build_report(rows))
    assert {row.identity["model"] for row in ranking.rows if row.verdict == "dominated"} == {"m3", "m4", "m5"}
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
        assert (more[name].p_front, more[name].p_near_front) == (row.p_front, row.p_near_front)
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


# What is common to a device.


def test_a_common_gain_cancels_inside_a_device():
    assert (
        common_factors(["a", "a"], [("a rapl", 0.1)] * 2, of_power=[True, False], drifts={}, seed=1) is None
    )


def test_a_gain_across_devices_is_integrated_over():
    """Two devices 2 % apart in energy with exact runs: the answer is the normal distribution's."""
    runs = [np.array([[1.0], [1.0001], [0.9999]]), np.array([[1.02], [1.0201], [1.0199]])]
    factors = common_factors(["a", "b"], [("a", 0.0392), ("b", 0.0392)], of_power=[True], drifts={}, seed=1)
    found = probabilities(
        runs,
        FrontQuery(maximize=[False], margins=[Margin(0.0)], factors=factors),
        is_whole=False,
    )
    # gains of 2 % standard deviation each: P(log 1.02 > sqrt(2) 0.02 z) = 0.758
    assert found.raw_front[0] == pytest.approx(0.758, abs=0.07)
    assert found.raw_front.sum() == pytest.approx(1.0, abs=1e-6)
    assert 0.0 < found.factors_error < 0.15


def test_few_blocks_do_not_know_their_own_drift_well():
    """Three blocks of one device: what is sure at 95 % is Student's, 2.92 standard errors, not 1.64."""
    drift = np.array([[0.02], [-0.03], [0.01]])
    factors = common_factors(["a", "b"], [None, None], of_power=[False], drifts={"a": drift}, seed=1)
    reach = 1.645 * np.sqrt(sum(one[0, 0] ** 2 for one in factors.loadings))
    assert reach == pytest.approx(2.92 * drift.std(ddof=1) / np.sqrt(3), rel=1e-3)
    assert all(one[1, 0] == 0.0 for one in factors.loadings)


def test_drift_of_devices_apart_is_no_certainty_between_them(configuration):
    """Inside each device drift cancels; between two that drifted by 10 % nothing is sure."""
    tables = [drifting(configuration, 0.0), drifting(configuration, 0.1)]
    rows = files.concatenate(tables).to_pylist()
    for row in rows[4:]:
        row["device"], row["run_ids"] = "other", [f"other-{run}" for run in row["run_ids"]]
    table = pa.Table.from_pylist(rows, schema=schema())
    ranking = rank(table)
    near = [row.p_near_front for row in ranking.rows if row.identity["model"] == "d"]
    assert all(p > 0.1 for p in near)
    assert ranking.evidence["common_factors_error"] is not None


# Accuracy as random.


def test_accuracy_by_population_is_drawn_once_for_a_model(configuration):
    rows = [
        configuration("a", [0.0100, 0.0101, 0.0100], top1=70.0, top1_n=1000),
        configuration("b", [0.0120, 0.0121, 0.0120], top1=70.5, top1_n=1000),
        configuration("b", [0.0130, 0.0131, 0.0130], top1=70.5, top1_n=1000, runtime="openvino"),
    ]
    table = build_report(rows)
    fixed, population = rank(table), rank(table, accuracy_question="population")
    assert [row.verdict for row in fixed.rows] == ["front", "front", "dominated"]
    slower = population.rows[-1]
    assert slower.identity["runtime"] == "openvino"
    assert slower.p_front < 0.05  # its own model is always as accurate
    faster = next(row for row in population.rows if row.identity["model"] == "b")
    assert 0.2 < faster.p_front < 0.95  # 0.5 points on 1,000 images may be chance
    assert population.evidence["accuracy_question"].startswith("population")


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("seeds", "the report holds one training of each model"),
        ("mood", "unknown accuracy question 'mood': choose fixed or population"),
        ("population", "does not say on how many images a was tested: give top1_n"),
    ],
)
def test_an_accuracy_question_that_cannot_be_answered(configuration, question, sentence):
    rows = [configuration(name, top1=70 + k, top1_n=None) for k, name in enumerate("ab")]
    with pytest.raises(RankError, match=sentence):
        rank(build_report(rows), accuracy_question=question)


# Efficiency, dominators, ranks.


def test_efficiency_is_the_share_of_costs_that_another_as_accurate_needs(configuration):
    rows = [
        configuration("small", [0.0100, 0.0101, 0.0099], top1=70.0),
        configuration("slow", [0.0200, 0.0202, 0.0198], top1=70.0),
        configuration("large", [0.0400, 0.0404, 0.0396], top1=80.0),
    ]
    found = by_model(rank(build_report(rows)))
    assert found["slow"].efficiency.median == pytest.approx(0.5, rel=0.01)
    assert 0.45 < found["slow"].efficiency.lo < 0.5 < found["slow"].efficiency.hi < 0.55
    assert found["small"].efficiency.median == found["large"].efficiency.median == 1.0
    assert found["slow"].expected_dominators == pytest.approx(1.0, abs=0.01)
    assert found["slow"].rank_interval == (2, 2)
    assert found["small"].rank_interval == (1, 1)


def test_efficiencies_agree_with_a_simulation():
    runs = noisy(1, 30)
    found = probabilities(runs, FrontQuery(COSTS, MARGINS), is_held=[False, False])
    rng = np.random.default_rng(7)
    spread = [np.log(x).std(axis=0, ddof=1) / np.sqrt(len(x)) for x in runs]
    centres = np.log([x.mean(axis=0) for x in runs])
    pooled = np.sqrt(np.mean(np.square(spread)))
    thetas = []
    for _ in range(2000):
        logs = centres + pooled * rng.standard_normal(centres.shape)
        thetas.append(np.exp((logs[None] - logs[:, None]).max(axis=2).min(axis=1)))
    lo, median, hi = np.quantile(thetas, [0.025, 0.5, 0.975], axis=0)
    np.testing.assert_allclose(found.efficiency.median, median, atol=0.02)
    np.testing.assert_allclose(found.efficiency.lo, lo, atol=0.04)
    np.testing.assert_allclose(found.efficiency.hi, hi, atol=0.04)


def test_who_is_surely_dominated_matters_to_nobody():
    runs = noisy(5, 400, noise=0.02)
    beaten = is_surely_dominated(runs, maximize=COSTS, margins=MARGINS)
    assert 100 < beaten.sum() < 400
    query = FrontQuery(COSTS, MARGINS, question="run")
    whole = probabilities(runs, query, is_whole=False)
    few = probabilities([x for x, gone in zip(runs, beaten, strict=True) if not gone], query, is_whole=False)
    assert whole.near_front[beaten].max() == 0.0
    np.testing.assert_allclose(few.front, whole.front[~beaten], atol=1e-8)
    np.testing.assert_allclose(few.near_front, whole.near_front[~beaten], atol=1e-8)


def test_a_row_inside_the_margin_is_not_surely_beaten():
    runs = [np.array([[1.0], [1.0], [1.0001]]), np.array([[1.01], [1.01], [1.0101]])]
    assert not is_surely_dominated(runs, maximize=[False], margins=[Margin(0.02)]).any()
    assert is_surely_dominated(runs, maximize=[False], margins=[Margin(0.005)]).tolist() == [False, True]


def test_dominators_of_means_are_counted():
    points = np.array([[1.0, 1.0], [2.0, 2.0], [2.0, 2.0], [3.0, 0.5]])
    assert dominators_of_means(points, points, maximize=COSTS).tolist() == [0, 1, 1, 0]


def test_large_fleets_say_the_same_of_the_rows_that_matter():
    """Above 300 rows the surely beaten are counted by their means."""
    runs = noisy(6, 290, noise=0.02)
    query, is_held = FrontQuery(COSTS, MARGINS), [False, False]
    small = probabilities(runs, query, is_held=is_held)
    worse = [x * 5 for x in runs[:40]]
    large = probabilities([*runs, *worse], query, is_held=is_held)
    assert np.abs(large.front[:290] - small.front).max() < 0.1
    assert (large.near_front[290:] < 0.01).all()
    np.testing.assert_allclose(large.dominators[:290], small.dominators, atol=0.6, rtol=0.1)
    np.testing.assert_allclose(large.efficiency.median[:290], small.efficiency.median, atol=0.03)


@pytest.mark.parametrize("top1", [58.18, 56.52, 56.522])
@pytest.mark.parametrize(("of_slow", "of_fast"), [(5, 6), (6, 5), (7, 5), (5, 7)])
def test_an_accuracy_in_common_stays_in_common_whatever_the_number_of_runs(
    configuration, top1, of_slow, of_fast
):
    """The mean of five times 58.18 is not 58.18 in floating point; a bit of it must not beat a rival."""
    slow = configuration("net", [0.02 + k / 1e5 for k in range(of_slow)], top1=top1, runtime="openvino")
    fast = configuration("net", [0.01 + k / 1e5 for k in range(of_fast)], top1=top1)
    rows = rank(build_report([slow, fast])).rows
    assert [row.is_on_frontier_of_means for row in rows] == [True, False]
    assert rows[1].sentence.startswith("Row 1 is better: p90 ")


# Selected, and why.


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


def test_large_differences_are_written_without_an_exponent(configuration):
    rows = [configuration("quick", [0.010, 0.0101, 0.010]), configuration("slow", [0.050, 0.051, 0.050])]
    ranking = rank(build_report(rows), use="offline", objectives=["throughput_items_s"], why="2")
    text = " ".join(explanation_text.render_why(ranking.why).split())
    assert re.search(r"rate 400 % better \(\+3\d0 to \+4\d0\)", text)
    assert "rate 40" in text.split("hold both: ")[1]
    assert "e+0" not in text


def test_rows_within_the_margins_are_named_by_what_tells_them_apart(configuration):
    rows = [configuration("a", [0.0100, 0.0101, 0.0100], runtime=name) for name in ("openvino", "torch")]
    text = ranking_text.render(rank(build_report(rows)))
    assert "each other: rows 1 (a openvino), 2 (a torch)." in text


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
    assert rival.p_dominates >= rival.p_beats > 0.5
    top1, latency = rival.leads
    assert (top1.relative, top1.lo) == (pytest.approx(1 / 70, rel=1e-3), None)
    assert latency.lo < latency.relative < latency.hi
    text = explanation_text.render_why(why)
    assert f"Row {rival.number} dominates row {number} with probability" in text
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
        configuration("two", list(0.0096 * np.exp(spread)), top1=71.0),
    ]
    table = build_report(rows)
    number = by_model(rank(table))["one"].number
    rival = rank(table, why=str(number)).why.rivals[0]
    assert 0.05 < rival.p_beats < 0.95
    distance = -np.log(0.96) + np.log(0.98)
    expected = int(np.ceil(15.698 * (0.03 / distance) ** 2)) - 5
    assert rival.more_runs == pytest.approx(expected, abs=1)


# What cannot be ranked.


def test_a_table_of_a_million_rows_is_refused_at_once():
    table = pa.Table.from_arrays([pa.nulls(1_000_000, field.type) for field in schema()], schema=schema())
    with pytest.raises(RankError, match=f"1,000,000 rows and at most {ROWS_MAX:,} are ranked at once"):
        rank(table)


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


def test_exact_ties_share_the_frontier(configuration):
    rows = [configuration(name, [0.01] * 5, top1=70.0) for name in "ab"]
    rows.append(configuration("c", [0.02] * 5, top1=60.0))
    found = by_model(rank(build_report(rows)))
    assert found["a"].verdict == found["b"].verdict == "front"
    assert found["c"].verdict == "dominated"
