"""Which recipes a sweep asks for, and what of a recipe can be refused before its file is read. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from paretofleet_collector.errors import ModelRefused, Refused
from paretofleet_collector.model.entities import Inventory, Variant
from paretofleet_collector.model.inputs import InputFile
from paretofleet_collector.model.recipes import (
    SAMPLES_MAX,
    SAMPLES_MIN,
    Calibration,
    Recipe,
    key_of,
    recipe_in,
    recipe_of,
    recorded,
)
from paretofleet_collector.planning.feeding import Fed, checked, description_of

#: (runtime, kind of target) -> precision -> the kind of recipe that makes its variant where it is missing.
MADE: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("onnxruntime", "cpu"): {"int8": "static"},
    ("openvino", "cpu"): {"int8": "static"},
}
#: Instructions of x86 processors that add products of 8 bits in 32; others add two of them in 16.
VNNI = frozenset({"avx_vnni", "avx512_vnni", "amx_int8"})


def needs_seven_bits(inventory: Inventory) -> bool:
    """Whether products of 8 bits overflow on the processor of a device with that `inventory`.

    Without VNNI two of them are added in 16 bits and saturate, which costs accuracy silently
    (onnxruntime#11415, #21000). Of a processor that tells nothing it is not assumed.
    """
    return (
        inventory.architecture in ("x86_64", "AMD64")
        and bool(inventory.isa)
        and not VNNI & set(inventory.isa)
    )


def suited(variants: Sequence[Variant], inventory: Inventory) -> list[Variant]:
    """Those of `variants` that suit the processor of a device with that `inventory`, as far as is known.

    A variant that was made here for processors of the other kind does not; files of users do.
    """
    due = needs_seven_bits(inventory)
    recipes = [recipe_in(each.record) for each in variants]
    return [
        each
        for each, recipe in zip(variants, recipes, strict=True)
        if recipe is None or recipe.parameters.get("reduce_range", due) == due
    ]


def unmade(parent: Variant, kind: str, inventory: Inventory, present: Sequence[Variant] = ()) -> Variant:
    """The variant of a `parent` that a recipe of that `kind` makes for a device with that `inventory`.

    It is calibrated as the one of the same kind among those `present` that was made of the parent for
    processors of another kind: by the user's samples, where these calibrated it. Its SHA-256 is nobody's:
    that of its file is known when it was made.
    """
    made = [recipe_in(each.record) for each in present if each.parent == parent.sha256]
    calibrations = [each.calibration for each in made if each is not None and each.kind == kind]
    calibration = next((each for each in calibrations if each is not None and each.sha256), None)
    about = {"calibration": asdict(calibration)} if calibration else {}
    reduced = {"reduce_range": True} if needs_seven_bits(inventory) else {}
    recipe = recipe_of({"kind": kind, **about, **reduced})
    record = recorded(recipe, {})
    return replace(
        parent,
        variant=f"{parent.variant}-{recipe.variant}" if parent.parent else recipe.variant,
        sha256=hashlib.sha256(key_of(parent.sha256, record).encode()).hexdigest(),
        recipe=recipe.text,
        record=record,
        parent=parent.sha256,
        stored=False,
    )


def changeable(parent: Variant, recipe: Recipe) -> Recipe:
    """The `recipe`, where the file of a `parent` is one that it can change; raises ModelRefused."""
    called = f"{parent.model}@{parent.variant}"
    if parent.format != "onnx":
        raise ModelRefused(
            f"{called} is a {parent.format} file: recipes change ONNX files; add that of the model."
        )
    if parent.weights_precision not in ("fp32", "mixed"):
        raise ModelRefused(
            f"{called} has its weights in {parent.weights_precision}: a recipe starts from fp32; "
            f"name the fp32 variant of {parent.model}."
        )
    operators = parent.graph.get("operators", {})
    if recipe.kind == "int4" and operators and "MatMul" not in operators:
        raise ModelRefused(f"{called} has no MatMul, whose weights int4 would keep: choose another recipe.")
    return recipe


def with_calibration(parent: Variant, recipe: Recipe, files: Mapping[str, InputFile]) -> Recipe:
    """The `recipe` with as many items as the samples have that calibrate it, held to what `parent` takes.

    `files`: those of samples that are there, by SHA-256. Raises Refused for samples that are too few, or of
    another shape or type, or not finite; ModelRefused where nothing can be drawn instead of samples.
    """
    calibration = recipe.calibration
    if calibration is None:
        return recipe
    if not calibration.sha256:
        return recipe
    file = files.get(calibration.sha256)
    if file is None:
        raise Refused(f"{calibration.name or 'the calibration data'} is not here: send the file again.")
    count = min(array.shape[0] for array in file.arrays)
    if count < SAMPLES_MIN:
        raise Refused(
            f"{file.name} has {count} samples, too few to calibrate: give {SAMPLES_MIN} or more, better 100."
        )
    graph = description_of(parent)
    if graph is None:
        raise ModelRefused(f"what {parent.model} takes was never read: add its file again.")
    names = {array.name for array in file.arrays}
    fed = {each.name: {"sha256": file.sha256} for each in graph.inputs if each.name in names}
    if not fed and len(graph.inputs) == 1:
        fed = {graph.inputs[0].name: {"sha256": file.sha256}}
    if not fed:
        inputs = ", ".join(each.name for each in graph.inputs)
        raise Refused(
            f"{file.name} has no array for an input of {parent.model} ({inputs}): rename its arrays."
        )
    checked(graph, Fed(parent.sizes, {**parent.inputs, **fed}), parent.fixed_batch_size or 1, files)
    items = Calibration(min(count, SAMPLES_MAX), file.sha256, file.name)
    return replace(recipe, parameters={**recipe.parameters, "calibration": asdict(items)})
