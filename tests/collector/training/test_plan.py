"""What is to be learnt: networks and techniques by name, and the key that a training is kept by."""

from __future__ import annotations

from dataclasses import replace

import pytest
from paretofleet_collector.errors import Refused
from paretofleet_collector.training.plan import (
    NETWORKS,
    LearningPlan,
    Technique,
    Training,
    networks_of,
    technique_of,
)


def test_all_are_the_ten_networks_and_each_comes_once():
    assert networks_of(["all", "lenet4"], features_only=False) == list(NETWORKS)
    assert networks_of(["all"], features_only=True) == ["mlp16", "mlp128"]


@pytest.mark.parametrize(
    ("name", "features", "sentence"),
    [("lenet5", False, "did you mean lenet"), ("lenet4", True, "is for images, and items are features")],
)
def test_a_network_that_cannot_be_trained_is_refused(name, features, sentence):
    with pytest.raises(Refused, match=sentence):
        networks_of([name], features_only=features)


def test_techniques_are_named_as_they_are_typed():
    assert technique_of("frozen", ["lenet4"]) == Technique("frozen", -1, is_frozen=True)
    assert technique_of("layers:2", ["lenet4"]) == Technique("layers-2", 2)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("layers:0", "lenet4 has 4 layers, of which the head is its own; give 1 to 3"),
        ("layers:4", "give 1 to 3"),
        ("thawed", "write frozen, or layers:2"),
    ],
)
def test_a_technique_leaves_the_head_to_the_network(text, sentence):
    with pytest.raises(Refused, match=sentence):
        technique_of(text, ["lenet4", "res32x4"])


def test_a_training_is_kept_by_all_that_decides_it():
    plan, training = LearningPlan(), Training("lenet4", 1)
    key = training.key("5" * 64, plan)
    assert Training("lenet4", 1).key("5" * 64, LearningPlan()) == key
    others = [
        training.key("6" * 64, plan),
        training.key("5" * 64, replace(plan, epochs=21)),
        training.key("5" * 64, replace(plan, threads=2)),
        Training("lenet4", 2).key("5" * 64, plan),
        Training("lenet4", 1, Technique("frozen", -1, is_frozen=True), "d").key("5" * 64, plan),
    ]
    assert len({key, *others}) == 6
