"""Adds a model to the collector, a file or a network of the zoo, and tells the user how it goes."""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paretofleet_collector import libraries
from paretofleet_collector.cli.progress import Transfer, working
from paretofleet_collector.cli.session import notify
from paretofleet_collector.cli.units import count, duration, size
from paretofleet_collector.errors import ModelRefused, misused
from paretofleet_collector.libraries import LIBRARIES
from paretofleet_collector.model.entities import Variant
from paretofleet_collector.model.messages import NewModel

if TYPE_CHECKING:
    from paretofleet_collector.rpc.client import Client

#: The limit of protobuf and flatbuffers; checked before a huge file is read only for its SHA-256.
FILE_MAX_BYTES = 2 << 30


@dataclass(frozen=True)
class FileDetails:
    """What the user says of a model file; empty or None: not said.

    `top1` and `top5` in percent, of `top1_n` items; `licence` of the file, `weights_source`: their origin.
    `training`: what trainings of it came to and cost (`model.trainings`).
    `is_private`: the collector calls it by its hash alone, and hears no name of it.
    `sizes` and `inputs`: what it is fed where a sweep says nothing, as a specification has them.
    """

    name: str = ""
    variant_of: str = ""
    precision: str = ""
    top1: float | None = None
    top1_n: int | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    top5: float | None = None
    licence: str = ""
    weights_source: str = ""
    is_private: bool = False
    top1_source: str = ""
    weights: Path | None = None
    python: str = ""
    training: Mapping[str, Any] = field(default_factory=dict)


def add_model(
    client: Client, model: str, details: FileDetails | None = None, *, counter: str = ""
) -> Variant:
    """Adds a file or a network of the zoo, telling how it goes; raises Refused and OSError."""
    started = time.monotonic()
    if model.startswith("zoo:"):
        with working(f"{counter}building {model}"):
            added = client.add_zoo_model(model.removeprefix("zoo:"))
    elif model.startswith(tuple(f"{library}:" for library in LIBRARIES)):
        added = _upload_network(client, model, details or FileDetails(), counter)
    else:
        added = _upload(client, model, details or FileDetails(), counter)
    notify(
        f"{counter}{added.model}@{added.variant}: {count(added.parameters)} parameters, "
        f"{size(added.size_bytes)}, {duration(time.monotonic() - started)}"
    )
    for sentence in still_to_give(added):
        notify(f"{counter}{added.model}: {sentence}")
    return added


def _upload_network(client: Client, model: str, details: FileDetails, counter: str) -> Variant:
    """Exports a network of a library here, where its weights are, and sends the file."""
    with tempfile.TemporaryDirectory(prefix="paretofleet-") as folder:
        target = Path(folder) / "model.onnx"
        with working(f"{counter}exporting {model}"):
            exported = libraries.export(model, target, weights=details.weights, python=details.python)
        if not exported.is_trained:
            notify(
                f"{counter}{model}: no trained weights are here, so they are from a seed; give --weights FILE"
            )
        details = replace(
            details,
            name=details.name or ("" if details.is_private else exported.name),
            licence=details.licence or exported.licence,
            weights_source=details.weights_source or exported.weights_source,
        )
        if details.top1 is None and exported.top1 is not None:
            details = replace(
                details,
                top1=exported.top1,
                top1_n=exported.top1_n,
                top5=exported.top5,
                top1_source=exported.top1_source,
                weights_source=exported.weights_source,
            )
        return _upload(client, str(target), details, counter)


def _upload(client: Client, model: str, details: FileDetails, counter: str) -> Variant:
    path = Path(model)
    if not path.is_file():
        raise misused(
            f"{model} is not a file; give an ONNX or tflite file, or zoo:NAME for a network of the zoo."
        )
    if path.stat().st_size == 0:
        raise ModelRefused(f"{model} is empty, not a model.")
    if path.stat().st_size > FILE_MAX_BYTES:
        raise ModelRefused(f"{model} is larger than 2 GiB, which ONNX and tflite files may not be.")
    from paretofleet_collector.cli.sample_files import send_files
    from paretofleet_collector.cli.whole_file import whole_file
    from paretofleet_collector.planning.inputs import files_of, with_hashes

    with whole_file(path) as file:  # first: of a model that cannot be read no samples are sent
        inputs = with_hashes(details.inputs, send_files(client, files_of(details.inputs)))
        new = NewModel(
            "private" if details.is_private else details.name or model_name(path),
            details.variant_of,
            details.precision,
            top1=details.top1,
            top1_n=details.top1_n,
            sizes=details.sizes,
            inputs_json=json.dumps(inputs) if inputs else "",
            top5=details.top5,
            licence=details.licence,
            weights_source=details.weights_source,
            is_private=details.is_private,
            top1_source=details.top1_source,
            training_json=json.dumps(details.training) if details.training else "",
        )
        with Transfer(f"{counter}{path.name}") as transfer:
            return client.add_model(file, new, transfer.at)


def still_to_give(variant: Variant) -> list[str]:
    """What a sweep of the `variant` has to say of sizes and inputs: a sentence each, with what to type."""
    if not variant.graph:
        return []
    from paretofleet_graph import from_json, to_give

    return list(to_give(from_json(dict(variant.graph)), variant.sizes, variant.inputs))


def model_name(path: Path) -> str:
    """A model's name from that of its file: letters, digits, dots, hyphens and underscores."""
    name = re.sub(r"\.(onnx|tflite)$", "", path.name)
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")
    return name[:64] or "model"
