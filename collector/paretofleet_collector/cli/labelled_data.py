"""A labelled set on its way to the collector: its labels, and tensors of every kind that the models take."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paretofleet_collector.cli.model_upload import add_model
from paretofleet_collector.cli.progress import Transfer, working
from paretofleet_collector.errors import Refused

if TYPE_CHECKING:
    import numpy as np

    from paretofleet_collector.model.entities import Variant
    from paretofleet_collector.planning.specification import Spec
    from paretofleet_collector.rpc.client import Client


def send_data(client: Client, spec: Spec) -> Spec:
    """The specification with the labelled set of `spec` prepared and sent, if it names one of this machine.

    Networks of the zoo are built first: what they take follows from their files. Raises Refused and NotFound
    before anything is sent, for what is no such set, or no set for any of the models.
    """
    if "path" not in spec.data:
        return spec
    from paretofleet_collector.datasets.labelled import ItemShape
    from paretofleet_collector.datasets.reading import read_set
    from paretofleet_collector.planning.data import wanted_of

    preparing = {key: value for key, value in spec.data.items() if key != "path"}
    with working(f"reading {spec.data['path']}"):
        labelled = read_set(spec.data["path"])
    sizes = {axis: each[0] for axis, each in spec.sizes.items()}
    prepared: dict[ItemShape, tuple[np.ndarray, dict[str, Any]]] = {}
    why: Refused | None = None
    for variant in _variants(client, spec.models):
        try:
            shape = ItemShape(*wanted_of(variant, sizes))
            if shape not in prepared:
                with working(f"preparing {labelled.name} for {variant.model}"):
                    prepared[shape] = labelled.items.prepared(shape, preparing)
        except Refused as error:
            why = Refused(f"{variant.model}: {error}")
    if not prepared and why is not None:
        raise why
    tensors = [
        {"sha256": _sent(client, labelled.name, "x", values), "preprocessing": how}
        for values, how in prepared.values()
    ]
    data = {
        "name": labelled.name,
        "sha256": labelled.sha256,
        "labels": _sent(client, labelled.name, "y", labelled.labels),
        "n": len(labelled.labels),
        "classes": labelled.classes,
        "tensors": tensors,
    }
    return replace(spec, data=data)


def _variants(client: Client, references: Iterable[str]) -> list[Variant]:
    """Every variant that the `references` of models mean, each with its file."""
    from paretofleet_collector.planning.selection import find_variants

    present = client.list_models()
    built = False
    for reference in references:
        for variant in find_variants(reference, present):
            if not variant.stored:
                add_model(client, f"zoo:{variant.model}")
                built = True
    present = client.list_models() if built else present
    found = [each for reference in references for each in find_variants(reference, present)]
    return list({each.sha256: each for each in found}.values())


def _sent(client: Client, name: str, array: str, values: np.ndarray) -> str:
    """The SHA-256 under which the collector keeps `values`, as an .npz with one `array`."""
    from paretofleet_collector.datasets.reading import write_array

    with tempfile.TemporaryDirectory(prefix="paretofleet-") as folder:
        target = Path(folder) / f"{array}.npz"
        write_array(target, array, values)
        with Transfer(name) as transfer:
            return client.add_inputs(target, name, transfer.at).sha256
