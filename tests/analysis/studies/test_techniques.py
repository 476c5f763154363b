"""Operational scores and their reversals; techniques against their parents in three dimensions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from paretofleet_analysis.report.rows import build_report
from paretofleet_analysis.studies.operational_scores import Weights, arithmetic, geometric, ratio, reversals
from paretofleet_analysis.studies.techniques import answers

VALUES = arrays(float, (6, 3), elements=st.floats(1, 100))


def by_title(found):
    return {answer.title: answer for answer in found}


@pytest.fixture
def report(configuration):
    """A report of (model, precision, latencies in s, bytes, top-1, images, group) a row."""

    def make(*rows):
        made = []
        for model, precision, latencies, size, top1, count, group in rows:
            given_ = configuration(
                model, latencies, top1=top1, size_bytes=size, top1_n=count, accuracy_group=group
            )
            facts = {"effective": {"precision": precision}}
            runs = [replace(run, run_id=f"{run.run_id}-{precision}", facts=facts) for run in given_.runs]
            identity = f"{model}-{precision}"
            made.append(replace(given_, precision=precision, configuration_id=identity, runs=runs))
        return build_report(made)

    return make


FP32 = ("net", "fp32", [0.020, 0.0201, 0.0199, 0.02], 40_000_000, 76.0, 1_000_000, "a")


@settings(max_examples=60, deadline=None)
@given(VALUES, st.sampled_from([geometric, ratio]), st.integers(0, 5))
def test_scores_of_ratios_order_two_models_whatever_third_is_there(values, score, without):
    weights = Weights(0.5, 0.3, 0.2)
    kept = np.delete(np.arange(6), without)
    whole, part = score(values, weights)[kept], score(values[kept], weights)
    apart = np.log(whole)[:, None] - np.log(whole)
    assert np.allclose(apart, np.log(part)[:, None] - np.log(part))


@settings(max_examples=60, deadline=None)
@given(VALUES, st.sampled_from([geometric, ratio, arithmetic]))
def test_what_is_better_in_everything_scores_no_less(values, score):
    better = values[0] * np.array([1.1, 0.9, 0.9])
    scored = score(np.vstack([values, better]), Weights())
    assert scored[-1] >= scored[0]


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_every_reversal_that_is_told_is_one(values):
    weights = Weights(0.4, 0.3, 0.3)
    for each in reversals(values, weights):
        whole = arithmetic(values, weights)
        kept = [at for at in range(6) if at != each.without]
        part = dict(zip(kept, arithmetic(values[kept], weights), strict=True))
        assert whole[each.first] > whole[each.second]
        assert part[each.first] < part[each.second]


def test_the_scores_say_their_weights_and_who_turns_their_order(report):
    table = report(
        ("a", "fp32", [0.010] * 3, 1_000_000, 80.0, None, "a"),
        ("b", "fp32", [0.001] * 3, 1_000_000, 70.0, None, "b"),
        ("c", "fp32", [0.500] * 3, 1_000_000, 79.0, None, "c"),
    )
    found = by_title(answers(table, weights=Weights(0.4, 0.6, 0.0)))["Operational scores: desk, batch 1"]
    assert "accuracy 0.4, time 0.6, size 0" in found.sentence
    assert "without c, b comes before a" in found.sentence
    assert found.columns[-3:] == ("geometric", "ratio", "arithmetic")
    assert [row[0] for row in found.rows] == ["b", "a", "c"]
    assert (
        "reversal"
        not in by_title(answers(table, scores=["ratio"]))["Operational scores: desk, batch 1"].sentence
    )


def test_variants_of_one_model_are_called_by_their_variant(configuration):
    """Else the first is "net" and so is the last, and bars of both lie over each other."""
    made = [
        replace(
            configuration("net", latencies, top1=top1, size_bytes=size, top1_n=1000),
            variant=variant,
            configuration_id=variant,
        )
        for variant, latencies, size, top1 in (
            ("file", [0.02, 0.021, 0.02], 40_000_000, 76.0),
            ("int8-static", [0.01, 0.011, 0.01], 10_000_000, 75.5),
        )
    ]
    for each in made:
        each.runs[:] = [replace(run, run_id=f"{run.run_id}-{each.variant}") for run in each.runs]
    (scored,) = [each for each in answers(build_report(made)) if each.title.startswith("Operational")]
    assert scored.sentence.startswith("First is net int8-static by the geometric score")
    assert [point["model"] for point in scored.chart.points] == ["net int8-static", "net file"]


def test_a_technique_that_helps_in_all_three_holds(report):
    int8 = ("net", "int8", [0.010, 0.0101, 0.0099, 0.01], 10_000_000, 76.6, 1_000_000, "b")
    found = by_title(answers(report(FP32, int8)))["fp32 to int8 helps in accuracy, time and size"]
    assert found.verdict == "holds"
    assert found.sentence.startswith("Helps in 3 of 3 (accuracy, time, size)")
    row = found.rows[0]
    assert row[3] == pytest.approx(0.6)
    assert row[4] < row[3] < row[5]
    assert row[7] == pytest.approx(0.5, rel=0.01)
    assert row[8] < row[7] < row[9]
    assert row[11] == pytest.approx(0.25)
    assert (row[6], row[10], row[14]) == ("helps", "helps", "helps")


def test_a_technique_that_costs_accuracy_helps_in_two_and_fails(report):
    int8 = ("net", "int8", [0.010, 0.0101, 0.0099, 0.01], 10_000_000, 74.0, 1_000_000, "b")
    found = by_title(answers(report(FP32, int8)))["fp32 to int8 helps in accuracy, time and size"]
    assert found.verdict == "fails"
    assert found.sentence.startswith("Helps in 2 of 3 (time, size)")


def test_an_accuracy_of_the_parent_says_nothing_of_the_child(report):
    fp16 = ("net", "fp16", [0.010, 0.0101, 0.0099, 0.01], 20_000_000, 76.0, 1_000_000, "a")
    found = by_title(answers(report(FP32, fp16)))["fp32 to fp16 helps in accuracy, time and size"]
    assert found.verdict == "cannot tell"
    assert found.rows[0][3] is None
    assert "An accuracy that a model shares with its parent, or lacks, says nothing." in found.sentence


def test_few_images_leave_the_accuracy_open(report):
    few = (*FP32[:5], 500, "a")
    int8 = ("net", "int8", [0.010, 0.0101, 0.0099, 0.01], 10_000_000, 76.6, 500, "b")
    found = by_title(answers(report(few, int8)))["fp32 to int8 helps in accuracy, time and size"]
    assert found.verdict == "cannot tell"
    assert found.rows[0][6] == "cannot tell"


def test_without_two_precisions_there_is_no_technique(report):
    found = by_title(answers(report(FP32)))
    assert found["Techniques against their parents"].verdict == "left out"
    assert found["Operational scores: desk"].verdict == "left out"


def test_weights_and_scores_are_checked(report):
    with pytest.raises(ValueError, match="shares that add up to 1"):
        Weights(0.5, 0.5, 0.5)
    with pytest.raises(ValueError, match="unknown score 'harmonic'"):
        answers(report(FP32), scores=["harmonic"])


def test_of_many_techniques_those_of_the_most_models_are_asked_about_and_the_others_listed(configuration):
    def row(model, variant):
        facts = {"configuration_id": f"{model}-{variant}", "variant": variant}
        return configuration(model, [0.010] * 3, top1=70.0, size_bytes=1_000_000, **facts)

    common = [row(model, variant) for model in ("a", "b") for variant in ("one", "two")]
    rare = [row("c", f"v{k:02d}") for k in range(12)]
    found = answers(build_report([*common, *rare]))
    own = [answer for answer in found if answer.title.endswith(" helps in accuracy, time and size")]
    further = by_title(found)["Further techniques"]
    assert len(own) == 8
    assert any(" one to " in answer.title and answer.title.split()[-7] == "two" for answer in own)
    assert len(own) + len(further.rows) == 12
    assert further.sentence.startswith("4 more techniques, of at most 1 pair of rows each")
