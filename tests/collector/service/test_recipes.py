"""Variants that the collector makes: kept once, by content, without their parent's accuracy."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tflite_files
from paretofleet_collector.errors import CollectorError, ModelRefused, NotFound, Refused
from paretofleet_collector.model.entities import Variant
from paretofleet_collector.model.inputs import NewInputs
from paretofleet_collector.model.messages import NewModel
from paretofleet_collector.models.recipes import tools_of
from paretofleet_collector.service import catalogue, inputs, recipes, submission
from paretofleet_collector.store import models
from rig import INVENTORY, Rig
from small_networks import small_network


async def pieces(data: bytes):
    yield data


def add(rig: Rig, data: bytes | None = None, name: str = "net", **more: Any) -> Variant:
    data = small_network().SerializeToString() if data is None else data
    new = NewModel(name, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), **more)
    return rig.do(catalogue.add_model(rig.context, new, pieces(data)))


def make(rig: Rig, reference: str = "net", name: str = "", **recipe: Any) -> Variant:
    return rig.do(recipes.make_variant(rig.context, reference, json.dumps(recipe), name))


def samples(rig: Rig, **arrays: np.ndarray) -> str:
    """The SHA-256 of a file of samples that was sent."""
    file = io.BytesIO()
    np.savez(file, **arrays)
    data = file.getvalue()
    sent = NewInputs("images.npz", len(data), hashlib.sha256(data).hexdigest())
    return rig.do(inputs.add_inputs(rig.context, sent, pieces(data))).sha256


def names(rig: Rig) -> set[str]:
    return {f"{each.model}@{each.variant}" for each in rig.context.store.read_now(models.listing)}


def images(count: int = 12, *shape: int) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(count, *(shape or (3, 8, 8)))).astype(np.float32)


def leftovers(rig: Rig) -> list[Path]:
    return list((rig.context.lake.root / "tmp").iterdir())


def test_a_variant_has_a_parent_a_recipe_and_no_accuracy(rig):
    parent = add(rig, top1=71.0, top1_n=1000)
    made = make(rig, kind="static")
    assert (made.model, made.variant, made.parent) == ("net", "int8-static", parent.sha256)
    assert (made.parameters, made.macs) == (parent.parameters, parent.macs)
    assert (made.top1, made.top1_n, made.top1_source, made.top5, made.accuracy_group) == (None,) * 5
    assert made.recipe.startswith(
        "static quantisation to int8 (QDQ), per channel, calibrated by seeded: 32 items; numpy "
    )
    record = json.loads(made.record)
    assert record["reduce_range"] is False
    assert set(record["tools"]) == {"numpy", "onnx", "onnxruntime"}
    assert rig.context.lake.model_path(made.sha256).stat().st_size == made.size_bytes
    assert leftovers(rig) == []


def test_what_was_made_so_before_is_found_again(rig):
    add(rig)
    first = make(rig, kind="prune", sparsity=0.25)
    assert first.variant == "pruned-25"
    assert first.compressed_bytes is not None
    again = make(rig, kind="prune", sparsity=0.25)
    assert again == first
    other = make(rig, kind="prune", sparsity=0.5)
    assert other.sha256 != first.sha256
    assert names(rig) == {"tiny@file", "net@file", "net@pruned-25", "net@pruned-50"}


def test_a_variant_of_a_variant_says_so_in_its_name(rig):
    add(rig)
    pruned = make(rig, kind="prune")
    made = make(rig, "net@pruned-50", kind="cluster", centroids=4)
    assert (made.variant, made.parent) == ("pruned-50-clustered-4", pruned.sha256)
    named = make(rig, kind="prune", sparsity=0.75, name="pruned-50-clustered-8")
    assert named.variant == "pruned-50-clustered-8"
    beside = make(rig, "net@pruned-50", kind="cluster", centroids=8)
    assert beside.variant.startswith("pruned-50-clustered-8-"), "a name that is taken gets digits"


def test_samples_calibrate_and_are_named(rig):
    add(rig)
    sha256 = samples(rig, image=images(), labels=np.arange(12))
    made = make(rig, kind="static", calibration={"sha256": sha256, "name": "images.npz"})
    assert f"calibrated by images.npz ({sha256[:12]}): 12 items" in made.recipe
    assert "seeded" not in made.recipe


def test_samples_that_cannot_calibrate_are_refused_and_nothing_is_registered(rig):
    add(rig)
    sha256 = samples(rig, image=np.full((12, 3, 8, 8), np.nan, np.float32))
    with pytest.raises(Refused, match="values that are not finite"):
        make(rig, kind="static", calibration={"sha256": sha256, "name": "images.npz"})
    assert names(rig) == {"tiny@file", "net@file"}
    assert leftovers(rig) == []


def test_a_recipe_on_a_model_that_it_cannot_change_is_one_sentence(rig, tmp_path):
    add(rig)
    make(rig, kind="static")
    with pytest.raises(
        ModelRefused, match="net@int8-static has its weights in int8: a recipe starts from fp32"
    ):
        make(rig, "net@int8-static", kind="dynamic")
    add(rig, tflite_files.layer(tmp_path / "made").read_bytes(), "lite")
    with pytest.raises(ModelRefused, match="lite@file is a tflite file: recipes change ONNX files"):
        make(rig, "lite", kind="prune")
    with pytest.raises(NotFound, match="Unknown model 'nett': did you mean net"):
        make(rig, "nett", kind="prune")
    with pytest.raises(Refused, match="'a/b' is not a name"):
        make(rig, kind="prune", name="a/b")
    with pytest.raises(ModelRefused, match=r"tiny@file cannot be read|has no"):
        make(rig, "tiny", kind="prune")  # its file holds four letters
    assert names(rig) == {"tiny@file", "net@file", "net@int8-static", "lite@file"}
    assert leftovers(rig) == []


def test_a_worker_that_dies_in_the_middle_leaves_nothing(rig):
    add(rig)

    async def killed() -> None:
        task = asyncio.ensure_future(recipes.make_variant(rig.context, "net", json.dumps({"kind": "static"})))
        while not (children := recipe_processes()):
            if task.done():
                break
            await asyncio.sleep(0.01)
        os.kill(children[0], signal.SIGKILL)
        await task

    with pytest.raises(ModelRefused, match="the process that makes the variant ended early"):
        rig.do(killed())
    assert names(rig) == {"tiny@file", "net@file"}
    assert leftovers(rig) == []
    assert make(rig, kind="prune").variant == "pruned-50"


def test_a_sweep_makes_the_precision_that_is_missing_once(rig):
    parent = add(rig)
    session = rig.joined()
    rig.hello(session, inventory=replace(INVENTORY, wire_version=2))
    spec = {"models": ["net"], "precisions": ["fp32", "int8"]}
    view = rig.do(submission.plan_sweep(rig.context, json.dumps({**spec, "protocol": "quick"})))
    assert view.unmade[0].startswith("net@int8-static will be made by static quantisation")
    assert "net@int8-static" not in names(rig), "a plan makes nothing"
    rig.submit(**spec)
    made = next(each for each in rig.context.store.read_now(models.listing) if each.variant == "int8-static")
    assert made.parent == parent.sha256
    grants = []
    for _ in range(2):
        grants.append(rig.lease(session))
        rig.upload(session, grants[-1])
    assert {grant.artifact.sha256 for grant in grants} == {parent.sha256, made.sha256}
    before = names(rig)
    rig.submit(**spec, batch_sizes=(2,))
    assert names(rig) == before


def test_a_private_file_is_called_by_its_hash_and_read_by_nobody_else(rig):
    model = small_network()
    model.graph.name = "project_orca"
    added = add(rig, model.SerializeToString(), "orca", is_private=True)
    assert added.model == f"private-{added.sha256[:12]}"
    made = make(rig, added.model, kind="prune")
    for variant in (added, made):
        assert variant.is_private
        assert "orca" not in str(variant), "nothing that is stored names it"
        assert rig.context.lake.model_path(variant.sha256).stat().st_mode & 0o777 == 0o600
    broken = b"nothing"
    with pytest.raises(ModelRefused) as refused:
        add(rig, broken, "orca", is_private=True)
    assert "orca" not in str(refused.value)


def recipe_processes() -> list[int]:
    """Processes of a recipe that descend from this one."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            is_recipe = b"paretofleet_collector.models.recipes" in path.read_bytes().split(b"\0")
            pid, parents = int(path.parent.name), []
            while is_recipe and pid > 1:
                pid = int((path.parent.parent / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
                parents.append(pid)
        except (OSError, ValueError):
            continue
        if os.getpid() in parents:
            found.append(int(path.parent.name))
    return found


def test_a_missing_package_is_named_with_the_extra_that_has_it(monkeypatch):
    from importlib.metadata import PackageNotFoundError

    from paretofleet_collector.model.recipes import recipe_of
    from paretofleet_collector.models import recipes as made

    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(made, "version", absent)
    with pytest.raises(Refused, match=r"needs the package onnxruntime.*paretofleet-collector\[models\]"):
        tools_of(recipe_of({"kind": "static"}))


def test_a_recipe_that_is_no_object_is_refused(rig):
    for text in ("", "[]", "{"):
        with pytest.raises(CollectorError, match="A recipe is a JSON object"):
            rig.do(recipes.make_variant(rig.context, "net", text))
