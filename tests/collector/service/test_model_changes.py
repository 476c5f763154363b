"""A stored model's accuracy is corrected, and a model is removed that no sweep needs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from paretofleet_collector.errors import NotFound, Refused, Taken
from paretofleet_collector.lake.files import model_file
from paretofleet_collector.model.messages import GivenFacts, NewModel
from paretofleet_collector.service import catalogue, model_changes, sweeps
from paretofleet_collector.store import models
from rig import TINY, Rig


def change(rig: Rig, name: str, action: str, given: GivenFacts | None = None):
    return rig.do(model_changes.change_model(rig.context, name, action, given))


def stored(rig: Rig) -> list[str]:
    return [f"{each.model}@{each.variant}" for each in rig.context.store.read_now(models.listing)]


def add_variant(rig: Rig) -> None:
    int8 = replace(TINY, variant="int8", sha256="8" * 64, parent=TINY.sha256)
    rig.do(rig.context.store.write(lambda connection: models.add(connection, int8)))


def test_an_accuracy_is_corrected_and_says_whose_it_is(rig):
    first = change(rig, "tiny", "set", GivenFacts(71.2, 50_000))
    assert (first.top1, first.top1_n, first.top1_source) == (71.2, 50_000, "user")
    change(rig, "tiny@file", "set", GivenFacts(72.0, 10_000))
    (now,) = rig.context.store.read_now(models.listing)
    assert (now.top1, now.top1_n) == (72.0, 10_000)
    for wrong in (GivenFacts(101.0, 5), GivenFacts(50.0), GivenFacts(None, 5)):
        with pytest.raises(Refused, match="give both --top1 and --top1-n"):
            change(rig, "tiny", "set", wrong)
    with pytest.raises(Refused, match="Nothing is given of the model"):
        change(rig, "tiny", "set")


def test_licence_and_origin_are_said_and_taken_back(rig):
    said = change(rig, "tiny", "set", GivenFacts(licence="MIT", weights_source="our lab, May 2026"))
    assert (said.licence, said.weights_source, said.top1) == ("MIT", "our lab, May 2026", None)
    assert change(rig, "tiny", "set", GivenFacts(licence="")).licence is None
    (now,) = rig.context.store.read_now(models.listing)
    assert (now.licence, now.weights_source) == (None, "our lab, May 2026")


def test_top5_is_of_the_items_of_top1_and_no_smaller(rig):
    with pytest.raises(Refused, match="--top5 is of the items of --top1"):
        change(rig, "tiny", "set", GivenFacts(top5=90.0))
    change(rig, "tiny", "set", GivenFacts(71.2, 50_000, 90.0))
    assert change(rig, "tiny", "set", GivenFacts(top5=91.0)).top5 == 91.0
    with pytest.raises(Refused, match="no smaller"):
        change(rig, "tiny", "set", GivenFacts(top5=70.0))
    assert change(rig, "tiny", "set", GivenFacts(60.0, 100)).top5 is None, "it was of other items"


def test_a_model_of_several_variants_is_named_in_full(rig):
    add_variant(rig)
    with pytest.raises(Refused, match="2 variants; name one of tiny@file, tiny@int8"):
        change(rig, "tiny", "set", GivenFacts(50.0, 100))
    assert change(rig, "tiny@int8", "set", GivenFacts(50.0, 100)).variant == "int8"
    with pytest.raises(NotFound, match="did you mean tiny"):
        change(rig, "tinny", "set", GivenFacts(50.0, 100))


def test_a_model_goes_with_its_file_once_nothing_needs_it(rig):
    file = rig.context.lake.model_path(TINY.sha256)
    assert file.exists(), model_file(TINY.sha256)
    add_variant(rig)
    with pytest.raises(Taken, match="tiny@int8 is a variant of tiny@file; remove that first"):
        change(rig, "tiny@file", "remove")
    change(rig, "tiny@int8", "remove")
    rig.joined()
    sweep = rig.submit(name="edge")
    with pytest.raises(Taken, match="tiny@file is in the sweep edge, whose report needs it"):
        change(rig, "tiny", "remove")
    rig.do(sweeps.cancel(rig.context, sweep.sweep_id))
    rig.do(sweeps.delete(rig.context, sweep.sweep_id))
    assert change(rig, "tiny", "remove").sha256 == TINY.sha256
    assert stored(rig) == []
    assert not file.exists()


def test_what_cannot_be_done_to_a_model_is_refused(rig):
    with pytest.raises(Refused, match="'paint' cannot be done to a model; choose one of set, remove"):
        change(rig, "tiny", "paint")


def test_a_file_that_is_called_like_a_network_of_the_zoo_is_refused_with_what_to_type(rig):
    async def pieces():
        yield b""

    with pytest.raises(Refused, match="models add FILE --name OTHER"):
        rig.do(catalogue.add_model(rig.context, NewModel("resnet50", sha256="0" * 64), pieces()))
