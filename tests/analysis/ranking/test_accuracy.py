"""Accuracies as random: a test set as a sample, shared by all rows of a model."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from paretofleet_analysis.errors import RankError
from paretofleet_analysis.objectives import Margin
from paretofleet_analysis.present import ranking_text
from paretofleet_analysis.ranking.accuracy import joint_accuracies, next_trainings
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report.rows import build_report
from paretofleet_analysis.statistics.paired_accuracy import packed


def test_accuracy_by_population_is_drawn_once_for_a_model(configuration):
    rows = [
        configuration("a", [0.0100, 0.0101, 0.0100], top1=70.0, top1_n=1000),
        configuration("b", [0.0120, 0.0121, 0.0120], top1=70.5, top1_n=1000),
        configuration("b", [0.0130, 0.0131, 0.0130], top1=70.5, top1_n=1000, runtime="openvino"),
    ]
    table = build_report(rows)
    fixed, population = rank(table), rank(table, accuracy_question="population")
    assert [row.verdict for row in fixed.rows] == ["front", "front", "beaten"]
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
        ("mood", "unknown accuracy question 'mood': choose fixed, population or seeds"),
        ("population", "does not say on how many images a was tested: give top1_n"),
    ],
)
def test_an_accuracy_question_that_cannot_be_answered(configuration, question, sentence):
    rows = [configuration(name, top1=70 + k, top1_n=None) for k, name in enumerate("ab")]
    with pytest.raises(RankError, match=sentence):
        rank(build_report(rows), accuracy_question=question)


def test_accuracy_by_seeds_is_that_of_one_more_training(configuration):
    """Half a point is nothing where trainings differ by as much, and all where they agree."""
    wide = {
        "a": (70.0, 71.0, 70.4),
        "b": (70.9, 70.1, 71.5),
        "c": (60.0, 60.9, 60.5),
        "d": (50.2, 51.0, 50.1),
    }
    rows = [
        configuration(name, [0.01 + at / 1000] * 3, top1=float(np.mean(seeds)), top1_seeds=seeds)
        for at, (name, seeds) in enumerate(wide.items())
    ]
    found = {row.identity["model"]: row for row in rank(build_report(rows), accuracy_question="seeds").rows}
    assert 0.3 < found["b"].p_front < 0.95
    assert found["c"].verdict == "beaten"
    narrow = {"b": (70.9, 70.91, 70.92), "a": (70.4, 70.41, 70.42)}
    rows = [replace(row, top1_seeds=narrow.get(row.model, row.top1_seeds)) for row in rows]
    found = {row.identity["model"]: row for row in rank(build_report(rows), accuracy_question="seeds").rows}
    assert found["b"].p_front > 0.9


def test_one_more_training_falls_where_it_is_said_to_fall():
    """Of 150 fleets of known trainings: in the central half of its law half of the time."""
    random = np.random.default_rng(3)
    inside = total = 0
    for _ in range(150):
        means = random.uniform(85, 95, 6)
        trainings = means[:, None] + random.normal(0, 0.3, (6, 3))
        values = next_trainings(trainings[:, :2].tolist())
        for each, due in zip(values, trainings[:, 2], strict=True):
            low, high = np.quantile(each, [0.25, 0.75])
            inside += low <= due <= high
            total += 1
    assert 0.45 < inside / total < 0.55


SET = {"sha256": "5" * 64, "labels": "6" * 64, "n": 1000}


def evaluated(correct, **more):
    """What a row has of a measured accuracy."""
    measured = {"top1": 100 * float(correct.mean()), "top1_n": correct.size, "top1_source": "measured"}
    return {**measured, "correct_items": packed(correct), "accuracy_data": SET, **more}


def test_two_models_on_the_same_images_are_surer_apart_than_on_their_own(configuration):
    """Twelve images of a thousand that only one has right: not chance, where all else is equal."""
    worse = np.arange(1000) < 800
    better = np.arange(1000) < 812
    alone = {"correct_items": None, "accuracy_data": {}}

    def p_of_better(**more):
        rows = [
            configuration("worse", [0.0100, 0.0101, 0.0100], **evaluated(worse, **more)),
            configuration("better", [0.0120, 0.0121, 0.0120], **evaluated(better, **more)),
        ]
        found = rank(build_report(rows), accuracy_question="population", margins={"top1": 0.0})
        return next(row.p_front for row in found.rows if row.identity["model"] == "better")

    assert p_of_better() > 0.95
    assert p_of_better(**alone) < 0.85


def test_the_error_of_joint_draws_stands_in_the_evidence(configuration):
    """Two accuracies that the same images do not decide: some draws say so, others the contrary."""
    rows = [
        configuration(name, [cost, cost * 1.01, cost], **evaluated(np.arange(200) % 9 != at))
        for at, (name, cost) in enumerate([("a", 0.0100), ("b", 0.0120)])
    ]
    joint = rank(build_report(rows), accuracy_question="population")
    assert 0 < joint.evidence["joint_accuracies_error"] < 0.032
    assert "averaged over draws of all accuracies at once (standard error about 0.0" in " ".join(
        ranking_text.render(joint).split()
    )
    assert rank(build_report(rows)).evidence["joint_accuracies_error"] is None


def test_each_models_own_law_is_that_of_its_own_count():
    """The mean and the spread of the draws are those of Jeffreys' posterior."""
    right = [np.arange(1000) < 800, np.arange(1000) % 5 != 0, np.ones(1000, bool)]
    rows = [
        {**evaluated(each), "accuracy_group": str(at), "model": "m", "accuracy_data": json.dumps(SET)}
        for at, each in enumerate(right)
    ]
    draws = np.array([np.concatenate(draw.values) for draw in joint_accuracies(rows, Margin(0.2), 1)])
    assert draws[:, 0].mean() == pytest.approx(80.0, abs=0.3)
    assert draws[:, 0].std() == pytest.approx(100 * np.sqrt(0.8 * 0.2 / 1001), rel=0.15)
    assert draws[:, 1].std() == pytest.approx(draws[:, 0].std(), rel=0.2)
    assert 99.0 < draws[:, 2].min() < draws[:, 2].mean() < 100.0


