"""Where a specification runs: on which targets of a device, in which of its runtimes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from paretofleet_collector.model.entities import Device, Refusal, RuntimeInfo, Target
from paretofleet_collector.planning.specification import Spec

#: The kinds of target that a runtime can use where it is installed; of others it is not known.
TARGET_KINDS: Mapping[str, tuple[str, ...]] = {
    "onnxruntime": ("cpu", "cuda"),
    "torch": ("cpu", "cuda"),
    "openvino": ("cpu",),
    "litert": ("cpu",),
    "trtexec": ("cuda",),
}


@dataclass(frozen=True)
class Placement:
    """A device, one of its targets and a runtime that can use it; `missing`: why the device lacks it."""

    device: Device
    target: Target
    runtime: RuntimeInfo
    missing: str = ""


def placements(spec: Spec, device: Device) -> Iterator[Placement | Refusal]:
    """The targets of the `device` that `spec` names, each with each of its runtimes, or why not.

    A runtime that is missing on the device gives both: the refusal, and a placement that says it is missing.
    """
    inventory = device.inventory
    for alias in spec.targets:
        targets = [target for target in inventory.targets if _is_target(target, alias)]
        if not targets:
            there = ", ".join(target.alias for target in inventory.targets) or "none"
            yield Refusal(f"{device.name} {alias}", f"{device.name} has no target {alias}; it has {there}.")
        for target in targets:
            for name in spec.runtimes:
                yield from _placed(device, target, name)


def _placed(device: Device, target: Target, name: str) -> Iterator[Placement | Refusal]:
    runtime = next((each for each in device.inventory.runtimes if each.name == name), None)
    if runtime is not None and target.target_id in runtime.target_ids:
        yield Placement(device, target, runtime)
        return
    refusal = _no_runtime(device, target, name, runtime)
    yield refusal
    if runtime is None and target_kind(target) in TARGET_KINDS.get(name, (target_kind(target),)):
        yield Placement(device, target, RuntimeInfo(name, "", ()), refusal.why)


def target_kind(target: Target) -> str:
    """`cpu` or `cuda`: the alias of the `target` without its number."""
    return target.alias.partition(":")[0]


def _is_target(target: Target, alias: str) -> bool:
    """True for the id, the alias, or the alias without its number (`cuda` is every `cuda:N`)."""
    return alias in (target.target_id, target.alias, target_kind(target))


def _no_runtime(device: Device, target: Target, name: str, runtime: RuntimeInfo | None) -> Refusal:
    combination = f"{device.name} {target.alias} {name}"
    if runtime is not None:
        return Refusal(combination, f"{name} {runtime.version} on {device.name} cannot use {target.alias}.")
    if target_kind(target) not in TARGET_KINDS.get(name, (target_kind(target),)):
        return Refusal(combination, f"{name} cannot use {target.alias}.")
    there = ", ".join(sorted({each.name for each in device.inventory.runtimes})) or "none"
    return Refusal(
        combination,
        f"{device.name} has no runtime {name} (it has {there}); install it there, "
        "check with `paretofleet-agent probe` and start the agent again.",
    )
