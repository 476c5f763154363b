"""Items that calibrate a static quantisation: the user's samples, or values drawn by the graph's own laws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from paretofleet_graph import Description, GraphRefused, Law, constant_of, from_json, laws, shapes

from paretofleet_collector.errors import ModelRefused
from paretofleet_collector.model.recipes import Calibration

#: Types in the words of ONNX Runtime to numpy's; other inputs are fed from the user's samples alone.
_TYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(bool)": "bool",
    **{f"tensor({sign}int{bits})": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}
_SEED = 1


def feeds(task: Mapping[str, Any], calibration: Calibration) -> Iterator[dict[str, np.ndarray]]:
    """One feed for each item of the `calibration`: arrays by input, in batches of one or as the graph fixes.

    `task`: with the `graph` of the parent as JSON, its `sizes` and what its `inputs` are fed by default, and
    `samples`, the path of the user's .npz. Raises ModelRefused.
    """
    graph, called = from_json(task["graph"]), task["called"]
    batch = graph.fixed_batch_size or 1
    given = _samples(task["samples"], graph, calibration.items) if calibration.sha256 else {}
    try:
        filled = shapes(graph, batch, task["sizes"], {})
        drawn = laws(graph, {**task["inputs"], **{name: {"file": "given"} for name in given}})
    except GraphRefused as error:
        raise ModelRefused(f"{called}: nothing to calibrate with is known: {error}.") from None
    generator = np.random.default_rng(_SEED)
    types = {each.name: each.type for each in graph.inputs}
    for first in range(0, calibration.items, batch):
        feed = {}
        for name, shape in filled.items():
            if name in given:
                rows = np.arange(first, first + batch) % len(given[name])
                feed[name] = given[name][rows].reshape(shape)
            else:
                feed[name] = _drawn(generator, drawn[name], shape, types[name])
        yield feed


def _drawn(generator: np.random.Generator, law: Law, shape: tuple[int, ...], kind: str) -> np.ndarray:
    """Values by a law: normal ones of reals, ids evenly below their table, a constant."""
    dtype = _TYPES[kind]
    constant = constant_of(law)
    if constant is not None:
        return np.full(shape, constant, dtype)
    if law.span is not None:
        return generator.uniform(*law.span, shape).astype(dtype)
    if dtype.startswith("float"):
        return generator.normal(size=shape).astype(dtype)
    below = law.below if isinstance(law.below, int) else shape[-1] if shape else 1
    return generator.integers(0, max(1, 256 if law.values == "bytes" else below), shape).astype(dtype)


def _samples(path: str, graph: Description, items: int) -> dict[str, np.ndarray]:
    """The arrays of the .npz by the input that each feeds, at most `items` of them."""
    with np.load(path, allow_pickle=False) as archive:
        names = {each.name for each in graph.inputs}
        called = {name: archive[name][:items] for name in archive.files if name in names}
        if called or len(archive.files) > 1 or len(graph.inputs) != 1:
            return called
        return {graph.inputs[0].name: archive[archive.files[0]][:items]}
