"""A stored model's accuracy is corrected, and a model is removed that no sweep needs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from paretofleet_collector.errors import NotFound, Refused, Taken
from paretofleet_collector.lake.files import model_file
from paretofleet_collector.service import model_changes, sweeps
from paretofleet_collector.store import models
from rig import TINY, Rig


def change(rig: Rig, name: str, action: str, accuracy: tuple[float, int] | None = None):
    return rig.do(model_changes.change_model(rig.context, name, action, accuracy))


def stored(rig: Rig) -> list[str]:
    return [f"{each.model}@{each.variant}" for each in rig.context.store.read_now(models.listing)]


def add_variant(rig: Rig) -> None:
    int8 = replace(TINY, variant="int8", sha256="8" * 64, parent=TINY.sha256)
    rig.do(rig.context.store.write(lambda connection: models.add(connection, int8)))


def test_an_accuracy_is_corrected_and_says_whose_it_is(rig):
    first = change(rig, "tiny", "set", (71.2, 50_000))
    assert (first.top1, first.top1_n, first.top1_source) == (71.2, 50_000, "user")
    change(rig, "tiny@file", "set", (72.0, 10_000))
    (now,) = rig.context.store.read_now(models.listing)
    assert (now.top1, now.top1_n) == (72.0, 10_000)
    for wrong in (None, (101.0, 5), (50.0, 0)):
        with pytest.raises(Refused, match="give both --top1 and --top1-n"):
            change(rig, "tiny", "set", wrong)


def test_a_model_of_several_variants_is_named_in_full(rig):
    add_variant(rig)
    with pytest.raises(Refused, match="2 variants; name one of tiny@file, tiny@int8"):
        change(rig, "tiny", "set", (50.0, 100))
    assert change(rig, "tiny@int8", "set", (50.0, 100)).variant == "int8"
    with pytest.raises(NotFound, match="did you mean tiny"):
        change(rig, "tinny", "set", (50.0, 100))


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
