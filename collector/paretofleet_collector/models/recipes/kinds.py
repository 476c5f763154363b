"""Which function makes which kind of recipe; runs in the process that makes variants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from paretofleet_collector.errors import ModelRefused
from paretofleet_collector.model.recipes import Recipe, recipe_of
from paretofleet_collector.models.recipes import cluster, halves, prune, quantise, weights

_QUANTISERS: Mapping[str, Callable[[Path, Path, Recipe, Mapping[str, Any]], None]] = {
    "static": quantise.static,
    "dynamic": quantise.dynamic,
    "int4": quantise.int4,
}
_HALVES: Mapping[str, Callable[[Path, Path, str], None]] = {"fp16": halves.fp16, "bf16": halves.bf16}


def made(task: Mapping[str, Any]) -> dict[str, Any]:
    """Makes the variant that a `task` of `recipes.make` asks for; returns what that returns.

    Raises ModelRefused, in one sentence.
    """
    recipe = recipe_of(task["recipe"])
    parent, target = Path(task["parent"]), Path(task["folder"]) / "made.onnx"
    compressed = None
    if recipe.kind in _QUANTISERS:
        _QUANTISERS[recipe.kind](parent, target, recipe, task)
    elif recipe.kind in _HALVES:
        _HALVES[recipe.kind](parent, target, task["called"])
    else:
        compressed = _changed(parent, target, recipe, task["called"])
    for path in target.parent.iterdir():
        if path != target and path.is_file():
            path.unlink()
    return {"path": str(target), "compressed_bytes": compressed}


def _changed(parent: Path, target: Path, recipe: Recipe, called: str) -> int:
    """Writes the file with its layers' weights changed; returns the bytes that a compact format needs."""
    model = weights.parsed(parent, called)
    changed: dict[str, np.ndarray] = {}
    saved = 0
    for layer in weights.layers(model):
        if not np.isfinite(layer.values).all():
            raise ModelRefused(f"{called} has weights that are not finite, in {layer.tensor[:60]!r}.")
        changed[layer.tensor], compact = _layer(layer, recipe)
        saved += layer.values.nbytes - min(compact, layer.values.nbytes)
    if not changed:
        raise ModelRefused(
            f"{called} cannot be changed by that recipe: it has no convolution or product of constant "
            "weights in fp32."
        )
    weights.save(weights.with_weights(model, changed), target)
    return target.stat().st_size - saved


def _layer(layer: weights.Layer, recipe: Recipe) -> tuple[np.ndarray, int]:
    """A layer's values as the recipe changes them, and their bytes in a compact format."""
    if recipe.kind == "cluster":
        values = cluster.clustered(layer.values, recipe.parameters["centroids"])
        return values, cluster.clustered_bytes(values)
    values = prune.pruned(layer.values, recipe.parameters["sparsity"])
    bits = prune.DENSE_INDEX_BITS if layer.is_dense else prune.CONVOLUTION_INDEX_BITS
    return values, prune.sparse_bytes(values, bits)
