"""Accuracies as random: a test set as a sample, shared by all rows of a model."""

from __future__ import annotations

import pytest
from paretofleet_analysis.errors import RankError
from paretofleet_analysis.ranking.rank import rank
from paretofleet_analysis.report.rows import build_report


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
        ("mood", "unknown accuracy question 'mood': choose fixed or population"),
        ("population", "does not say on how many images a was tested: give top1_n"),
    ],
)
def test_an_accuracy_question_that_cannot_be_answered(configuration, question, sentence):
    rows = [configuration(name, top1=70 + k, top1_n=None) for k, name in enumerate("ab")]
    with pytest.raises(RankError, match=sentence):
        rank(build_report(rows), accuracy_question=question)
