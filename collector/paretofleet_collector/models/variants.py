"""Model files, the part in the worker process: inspecting a stranger's file, building the zoo."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from paretofleet_graph import GraphRefused, as_json, read_apart

from paretofleet_collector.errors import ModelRefused
from paretofleet_collector.lake.address import open_lake
from paretofleet_collector.lake.files import model_file
from paretofleet_collector.model.entities import Variant
from paretofleet_collector.models import onnxfile, tflitefile, zoo


def inspect(path: str, called: str, sizes: dict[str, int], inputs: dict[str, Any]) -> dict[str, Any]:
    """What the store keeps of the ONNX or tflite file at `path`, `called` so in messages.

    `sizes` and `inputs`: what was given for its axes and inputs. Raises ModelRefused.
    """
    if tflitefile.is_tflite(path):
        return tflitefile.inspect(Path(path), called)
    facts = onnxfile.inspect(Path(path), called, sizes, inputs)
    return {
        "parameters": facts.parameters,
        "macs": facts.macs,
        "size_bytes": facts.size_bytes,
        "weights_precision": facts.weights_precision,
        "fixed_batch_size": facts.fixed_batch_size,
        "graph": dict(facts.graph),
    }


def broken_shapes(path: str, called: str, feeds: list[dict[str, Any]]) -> list[tuple[int, str]]:
    """Which of `feeds`, a `batch_size` and `sizes` each, the file at `path` cannot take, and why.

    Nothing is said of tflite files, whose shapes only LiteRT works out, nor of what cannot be read: its run
    will say. `called` names it in messages.
    """
    if tflitefile.is_tflite(path):
        return []
    with suppress(ModelRefused):
        return list(onnxfile.broken(Path(path), called, feeds).items())
    return []


def describe(path: str, called: str) -> dict[str, Any]:
    """What the graph of the file at `path`, `called` so in messages, asks for; raises ModelRefused."""
    try:
        return as_json(read_apart(path))
    except GraphRefused as error:
        raise ModelRefused(str(error).replace(Path(path).name, called)) from None


def build_zoo(lake: str, name: str) -> dict[str, Any]:
    """Builds the network `name` into the folder `lake`; raises NotFound, ModelRefused, StorageUnavailable."""
    root = open_lake(lake)
    path = root.temporary(".onnx")
    try:
        built = zoo.build(name, path)
        root.commit(path, model_file(built.sha256))
    finally:
        path.unlink(missing_ok=True)
    graph = describe(str(root.local_path(model_file(built.sha256))), name)
    return {"sha256": built.sha256, "size_bytes": built.size_bytes, "graph": graph}


def zoo_variant(name: str, *, stored: bool) -> Variant:
    """The network `name` of the zoo as a variant, `stored` or not built yet; raises NotFound."""
    facts = zoo.facts(name)
    return Variant(
        model=name,
        variant="seeded",
        sha256=facts.sha256,
        size_bytes=facts.size_bytes,
        recipe="seeded weights",
        weights_precision=facts.weights_precision,
        parameters=facts.parameters,
        macs=facts.macs,
        top1=facts.top1,
        top1_n=facts.top1_n,
        top1_source=facts.top1_source,
        accuracy_group=facts.accuracy_group,
        top5=facts.top5,
        licence=facts.licence,
        weights_source=f"seeded, the structure of {facts.origin}",
        training=facts.training,
        stored=stored,
    )


def with_zoo(stored: list[Variant]) -> list[Variant]:
    """The `stored` variants and, behind them, the networks of the zoo that were not built yet."""
    there = {variant.sha256 for variant in stored}
    taken = {(variant.model, variant.variant) for variant in stored}
    missing = [zoo_variant(name, stored=False) for name in zoo.NAMES]
    return stored + [
        one for one in missing if one.sha256 not in there and (one.model, one.variant) not in taken
    ]
