"""What trainings came to and cost is kept with the model, and is what its variants cost too."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from paretofleet_collector.errors import Refused
from paretofleet_collector.jobs.report import training_of
from paretofleet_collector.model.entities import Variant
from paretofleet_collector.model.messages import TRAINED, GivenFacts, NewModel
from paretofleet_collector.service import catalogue, model_changes, recipes
from paretofleet_collector.store import devices, models
from rig import Rig
from small_networks import small_network

TRAINING = {"seeds": [1, 2], "top1": [97.5, 98.0], "s": [1.5, 1.6], "energy_j": [None, None], "epochs": 20}


async def pieces(data: bytes):
    yield data


def add(rig: Rig, training: Any = TRAINING, **more: Any) -> Variant:
    data = small_network().SerializeToString()
    text = training if isinstance(training, str) else json.dumps(training)
    new = NewModel(
        "net", size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), training_json=text, **more
    )
    return rig.do(catalogue.add_model(rig.context, new, pieces(data)))


def stored(rig: Rig, variant: str = "file") -> Variant:
    (found,) = (
        each
        for each in rig.context.store.read_now(models.listing)
        if (each.model, each.variant) == ("net", variant)
    )
    return found


def test_a_trained_model_is_stored_with_its_trainings(rig):
    add(rig, top1=97.5, top1_n=360, top1_source=TRAINED)
    kept = stored(rig)
    assert kept.training == TRAINING
    assert (kept.top1, kept.top1_n, kept.top1_source) == (97.5, 360, "measured: trained here")


def test_more_seeds_of_the_same_file_take_the_place_of_the_fewer(rig):
    add(rig)
    more = {**TRAINING, "seeds": [1, 2, 3], "top1": [97.5, 98.0, 97.0], "s": [1.5, 1.6, 1.4]}
    more["energy_j"] = [None] * 3
    add(rig, more)
    assert stored(rig).training == more
    add(rig, "")
    assert stored(rig).training == more, "a file that comes again says nothing of its trainings"


def test_a_variant_cost_its_parents_training_and_has_no_accuracy_of_it(rig):
    parent = add(rig, top1=97.5, top1_n=360, top1_source=TRAINED)
    made = rig.do(recipes.make_variant(rig.context, "net", json.dumps({"kind": "dynamic"}), ""))
    assert (made.training, made.top1) == ({}, None)
    variants = {each.sha256: each for each in (parent, made)}
    of_variant = training_of(variants, made.sha256)
    assert (of_variant["s"], "top1" in of_variant) == ([1.5, 1.6], False)
    assert training_of(variants, parent.sha256) == TRAINING


@pytest.mark.parametrize(
    ("training", "sentence"),
    [
        ("{", "is no JSON"),
        ("[1]", "no JSON object"),
        ({"top1": [1.0]}, "1 to 1000 `seeds`"),
        ({**TRAINING, "top1": [97.5]}, "`top1` of the trainings"),
        ({**TRAINING, "top1": [97.5, 980.0]}, "`top1` of the trainings"),
        ({**TRAINING, "s": [1.0, None]}, "`s` of the trainings"),
        ('{"seeds": [1], "s": [NaN]}', "`s` of the trainings"),
        ({**TRAINING, "epochs": -1}, "`epochs` of the trainings"),
        ({**TRAINING, "odd": 1}, "`odd` of the trainings"),
    ],
)
def test_what_is_no_training_is_refused_before_the_file_comes(rig, training, sentence):
    with pytest.raises(Refused, match=sentence):
        add(rig, training)
    assert all(each.model != "net" for each in rig.context.store.read_now(models.listing))


def test_an_accuracy_of_a_training_comes_with_it(rig):
    with pytest.raises(Refused, match="comes with that training"):
        add(rig, "", top1=97.5, top1_n=360, top1_source=TRAINED)


def keep(rig: Rig, training: Any = ()) -> None:
    """A model that is there already."""
    there = Variant("net", "file", "a" * 64, 10, training=dict(training))
    rig.do(rig.context.store.write(lambda connection: models.add(connection, there)))


def say(rig: Rig, **training: Any) -> Variant:
    given = GivenFacts(training_json=json.dumps(training))
    return rig.do(model_changes.change_model(rig.context, "net", "set", given))


def test_what_is_said_of_a_training_is_kept_beside_what_was_said_before(rig):
    rig.joined()
    keep(rig)
    say(rig, epochs=90, samples=1_281_167)
    say(rig, compute_tflops_days=17.0, compute_source="a paper")
    assert stored(rig).training == {
        "epochs": 90,
        "samples": 1_281_167,
        "compute_tflops_days": 17.0,
        "compute_source": "a paper",
    }
    (name,) = (each.name for each in rig.context.store.read_now(devices.by_id).values())
    assert say(rig, device=name).training["device"] == name
    assert "device" not in say(rig, device="").training
    assert stored(rig).training["epochs"] == 90


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"epochs": 0}, "--training-epochs: 0 is no whole number from 1"),
        ({"samples": 2.5}, "--training-samples: 2.5 is no whole number from 1"),
        ({"compute_tflops_days": 17.0}, "give --training-source, who published it, too"),
        ({"compute_source": "a paper"}, "give --training-source, who published it, too"),
        ({"compute_tflops_days": -1, "compute_source": "x"}, "a number above 0"),
        ({"device": "attic"}, "--training-device: there is no such device"),
        ({"s": [1.0]}, "upgrade the command"),
    ],
)
def test_what_cannot_be_said_of_a_training_is_refused_with_the_option(rig, said, why):
    keep(rig)
    with pytest.raises(Refused, match=why):
        say(rig, **said)
    assert stored(rig).training == {}


def test_costs_that_were_measured_whole_are_not_contradicted(rig):
    keep(rig, TRAINING)
    with pytest.raises(Refused, match="was trained here, and its costs were measured"):
        say(rig, epochs=5)
    assert stored(rig).training == TRAINING
