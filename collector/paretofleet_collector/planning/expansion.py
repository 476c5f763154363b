"""From a specification to the configurations that it means, or the reasons why not. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from paretofleet_collector.errors import Refused
from paretofleet_collector.model.entities import (
    Configuration,
    Device,
    Missing,
    Plan,
    PlannedConfiguration,
    Refusal,
    Variant,
)
from paretofleet_collector.model.inputs import InputFile
from paretofleet_collector.model.run_time import PastTime
from paretofleet_collector.planning.data import (
    ACCURACY_WIRE_VERSION,
    candidates,
    check_classes,
    input_of,
    of_configuration,
)
from paretofleet_collector.planning.feeding import (
    FED_WIRE_VERSION,
    Fed,
    check_names,
    checked,
    description_of,
    feedings,
)
from paretofleet_collector.planning.hours import device_plans
from paretofleet_collector.planning.pacing import pace_refusal
from paretofleet_collector.planning.placements import Placement, placements
from paretofleet_collector.planning.precisions import ExecutedVariant, executed_variants
from paretofleet_collector.planning.protocols import protocol_of
from paretofleet_collector.planning.selection import find_variants, select_devices
from paretofleet_collector.planning.simulated import truth_of
from paretofleet_collector.planning.specification import Spec
from paretofleet_collector.planning.training import training_refusal

#: More runs than this, at the most repeats, are no one sweep.
RUNS_MAX = 100_000
#: Options that came later, at their defaults: configurations keep the ids that they had without them.
ALWAYS: Mapping[str, Mapping[str, Any]] = {"trtexec": {"engine": "rebuilt"}}


class Feed(NamedTuple):
    """The shapes that a file is fed: its SHA-256, the batch size, the sizes of free axes by name."""

    sha256: str
    batch_size: int
    sizes: tuple[tuple[str, int], ...]


def plan(
    spec: Spec,
    devices: Sequence[Device],
    variants: Sequence[Variant],
    files: Mapping[str, InputFile] | None = None,
    broken: Mapping[Feed, str] | None = None,
    past: Sequence[PastTime] = (),
) -> Plan:
    """Expands models x precisions x devices x targets x runtimes x batch sizes x sizes x threads x modes.

    `devices` and `variants` are all that there are; `files` are those of samples, by SHA-256, that `spec` or
    a variant names; `broken` are feeds that a graph cannot take, and why; `past` is what runs took in earlier
    sweeps. Combinations that cannot run are refused one by one. Raises NotFound for a model or a device that
    does not exist and for a selector that matches nothing, Refused where nothing is left to run.
    """
    _check_size(spec, 1)
    models = [find_variants(reference, variants) for reference in spec.models]
    chosen = select_devices(spec, devices)
    outcomes = [outcome for device in chosen for outcome in placements(spec, device)]
    refusals = [each for each in outcomes if isinstance(each, Refusal)]
    placed = [each for each in outcomes if isinstance(each, Placement)]
    _check_size(spec, len(placed))
    check_names(spec, models, files or {})
    planned: dict[str, PlannedConfiguration] = {}
    missing: dict[str, Missing] = {}
    unmade: dict[str, Variant] = {}
    for placement in placed:
        for outcome in _expand(spec, models, placement, files or {}):
            if isinstance(outcome, Variant):
                unmade.setdefault(outcome.sha256, outcome)
            elif isinstance(outcome, PlannedConfiguration):
                why = (broken or {}).get(feed_of(outcome.configuration))
                if why is not None:
                    refusals.append(Refusal(outcome.model, f"{outcome.model}: {why}."))
                elif placement.missing:
                    missing.setdefault(outcome.configuration_id, Missing(outcome, placement.missing))
                else:
                    planned.setdefault(outcome.configuration_id, outcome)
            elif not placement.missing:  # of a runtime that is not there, that alone is said
                refusals.append(outcome)
    planned, missing, others = _only(spec, planned, missing)
    refusals += others
    if not planned:
        raise Refused(_nothing(list(dict.fromkeys(refusals))))
    configurations = tuple(planned.values())
    macs = {variant.sha256: variant.macs for variant in (*variants, *unmade.values())}
    plans = tuple(device_plans(spec, chosen, configurations, macs, past))
    needed = {each.configuration.variant_sha256 for each in configurations}
    to_make = tuple(variant for sha256, variant in unmade.items() if sha256 in needed)
    return Plan(configurations, tuple(dict.fromkeys(refusals)), plans, tuple(missing.values()), to_make)


def _only(
    spec: Spec, planned: dict[str, PlannedConfiguration], missing: dict[str, Missing]
) -> tuple[dict[str, PlannedConfiguration], dict[str, Missing], list[Refusal]]:
    """Of what is `planned` or `missing` what `spec` asks for by id, and a refusal for each id of nothing."""
    if not spec.only:
        return planned, missing, []
    wanted = set(spec.only)
    unknown = [identity for identity in spec.only if identity not in planned and identity not in missing]
    why = "nothing that the other keys mean has this id any more: its model file or its device changed."
    return (
        {identity: each for identity, each in planned.items() if identity in wanted},
        {identity: each for identity, each in missing.items() if identity in wanted},
        [Refusal(f"configuration {identity}", f"configuration {identity}: {why}") for identity in unknown],
    )


def feed_of(configuration: Configuration) -> Feed:
    """What decides the shapes of a `configuration`."""
    sizes = tuple(sorted(configuration.sizes.items()))
    return Feed(configuration.variant_sha256, configuration.batch_size, sizes)


def _check_size(spec: Spec, placed: int) -> None:
    """Raises Refused for more runs than a sweep may have, before any configuration is made."""
    size = len(spec.models) * len(spec.precisions) * len(spec.batch_sizes) * len(spec.threads)
    size *= len(spec.modes) * placed * math.prod(map(len, spec.sizes.values()))
    runs = size * spec.repeats.runs_max
    if runs > RUNS_MAX:
        raise Refused(
            f"The sweep may have {runs:,} runs ({size:,} configurations, each up to {spec.repeats.runs_max} "
            f"times), more than {RUNS_MAX:,}: split it, or lower repeats.max."
        )


def _expand(
    spec: Spec,
    models: Sequence[Sequence[Variant]],
    placement: Placement,
    files: Mapping[str, InputFile],
) -> Iterator[PlannedConfiguration | Refusal | Variant]:
    """The configurations of one placement, what of them is refused, and variants that are to be made."""
    outcomes = list(dict.fromkeys(executed_variants(models, spec.precisions, placement)))
    yield from (each for each in outcomes if isinstance(each, Refusal))
    for executed in outcomes:
        if isinstance(executed, ExecutedVariant):
            if executed.variant.record and not executed.variant.stored:
                yield executed.variant
            yield from _configurations(spec, placement, executed, files)


def _configurations(
    spec: Spec, placement: Placement, executed: ExecutedVariant, files: Mapping[str, InputFile]
) -> Iterator[PlannedConfiguration | Refusal]:
    """One variant in one place, at every batch size and other size, in every mode and number of threads."""
    variant, device = executed.variant, placement.device
    fixed = variant.fixed_batch_size
    sizes = [size for size in spec.batch_sizes if fixed in (None, size)]
    if spec.data and fixed is not None:
        sizes = [fixed]
    if len(sizes) < len(spec.batch_sizes):
        others = ", ".join(str(size) for size in spec.batch_sizes if size != fixed)
        why = f"{variant.model} has a batch axis fixed at {fixed}; export it with a free one."
        yield Refusal(f"{variant.model} at batch size {others}", why)
    truth = truth_of(spec.simulated, variant, device)
    if isinstance(truth, Refusal):
        yield truth
        return
    feeds = list((_evaluated if spec.data else _feeds)(spec, placement, variant, sizes, files))
    yield from (each for each in feeds if isinstance(each, Refusal))
    for threads in spec.threads:
        cpus = len(device.inventory.cpus)
        if threads is not None and cpus and threads > cpus:
            why = f"{device.name} has {cpus} CPUs; ask for at most that many threads."
            yield Refusal(f"{threads} threads on {device.name}", why)
            continue
        for feed, mode in product(feeds, spec.modes):
            if isinstance(feed, Refusal):
                continue
            size, fed, data = feed
            protocol = protocol_of(spec.protocol, spec.timeout_s)
            refusal = pace_refusal(mode, size, placement.runtime.name, protocol)
            refusal = refusal or training_refusal(mode, placement, executed)
            if refusal is not None:
                yield refusal
                continue
            yield PlannedConfiguration(
                Configuration(
                    batch_size=size,
                    device_id=device.device_id,
                    mode=mode.name,
                    options=_options(spec, placement.runtime.name),
                    precision=executed.precision,
                    protocol=spec.protocol,
                    runtime=placement.runtime.name,
                    target_id=placement.target.target_id,
                    threads=threads,
                    timing_scope=spec.timing_scope,
                    variant_sha256=variant.sha256,
                    items_s=mode.items_s,
                    sizes=fed.sizes,
                    inputs=fed.inputs,
                    data=data,
                    simulated=truth,
                ),
                device=device.name,
                model=variant.model,
                variant=variant.variant,
                target=placement.target.alias,
            )


def _options(spec: Spec, runtime: str) -> dict[str, Any]:
    """What was asked of a `runtime`, without what it does anyway and did before it could be asked for."""
    always = ALWAYS.get(runtime, {})
    given = spec.options.get(runtime, {})
    return {name: value for name, value in given.items() if name not in always or always[name] != value}


def _feeds(
    spec: Spec,
    placement: Placement,
    variant: Variant,
    batch_sizes: Sequence[int],
    files: Mapping[str, InputFile],
) -> Iterator[tuple[int, Fed, Mapping[str, Any]] | Refusal]:
    """Each of `batch_sizes` with what its items are fed, and of no labelled set, or why not."""
    graph, device = description_of(variant), placement.device
    for batch_size, fed in product(batch_sizes, feedings(spec, variant, graph, files)):
        try:
            settled = checked(graph, fed, batch_size, files)
        except Refused as error:
            yield Refusal(variant.model, f"{variant.model}: {error}")
            continue
        if settled != Fed() and device.inventory.wire_version < FED_WIRE_VERSION:
            why = f"the agent of {device.name} is too old for sizes and inputs; upgrade it."
            yield Refusal(f"{variant.model} on {device.name}", why)
            continue
        yield batch_size, settled, {}


def _evaluated(
    spec: Spec,
    placement: Placement,
    variant: Variant,
    batch_sizes: Sequence[int],
    files: Mapping[str, InputFile],
) -> Iterator[tuple[int, Fed, Mapping[str, Any]] | Refusal]:
    """Each of `batch_sizes` with the tensors of the labelled set that the graph takes, or why none."""
    graph, device = description_of(variant), placement.device
    combination = f"{variant.model} on {device.name}"
    if device.simulated:
        yield Refusal(
            combination, f"{device.name} is simulated and predicts nothing: evaluate on a real one."
        )
        return
    if device.inventory.wire_version < ACCURACY_WIRE_VERSION:
        yield Refusal(combination, f"the agent of {device.name} is too old for mode accuracy; upgrade it.")
        return
    if graph is None:
        yield Refusal(combination, f"what {variant.model} takes was never read: add its file again.")
        return
    for batch_size in batch_sizes:
        why = f"no tensors of {spec.data['name']} were sent: name the set itself again."
        try:
            name = input_of(graph, variant.model)
            check_classes(graph, spec.data["classes"], variant.model)
        except Refused as error:
            yield Refusal(combination, str(error))
            continue
        for tensors, inputs in candidates(spec.data, name, files):
            try:
                sizes = {axis: each[0] for axis, each in spec.sizes.items()}
                settled = checked(graph, Fed({**variant.sizes, **sizes}, inputs), batch_size, files)
            except Refused as error:
                why = str(error)
                continue
            yield batch_size, settled, of_configuration(spec.data, tensors)
            break
        else:
            yield Refusal(combination, f"{variant.model}: {why}")


def _nothing(refusals: Sequence[Refusal]) -> str:
    more = f" ({len(refusals) - 1} more such reasons)" if len(refusals) > 1 else ""
    return f"Nothing is left to run: {refusals[0].why}{more}"
