"""From a specification to the configurations that it means, or the reasons why not. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from paretofleet_collector.errors import NotFound, Refused
from paretofleet_collector.model.entities import (
    Configuration,
    Device,
    DevicePlan,
    Missing,
    Plan,
    PlannedConfiguration,
    Refusal,
    RuntimeInfo,
    Target,
    Variant,
)
from paretofleet_collector.planning.protocols import PROTOCOLS
from paretofleet_collector.planning.specification import Spec, is_local
from paretofleet_collector.suggest import did_you_mean

CONFIGURATIONS_MAX = 100_000
#: (runtime, kind of target) -> the precisions in which it executes weights that the file keeps in fp32.
EXECUTED_FROM_FP32: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("torch", "cpu"): ("bf16", "fp16"),
    ("openvino", "cpu"): ("bf16", "fp16"),
    ("onnxruntime", "cuda"): ("tf32", "fp16"),
    ("torch", "cuda"): ("tf32", "bf16", "fp16"),
    ("trtexec", "cuda"): ("tf32", "bf16", "fp16"),
}
#: Runtimes that take nothing but a file's fp32 weights.
FP32_FILES_ONLY = ("torch",)
#: The kinds of target that a runtime can use where it is installed; of others it is not known.
TARGET_KINDS: Mapping[str, tuple[str, ...]] = {
    "onnxruntime": ("cpu", "cuda"),
    "torch": ("cpu", "cuda"),
    "openvino": ("cpu",),
    "trtexec": ("cuda",),
}


@dataclass(frozen=True)
class _Resolved:
    """A variant to be executed at a precision."""

    variant: Variant
    precision: str


@dataclass(frozen=True)
class _Place:
    """A device, one of its targets and a runtime that can use it; `missing`: why the device lacks it."""

    device: Device
    target: Target
    runtime: RuntimeInfo
    missing: str = ""


def plan(spec: Spec, devices: Sequence[Device], variants: Sequence[Variant]) -> Plan:
    """Expands models x precisions x devices x targets x runtimes x batch sizes x threads.

    Combinations that cannot run are refused one by one. Raises NotFound for a model or a device that does
    not exist and for a selector that matches nothing, Refused when nothing is left to run.
    """
    refusals: dict[Refusal, None] = {}
    found = [find_variants(reference, variants) for reference in spec.models]
    chosen = select_devices(spec, devices)
    places = [place for device in chosen for place in _places(spec, device, refusals)]
    size = len(found) * len(spec.precisions) * len(places) * len(spec.batch_sizes) * len(spec.threads)
    if size > CONFIGURATIONS_MAX:
        raise Refused(f"The sweep has {size} configurations, more than {CONFIGURATIONS_MAX}; split it.")
    planned: dict[str, PlannedConfiguration] = {}
    missing: dict[str, Missing] = {}
    for place in places:
        # Of a runtime that is not there, that alone is said.
        said: dict[Refusal, None] = {} if place.missing else refusals
        for one in _resolve_models(spec, found, place, said):
            for item in _configurations(spec, place, one, said):
                if place.missing:
                    missing.setdefault(item.configuration_id, Missing(item, place.missing))
                else:
                    planned.setdefault(item.configuration_id, item)
    if not planned:
        raise Refused(_nothing(list(refusals)))
    configurations = tuple(planned.values())
    plans = tuple(_device_plans(spec, chosen, configurations))
    return Plan(configurations, tuple(refusals), plans, tuple(missing.values()))


def select_devices(spec: Spec, devices: Sequence[Device]) -> tuple[Device, ...]:
    """The devices that the selector names: every key must match, by any of its values.

    `class` and `name` (or the id) are the device's own, every other key is a label. Raises NotFound.
    """
    present = [device for device in devices if device.state != "removed"]
    for name in spec.devices.get("name", ()):
        if not any(name in (device.name, device.device_id) for device in present):
            near = did_you_mean(name, (device.name for device in present))
            raise NotFound(f"Unknown device '{name}': {near or 'no device has joined.'}")
    if not present:
        raise NotFound("No device has joined; start one with `paretofleet up` or `paretofleet-agent run`.")
    chosen = tuple(
        device
        for device in present
        if all(_matches(device, key, wanted) for key, wanted in spec.devices.items())
    )
    if not chosen:
        asked = ", ".join(f"{key}={'|'.join(wanted)}" for key, wanted in spec.devices.items())
        there = ", ".join(f"{device.name} (class {device.device_class})" for device in present[:5])
        more = f" and {len(present) - 5} more" if len(present) > 5 else ""
        keys = {"class", "name"}.union(*(device.labels for device in present))
        odd = next((key for key in spec.devices if key not in keys), None)
        why = f"; no device has a label '{odd}', {did_you_mean(odd, keys)}" if odd else ""
        raise NotFound(f"No device matches {asked}; there are {there}{more}{why}")
    return chosen


def _matches(device: Device, key: str, wanted: tuple[str, ...]) -> bool:
    if key == "name":
        return device.name in wanted or device.device_id in wanted
    if key == "class":
        return device.device_class in wanted
    return device.labels.get(key) in wanted


def _resolve_models(
    spec: Spec, found: Sequence[list[Variant]], place: _Place, refusals: dict[Refusal, None]
) -> list[_Resolved]:
    result: dict[_Resolved, None] = {}
    for variants in found:
        for precision in spec.precisions:
            answer = _resolve(variants, precision, place)
            if isinstance(answer, Refusal):
                refusals[answer] = None
            else:
                result[answer] = None
    return list(result)


def find_variants(reference: str, variants: Sequence[Variant]) -> list[Variant]:
    """The variants that `NAME`, `zoo:NAME` or `NAME@VARIANT` may mean, at least one; raises NotFound."""
    if is_local(reference):
        raise NotFound(
            f"'{reference}' is a file, not a model of the collector; "
            f"add it with `paretofleet models add {reference}`."
        )
    name, _, variant = reference.removeprefix("zoo:").partition("@")
    found = [one for one in variants if one.model == name]
    if not found:
        near = did_you_mean(name, (one.model for one in variants))
        raise NotFound(f"Unknown model '{reference}': {near or 'add it with `paretofleet models add FILE`.'}")
    if not variant:
        return found
    exact = [one for one in found if variant == one.variant or _is_prefix(variant, one.sha256)]
    if not exact:
        raise NotFound(
            f"{name} has no variant '{variant}': {did_you_mean(variant, (one.variant for one in found))}"
        )
    return exact[:1]


def _is_prefix(text: str, sha256: str) -> bool:
    return len(text) >= 8 and sha256.startswith(text)


def _resolve(found: list[Variant], precision: str, place: _Place) -> _Resolved | Refusal:
    """The variant to run for a precision. Weights are never converted behind the user's back.

    A file of that precision where there is one; else the fp32 file where the runtime executes it so.
    """
    name, runtime, target = found[0].model, place.runtime.name, place.target.alias.partition(":")[0]
    executed = EXECUTED_FROM_FP32.get((runtime, target), ())
    if precision == "tf32" and target != "cuda":
        what = f"{name} at tf32 on {place.device.name} {place.target.alias}"
        return Refusal(what, "tf32 is a mode of CUDA targets only.")
    if precision == "native":
        fitting = [one for one in found if one.parent is None] or found
    else:
        fitting = [one for one in found if one.weights_precision == precision]
        if runtime in FP32_FILES_ONLY or (precision in executed and not fitting):
            fitting = [one for one in found if one.weights_precision == "fp32"]
            if precision not in ("fp32", *executed):
                kinds = ", ".join(("fp32", *executed))
                return Refusal(
                    f"{name} at {precision} with {runtime}",
                    f"{runtime} on {place.target.alias} takes fp32 files only and executes them in {kinds}.",
                )
    if not fitting:
        able = [
            other
            for (other, kind), kinds in EXECUTED_FROM_FP32.items()
            if precision in kinds and kind == target
        ]
        other = f"; {', '.join(able)} can execute the fp32 one so" if able and runtime not in able else ""
        return Refusal(
            f"{name} at {precision} with {runtime}",
            f"{name} has no {precision} variant: add one with "
            f"`paretofleet models add FILE --variant-of {name} --precision {precision}`{other}.",
        )
    if len(fitting) > 1:
        names = ", ".join(one.variant for one in fitting)
        return Refusal(
            f"{name} at {precision}",
            f"{name} has {len(fitting)} such variants ({names}): "
            f"name one, as in `{name}@{fitting[0].variant}`.",
        )
    return _Resolved(fitting[0], precision)


def _places(spec: Spec, device: Device, refusals: dict[Refusal, None]) -> Iterator[_Place]:
    inventory = device.inventory
    for wanted in spec.targets:
        targets = [target for target in inventory.targets if _is_target(target, wanted)]
        if not targets:
            there = ", ".join(target.alias for target in inventory.targets) or "none"
            refusals[
                Refusal(f"{device.name} {wanted}", f"{device.name} has no target {wanted}; it has {there}.")
            ] = None
        for target in targets:
            for name in spec.runtimes:
                runtime = next((one for one in inventory.runtimes if one.name == name), None)
                if runtime is not None and target.target_id in runtime.target_ids:
                    yield _Place(device, target, runtime)
                    continue
                refusal = _no_runtime(device, target, name, runtime)
                refusals[refusal] = None
                if runtime is None and _kind(target) in TARGET_KINDS.get(name, (_kind(target),)):
                    yield _Place(device, target, RuntimeInfo(name, "", ()), refusal.why)


def _kind(target: Target) -> str:
    """`cpu` or `cuda`: the alias without its number."""
    return target.alias.partition(":")[0]


def _is_target(target: Target, wanted: str) -> bool:
    """True for the id, the alias, or the alias without its number (`cuda` is every `cuda:N`)."""
    return wanted in (target.target_id, target.alias, _kind(target))


def _no_runtime(device: Device, target: Target, name: str, runtime: RuntimeInfo | None) -> Refusal:
    what = f"{device.name} {target.alias} {name}"
    if runtime is not None:
        return Refusal(what, f"{name} {runtime.version} on {device.name} cannot use {target.alias}.")
    if _kind(target) not in TARGET_KINDS.get(name, (_kind(target),)):
        return Refusal(what, f"{name} cannot use {target.alias}.")
    there = ", ".join(sorted({one.name for one in device.inventory.runtimes})) or "none"
    return Refusal(
        what,
        f"{device.name} has no runtime {name} (it has {there}); install it there, "
        "check with `paretofleet-agent probe` and start the agent again.",
    )


def _configurations(
    spec: Spec, place: _Place, one: _Resolved, refusals: dict[Refusal, None]
) -> Iterator[PlannedConfiguration]:
    variant, device = one.variant, place.device
    fixed = variant.fixed_batch_size
    sizes = [size for size in spec.batch_sizes if fixed in (None, size)]
    if len(sizes) < len(spec.batch_sizes):
        others = ", ".join(str(size) for size in spec.batch_sizes if size != fixed)
        why = f"{variant.model} has a batch axis fixed at {fixed}; export it with a free one."
        refusals[Refusal(f"{variant.model} at batch size {others}", why)] = None
    for threads in spec.threads:
        cpus = len(device.inventory.cpus)
        if threads is not None and cpus and threads > cpus:
            what = f"{threads} threads on {device.name}"
            refusals[Refusal(what, f"{device.name} has {cpus} CPUs; ask for at most that many threads.")] = (
                None
            )
            continue
        for size in sizes:
            yield PlannedConfiguration(
                Configuration(
                    batch_size=size,
                    device_id=device.device_id,
                    mode=spec.mode,
                    options=spec.options.get(place.runtime.name, {}),
                    precision=one.precision,
                    protocol=spec.protocol,
                    runtime=place.runtime.name,
                    target_id=place.target.target_id,
                    threads=threads,
                    timing_scope=spec.timing_scope,
                    variant_sha256=variant.sha256,
                ),
                device=device.name,
                model=variant.model,
                variant=variant.variant,
                target=place.target.alias,
            )


def _nothing(refusals: list[Refusal]) -> str:
    more = f" ({len(refusals) - 1} more such reasons)" if len(refusals) > 1 else ""
    return f"Nothing is left to run: {refusals[0].why}{more}"


def _device_plans(
    spec: Spec, devices: Sequence[Device], configurations: Sequence[PlannedConfiguration]
) -> Iterator[DevicePlan]:
    """One line per device that has work; seconds as its protocol and the time limits give them."""
    protocol, repeats = PROTOCOLS[spec.protocol], spec.repeats
    for device in devices:
        own = [item for item in configurations if item.configuration.device_id == device.device_id]
        count = len(own)
        if not count:
            continue
        kinds = {sensor.kind for sensor in device.inventory.sensors}
        slow = [_is_jetson(device) or item.configuration.target_id != "cpu" for item in own]
        block_s = sum(protocol.run_seconds(kinds, wakes_slowly=one) for one in slow)
        block_s += protocol.block_seconds(kinds)
        yield DevicePlan(
            device=device.name,
            configurations=count,
            runs_min=count * repeats.runs_min,
            runs_max=count * repeats.runs_max,
            seconds_min=repeats.runs_min * block_s,
            seconds_max=count * repeats.runs_max * (protocol.limits.cool_max_s + protocol.limits.timeout_s),
        )


def _is_jetson(device: Device) -> bool:
    """By its class or by a power monitor that only Jetsons have; one without either is planned too short."""
    return device.device_class.startswith("jetson") or any(
        sensor.source == "ina3221" for sensor in device.inventory.sensors
    )
