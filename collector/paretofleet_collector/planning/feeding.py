"""What each model of a sweep is fed: sizes of its axes, laws and samples of its inputs, held to its graph."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from paretofleet_graph import Description, GraphRefused, from_json, laws, shapes, sizes_of, to_give

from paretofleet_collector.errors import Refused
from paretofleet_collector.model.entities import Variant
from paretofleet_collector.model.inputs import InputFile
from paretofleet_collector.planning.inputs import EVERY_INPUT, Inputs
from paretofleet_collector.planning.samples import array_of, check_samples, sizes_of_samples
from paretofleet_collector.planning.specification import Spec
from paretofleet_collector.suggest import did_you_mean

#: The protocol of agents that feed what a configuration says; older ones would feed what they always have.
FED_WIRE_VERSION = 2


@dataclass(frozen=True)
class Fed:
    """What one configuration is fed, as its identity has it; empty where all is left to the graph."""

    sizes: Mapping[str, int] = field(default_factory=dict)
    inputs: Inputs = field(default_factory=dict)


def check_names(spec: Spec, models: Sequence[Sequence[Variant]], files: Mapping[str, InputFile]) -> None:
    """Raises Refused for a size or an input of `spec` that none of `models`, lists of variants, has.

    `files` are those that it names, by SHA-256.
    """
    graphs = [graph for variants in models for graph in map(description_of, variants) if graph is not None]
    unread = next(
        (each.model for variants in models for each in variants if each.stored and not each.graph), ""
    )
    again = f"what {unread} takes was never read: add its file again."
    axes = dict.fromkeys(key for graph in graphs for key in axes_of(graph))
    inputs = dict.fromkeys(item.name for graph in graphs for item in graph.inputs)
    for name in spec.sizes:
        if name not in axes and any(graph.batch == name for graph in graphs):
            raise Refused(f"`sizes.{name}`: that axis is the batch; give its sizes as --batch-size 1,4.")
        if name not in axes:
            near = did_you_mean(name, axes) if axes else "all their axes but the batch are fixed."
            near = again if unread else near
            raise Refused(f"`sizes.{name}`: no model of the sweep has such a free axis; {near}")
    for name, fed in spec.inputs.items():
        if name not in inputs and name != EVERY_INPUT:
            near = again if unread else did_you_mean(name, inputs)
            raise Refused(f"`inputs.{name}`: no model of the sweep has such an input; {near}")
        if name == EVERY_INPUT and "sha256" in fed:
            _refuse_odd(files[fed["sha256"]], inputs, "no model of the sweep has an")
    for variant in (each for variants in models for each in variants):
        _check_unchanged(spec, variant, files)


def _refuse_odd(file: InputFile, names: Collection[str], nobody: str) -> None:
    """Raises Refused for an array of a `file` that is called like none of the inputs `names`."""
    odd = next((each.name for each in file.arrays if each.name not in names), None)
    if odd is not None:
        raise Refused(f"{file.name}: {nobody} input {odd}; {did_you_mean(odd, names)}")


def _check_unchanged(spec: Spec, variant: Variant, files: Mapping[str, InputFile]) -> None:
    """Raises Refused where a file has changed since it was given with the `variant`."""
    for name, stored in variant.inputs.items():
        fed = spec.inputs.get(name, spec.inputs.get(EVERY_INPUT, {}))
        if not {"sha256"} <= stored.keys() & fed.keys() or stored["sha256"] == fed["sha256"]:
            continue
        before, now = files.get(stored["sha256"]), files[fed["sha256"]]
        if before is not None and before.name == now.name:
            raise Refused(
                f"{now.name} has changed since it was added with {variant.model} (its SHA-256 was "
                f"{before.sha256[:12]}, now it is {now.sha256[:12]}); give it another name, or add the model "
                "again with it."
            )


def feedings(
    spec: Spec, variant: Variant, graph: Description | None, files: Mapping[str, InputFile]
) -> Iterator[Fed]:
    """What `spec` feeds the `variant` of a `graph`, once for each of its sizes, unchecked.

    `files`: by SHA-256. What the variant is fed by default stands where the specification says nothing.
    """
    if graph is None:
        yield Fed()
        return
    names = {item.name for item in graph.inputs}
    inputs = {**variant.inputs, **_inputs_of(spec.inputs, names, files)}
    keys = axes_of(graph)
    swept = {name: sizes for name, sizes in spec.sizes.items() if name in keys}
    given = {key for item in graph.inputs if _has_shape(spec.inputs, item.name) for key in item.axes or ()}
    default = {key: size for key, size in variant.sizes.items() if key not in given}
    for combination in product(*swept.values()):
        yield Fed({**default, **dict(zip(swept, combination, strict=True))}, inputs)


def _has_shape(inputs: Inputs, name: str) -> bool:
    """Whether `inputs` say how large the axes of the input `name` are, in the place of the variant."""
    return bool(inputs.get(name, inputs.get(EVERY_INPUT, {})).keys() & {"shape", "sha256"})


def _inputs_of(
    inputs: Inputs, names: set[str], files: Mapping[str, InputFile]
) -> dict[str, Mapping[str, Any]]:
    """Those of `inputs` for a model whose inputs have these `names`."""
    of_file: dict[str, Mapping[str, Any]] = {}
    every = inputs.get(EVERY_INPUT)
    if every is not None and "sha256" in every:
        arrays = files[every["sha256"]].arrays
        of_file = {array.name: every for array in arrays if array.name in names}
    return {**of_file, **{name: fed for name, fed in inputs.items() if name in names}}


def checked(graph: Description | None, fed: Fed, batch_size: int, files: Mapping[str, InputFile]) -> Fed:
    """What is `fed` to a model of a `graph` in batches of `batch_size` items, as a configuration has it.

    Shapes and samples, of `files` by SHA-256, have become sizes. Raises Refused for what the
    graph cannot take, with what to type.
    """
    if graph is None:
        return Fed()
    samples = _samples(fed.inputs, files)
    try:
        sizes = sizes_of_samples(graph, samples, fed.sizes)
        filled = shapes(graph, batch_size, sizes, fed.inputs)
        laws(graph, fed.inputs)
    except GraphRefused as error:
        raise Refused(f"{error}.") from None
    for name, file in samples.items():
        check_samples(graph, name, array_of(file, name), filled, file.name)
    given = {**_sizes(graph, filled), **{key: size for key, size in sizes.items() if key in graph.candidates}}
    return Fed(given, _without_shapes(fed.inputs))


def default_feed(graph: Description | None, fed: Fed, files: Mapping[str, InputFile]) -> Fed:
    """What is `fed` to a model of a `graph` where a sweep says nothing; shapes and samples have become sizes.

    `files`: by SHA-256. What is still to be given need not be there. Raises Refused for what the graph cannot
    take.
    """
    if graph is None or fed == Fed():
        return fed
    names = {item.name for item in graph.inputs}
    inputs = _inputs_of(fed.inputs, names, files)
    odd = next((name for name in fed.inputs if name not in names and name != EVERY_INPUT), None)
    if odd is not None:
        raise Refused(f"it has no input {odd}; {did_you_mean(odd, names)}")
    every = fed.inputs.get(EVERY_INPUT, {})
    if "sha256" in every:
        _refuse_odd(files[every["sha256"]], names, "it has no")
    try:
        sizes = sizes_of_samples(graph, _samples(inputs, files), sizes_of(graph, fed.sizes, inputs))
        missing = to_give(graph, sizes, inputs)
        laws(graph._replace(inputs=tuple(item for item in graph.inputs if item.name in inputs)), inputs)
    except GraphRefused as error:
        raise Refused(f"{error}.") from None
    if not missing:
        return checked(graph, Fed(sizes, inputs), graph.fixed_batch_size or 1, files)
    return Fed(sizes, _without_shapes(inputs))


def _samples(inputs: Inputs, files: Mapping[str, InputFile]) -> dict[str, InputFile]:
    return {name: files[fed["sha256"]] for name, fed in inputs.items() if "sha256" in fed}


def _without_shapes(inputs: Inputs) -> dict[str, dict[str, Any]]:
    kept = {
        name: {key: value for key, value in fed.items() if key != "shape"} for name, fed in inputs.items()
    }
    return {name: fed for name, fed in kept.items() if fed}


def _sizes(graph: Description, filled: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """The sizes of the free axes within the shapes of all inputs."""
    return {
        key: size
        for item in graph.inputs
        for key, size in zip(item.axes or (), filled[item.name], strict=True)
        if isinstance(key, str) and key in graph.free
    }


def description_of(variant: Variant) -> Description | None:
    """What the graph of the `variant` asks for; None where nobody has read it."""
    return from_json(dict(variant.graph)) if variant.graph else None


def axes_of(graph: Description) -> tuple[str, ...]:
    """The axes of `graph` that can be given a size: the free ones, and those that may be the batch."""
    return (*graph.free, *graph.candidates)
