"""Variants that the collector makes: asked for by the command, or missing in a sweep."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from paretofleet_collector.errors import ModelRefused, NotFound, Refused
from paretofleet_collector.lake.files import inputs_file, sha256_of
from paretofleet_collector.model.entities import Variant
from paretofleet_collector.model.recipes import Recipe, key_of, recipe_in, recipe_of, recorded, tools_in
from paretofleet_collector.models.recipes import tools_of
from paretofleet_collector.planning.recipes import changeable, with_calibration
from paretofleet_collector.planning.selection import find_variants
from paretofleet_collector.service import catalogue, inputs
from paretofleet_collector.service.context import Context
from paretofleet_collector.store import input_files, models


async def make_variant(context: Context, reference: str, recipe_json: str, name: str = "") -> Variant:
    """Makes the variant of the model that a `reference` means, by the recipe in `recipe_json`, in `context`.

    A network of the zoo is built first. The variant is called `name`, or by the recipe's own word. What was
    made so before, of the same file by the same tools, is returned. Nothing is left where that fails. Raises
    NotFound, Refused, ModelRefused, Taken, StorageUnavailable.
    """
    try:
        about = json.loads(recipe_json)
    except ValueError:
        about = None
    if not isinstance(about, dict):
        raise Refused("A recipe is a JSON object with its `kind`; upgrade the command.")
    recipe = recipe_of(about)
    try:
        parent = origin_of(find_variants(reference, await catalogue.list_models(context)))
        changeable(parent, recipe)
        if not parent.stored:
            parent = await catalogue.add_zoo_model(context, parent.model)
        return await make(context, parent, recipe, name)
    except (Refused, ModelRefused, NotFound):
        if recipe.calibration is not None and recipe.calibration.sha256:
            await inputs.drop_unused(context, [recipe.calibration.sha256])
        raise


async def make_missing(context: Context, unmade: Sequence[Variant]) -> None:
    """Makes the `unmade` variants of a plan in `context`, their parents first.

    Raises NotFound where a parent is gone, and what `make_variant` raises.
    """
    for variant in unmade:
        recipe = recipe_in(variant.record)
        stored = await catalogue.list_models(context)
        parent = next((each for each in stored if each.sha256 == variant.parent), None)
        if recipe is None or parent is None:
            raise NotFound(
                f"What {variant.model}@{variant.variant} is made of is gone; plan the sweep again."
            )
        if not parent.stored:
            parent = await catalogue.add_zoo_model(context, parent.model)
        await make(context, parent, recipe)


def origin_of(variants: list[Variant]) -> Variant:
    """Of the `variants` that a name may mean, the one that was made from none, else the first."""
    return next((each for each in variants if each.parent is None), variants[0])


async def make(context: Context, parent: Variant, recipe: Recipe, name: str = "") -> Variant:
    """The variant of a stored `parent` by a `recipe`, made in `context` unless it is there.

    `name` as in `make_variant`. Raises Refused for a `name` that is none, and what that raises.
    """
    if name and not catalogue.MODEL_NAME.fullmatch(name):
        raise Refused(f"'{name}' is not a name; use letters, digits, dots, hyphens and underscores.")
    files = {file.sha256: file for file in await context.store.read(input_files.listing)}
    recipe = with_calibration(parent, changeable(parent, recipe), files)
    tools = await asyncio.to_thread(tools_of, recipe)
    record = recorded(recipe, tools)
    async with context.making, context.neighbours.claimed("make", waits=True):
        stored = await context.store.read(models.listing)
        key = key_of(parent.sha256, record)
        for each in stored:
            if each.record and each.parent and key_of(each.parent, each.record) == key:
                return each
        context.check_room()
        called = name or _free_name(stored, parent, recipe, key)
        return await _made(context, parent, recipe, replace(parent, variant=called, record=record))


async def _made(context: Context, parent: Variant, recipe: Recipe, unmade: Variant) -> Variant:
    """Makes the file of an `unmade` variant and stores it; it has all but what the file says."""
    called = f"{parent.model}@{parent.variant}"
    source = await asyncio.to_thread(context.lake.model_path, parent.sha256)
    folder = context.lake.temporary()
    given: dict[str, Any] = {
        "samples": "",
        "sizes": dict(parent.sizes),
        "inputs": dict(parent.inputs),
        "graph": dict(parent.graph),
    }
    calibration = recipe.calibration
    if calibration is not None and calibration.sha256:
        given["samples"] = str(
            await asyncio.to_thread(context.lake.local_path, inputs_file(calibration.sha256))
        )
    try:
        done = await context.worker.run(
            "make_variant",
            parent=str(source),
            folder=str(folder),
            called=called,
            recipe=recipe.as_json(),
            given=given,
        )
        path = Path(done["path"])
        facts = await context.worker.run("inspect", path=str(path), called=called, sizes={}, inputs={})
        sha256 = await asyncio.to_thread(sha256_of, path)
        if sha256 == parent.sha256:
            raise ModelRefused(f"{called}: that recipe changes nothing of it.")
        made = replace(
            unmade,
            sha256=sha256,
            size_bytes=facts["size_bytes"],
            compressed_bytes=done["compressed_bytes"],
            weights_precision=facts["weights_precision"],
            fixed_batch_size=facts["fixed_batch_size"],
            graph=facts["graph"],
            recipe=f"{recipe.text}; {tools_in(unmade.record)}",
            parent=parent.sha256,
            top1=None,
            top1_n=None,
            top5=None,
            top1_source=None,
            accuracy_group=None,
            training={},
        )
        return await catalogue.keep(context, made, path)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _free_name(stored: list[Variant], parent: Variant, recipe: Recipe, key: str) -> str:
    """The recipe's own word, behind that of a parent which was made itself; with digits where it is taken."""
    name = f"{parent.variant}-{recipe.variant}" if parent.parent else recipe.variant
    if all((each.model, each.variant) != (parent.model, name) for each in stored):
        return name
    return f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:6]}"
