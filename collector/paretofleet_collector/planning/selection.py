"""Which devices and which variants a specification names."""

from __future__ import annotations

from collections.abc import Sequence

from paretofleet_collector.errors import NotFound
from paretofleet_collector.model.entities import Device, Variant
from paretofleet_collector.planning.specification import Spec, is_local
from paretofleet_collector.suggest import did_you_mean


def select_devices(spec: Spec, devices: Sequence[Device]) -> tuple[Device, ...]:
    """Those of `devices` that the selector of `spec` names: every key must match, by any of its values.

    `class`, `state` and `name` (or the id) are the device's own, every other key is a label. Raises NotFound.
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
        if all(_matches(device, key, values) for key, values in spec.devices.items())
    )
    if not chosen:
        raise NotFound(_no_match(spec, present))
    return chosen


def _no_match(spec: Spec, present: Sequence[Device]) -> str:
    selector = ", ".join(f"{key}={'|'.join(values)}" for key, values in spec.devices.items())
    there = ", ".join(f"{device.name} (class {device.device_class})" for device in present[:5])
    more = f" and {len(present) - 5} more" if len(present) > 5 else ""
    keys = {"class", "name", "state"}.union(*(device.labels for device in present))
    odd = next((key for key in spec.devices if key not in keys), None)
    why = f"; no device has a label '{odd}', {did_you_mean(odd, keys)}" if odd else ""
    return f"No device matches {selector}; there are {there}{more}{why}"


def _matches(device: Device, key: str, values: tuple[str, ...]) -> bool:
    if key == "name":
        return device.name in values or device.device_id in values
    if key == "state":
        return device.state in values
    if key == "class":
        return device.device_class in values
    return device.labels.get(key) in values


def find_variants(reference: str, variants: Sequence[Variant]) -> list[Variant]:
    """Those of `variants` that a `reference` may mean, at least one; raises NotFound.

    A reference is `NAME`, `zoo:NAME` or `NAME@VARIANT`, the last by its name or 8 digits of its SHA-256.
    """
    if is_local(reference):
        raise NotFound(
            f"'{reference}' is a file, not a model of the collector; "
            f"add it with `paretofleet models add {reference}`."
        )
    name, _, variant = reference.removeprefix("zoo:").partition("@")
    of_model = [each for each in variants if each.model == name]
    if not of_model:
        near = did_you_mean(name, (each.model for each in variants))
        raise NotFound(f"Unknown model '{reference}': {near or 'add it with `paretofleet models add FILE`.'}")
    if not variant:
        return of_model
    exact = [each for each in of_model if variant == each.variant or _is_prefix(variant, each.sha256)]
    if not exact:
        near = did_you_mean(variant, (each.variant for each in of_model))
        raise NotFound(f"{name} has no variant '{variant}': {near}")
    return exact[:1]


def _is_prefix(text: str, sha256: str) -> bool:
    return len(text) >= 8 and sha256.startswith(text)