def test_rows_of_other_images_are_drawn_by_themselves():
    rows = [
        {**evaluated(np.ones(1000, bool)), "accuracy_group": str(at), "accuracy_data": json.dumps(of)}
        for at, of in enumerate([SET, {**SET, "sha256": "7" * 64}])
    ]
    assert joint_accuracies(rows, Margin(0.2), 1) == []
    assert len(joint_accuracies(rows[:1] * 2, Margin(0.2), 1)) > 50


TRAINED = {
    "quick": ((90.0, 90.4, 90.2), (1.0, 1.1, 1.05)),
    "slow": ((90.1, 90.3, 90.2), (9.0, 9.4, 9.2)),
    "best": ((97.0, 97.2, 97.1), (4.0, 4.3, 4.1)),
}


def trained(configuration, of):
    return build_report(
        [
            configuration(
                name,
                [0.01, 0.0101, 0.0099],
                top1=float(np.mean(top1)),
                top1_n=10_000,
                top1_seeds=top1,
                training={"s": list(costs), "top1": list(top1)},
            )
            for name, (top1, costs) in of.items()
        ]
    )


def test_what_a_training_costs_decides_where_all_else_is_alike(configuration):
    """Fixed: by the means; of one more training: by accuracy and cost together."""
    for question in ("fixed", "seeds"):
        ranking = rank(
            trained(configuration, TRAINED),
            objectives=["top1", "batch_latency_mean_s", "training_s"],
            accuracy_question=question,
        )
        found = {row.identity["model"]: row for row in ranking.rows}
        assert found["slow"].p_front < 0.06, question
        assert found["quick"].p_front > 0.95, question
        assert found["best"].p_front > 0.95, question


def test_costs_of_trainings_that_overlap_leave_it_open_by_seeds(configuration):
    """Three trainings of 1 to 2 s each do not tell which of two models is trained faster."""
    of = {
        "a": ((90.0, 90.0, 90.1), (1.0, 1.6, 1.2)),
        "b": ((90.0, 90.1, 90.0), (1.1, 1.9, 1.3)),
        "c": ((80.0, 80.1, 80.0), (5.0, 8.0, 6.0)),
    }
    ranking = rank(
        trained(configuration, of),
        objectives=["batch_latency_mean_s", "training_s"],
        accuracy_question="seeds",
    )
    found = {row.identity["model"]: row for row in ranking.rows}
    assert 0.05 < found["b"].p_front < 0.9
    assert found["c"].p_front < 0.06


def test_a_model_of_whose_training_nobody_knows_is_left_out_by_name(configuration):
    rows = [
        configuration("a", training={"s": [1.0, 1.1]}, top1=90.0),
        configuration("b", training={"s": [2.0, 2.1]}, top1=91.0),
        configuration("c", top1=92.0),
    ]
    ranking = rank(build_report(rows), objectives=["top1", "batch_latency_mean_s", "training_s"])
    (left_out,) = ranking.exclusions
    assert [row.startswith("c ") for row in left_out.rows] == [True]
    assert "training_s is absent: nobody measured it of this model" in left_out.reason
