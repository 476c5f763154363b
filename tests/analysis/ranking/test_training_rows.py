"""What training costs in a ranking: an objective that a model's rows share, of one device or one source."""

from __future__ import annotations

import pytest
from paretofleet_analysis.errors import RankError
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report.rows import build_report
from rankings import reasons, verdicts

COSTS = ["top1", "training_s"]


def of_steps(seconds, device="desk"):
    return {"s": [seconds * each for each in (0.99, 1.0, 1.01)], "device": device, "epochs": 1}


def test_seconds_of_one_device_are_not_ranked_among_those_of_another(configuration):
    table = build_report(
        [
            configuration("a", training=of_steps(10.0)),
            configuration("b", training=of_steps(30.0)),
            configuration("c", training=of_steps(1.0, device="server")),
            configuration("d"),
        ]
    )
    ranking = rank(table, objectives=COSTS, accuracy_question="fixed")
    assert verdicts(ranking)["a"] == "front"
    assert set(verdicts(ranking)) == {"a", "b"}
    assert reasons(ranking)["the device of the training is not desk"] == 1
    missing = next(reason for reason in reasons(ranking) if reason.startswith("training_s is absent"))
    assert "models set --training-epochs" in missing


def test_a_cost_that_is_ranked_as_exact_is_said_to_have_an_interval(configuration):
    table = build_report(
        [configuration(name, training=of_steps(s)) for name, s in (("a", 10.0), ("b", 30.0), ("c", 20.0))]
    )
    said = " ".join(rank(table, objectives=COSTS, accuracy_question="fixed").notes)
    assert "training_s is known within" in said
    assert "`--accuracy-question seeds` counts what it is not sure of" in said
    trained = [
        configuration(name, training=of_steps(s), top1=top1[0], top1_seeds=top1)
        for name, s, top1 in (("a", 10.0, (70.0, 70.4, 70.2)), ("b", 30.0, (75.0, 75.3, 75.1)))
    ]
    counted = rank(build_report(trained), objectives=[*COSTS, "load_s"], accuracy_question="seeds")
    assert "ranked as exact" not in " ".join(counted.notes)


def test_published_compute_of_trainings_to_other_accuracies_is_not_compared(configuration):
    def published(days, source):
        return {"compute_tflops_days": days, "compute_source": source}

    table = build_report(
        [
            configuration("a", training=published(3.1, "someone to 79 %")),
            configuration("b", training=published(0.7, "someone to 79 %")),
            configuration("c", training=published(17.0, "someone to 93 %")),
        ]
    )
    objectives = ["top1", "training_compute_tflops_days"]
    ranking = rank(table, objectives=objectives, accuracy_question="fixed")
    assert set(verdicts(ranking)) == {"a", "b"}
    assert reasons(ranking) == {"the source of the training compute is not someone to 79 %": 1}


def test_steps_are_ranked_by_their_time_and_not_by_the_same_twice(configuration, summary):
    rows = [
        configuration(name, (seconds,) * 5, mode="training", runs=runs(configuration, summary, name, seconds))
        for name, seconds in (("a", 0.1), ("b", 0.2))
    ]
    table = build_report([*rows, configuration("c")])
    ranking = rank(table, objectives=["top1", "step_s"], accuracy_question="fixed")
    assert set(verdicts(ranking)) == {"a", "b"}
    assert reasons(ranking) == {"mode is not training": 1}
    with pytest.raises(RankError, match="step_s and time_per_item_s are functions of each other"):
        rank(table, objectives=["step_s", "time_per_item_s"])


def runs(configuration, summary, name, seconds):
    from dataclasses import replace

    given = configuration(name, (seconds,) * 5).runs
    values = summary(seconds, step_s=seconds, batch_latency_mean_s=None)
    return [replace(run, summary={**values, "step_s": seconds * (1 + run.block / 1000)}) for run in given]
